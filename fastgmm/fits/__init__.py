"""A whole fit: starts compared, the run, checkpoints; the same for a stream that never ends."""
