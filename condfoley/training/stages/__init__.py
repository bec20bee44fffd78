"""One file a stage, named after it: what it draws, what it minimises, what it validates."""
