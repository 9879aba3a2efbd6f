"""First parameters from a sample of rows."""
