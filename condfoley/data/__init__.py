"""Data: pairs for training, and the simulation that makes videos with known sounds."""
