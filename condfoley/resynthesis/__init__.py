"""A soundtrack made of the reference's own samples, at its rate and with its channels: concatenative resynthesis."""
