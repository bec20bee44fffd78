"""Simulated videos in the style of Greatest Hits: someone hits and scratches objects, with exact ground truth."""
