"""Training data: data sets, the cache of decoded clips, pairs of windows, and simulated videos with known events."""
