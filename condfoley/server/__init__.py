"""`condfoley serve`: the loaded model behind an HTTP API on this machine."""
