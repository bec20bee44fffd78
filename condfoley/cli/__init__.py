"""The command line; light to import."""
