"""References of any length, and several of one material: their events are indexed, and what fits the target is read.

index.py      one recording's events, from one reading in flat memory
cache.py      indexes on disk, by the hash of their recording
window.py     the window that the model listens to: the clearest of all recordings
selection.py  the parts of all recordings of which a soundtrack can be made
"""
