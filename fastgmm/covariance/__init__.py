"""What a covariance type is: its arrays, its factors, its estimate, its free parameters."""
