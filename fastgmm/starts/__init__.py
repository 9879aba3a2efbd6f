"""First mixtures for EM, made from a sample of rows."""
