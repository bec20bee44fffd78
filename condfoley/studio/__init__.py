"""`condfoley studio`: a local page on which a reference and a target become a soundtrack that can be edited."""
