"""Training: one loop, one file for each stage's loss."""
