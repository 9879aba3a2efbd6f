"""Cholesky factors and Ward's trees, which are computed in float64 whatever the rows."""
