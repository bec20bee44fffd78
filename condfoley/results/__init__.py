"""What is written: the result folder, the overview, provenance, timelines, tables."""
