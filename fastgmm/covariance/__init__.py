"""What a covariance type is: its form, its factors, its estimate, its free parameters."""
