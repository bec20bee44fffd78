"""Other videos than of hands that strike things: balls, feet, fingers, and people and cameras that move without a sound."""
