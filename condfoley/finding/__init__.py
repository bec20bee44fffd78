"""Which sounds of a folder fit a target's picture: `condfoley find`.

files.py    the sounds of a folder, recursively
listen.py   a sound's vectors, from its clearest windows
known.py    vectors on disk, by the hash of their sound
rank.py     the target's vector, and the sounds in order
"""
