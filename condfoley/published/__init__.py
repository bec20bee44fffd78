"""CondFoleyGen's checkpoints, and the choices of its generation script (docs/published.md)."""
