"""The command: words in, text out; uses the public API only."""
