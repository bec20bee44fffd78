"""How the networks are run: arrays in, arrays out, whatever computes them."""
