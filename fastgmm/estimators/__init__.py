"""What users hold: GaussianMixture, its state, its files, snapshots, the choice of a model."""
