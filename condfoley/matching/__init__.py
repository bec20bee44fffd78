"""Gives a soundtrack's impacts the spectrum, envelopes, texture and dynamics that are wanted."""
