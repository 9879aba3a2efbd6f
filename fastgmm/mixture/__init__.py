"""Two values, a mixture and its statistics, and what can be computed from them alone."""
