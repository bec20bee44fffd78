"""Training: one loop, and in `stages` one file a stage."""
