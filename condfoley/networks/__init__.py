"""The learned parts (torch): one network a file."""
