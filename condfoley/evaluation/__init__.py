"""Measures: pure functions of arrays, in seconds."""
