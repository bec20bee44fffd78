"""A result that can be opened again: its cues, layers and sounds, and edits of them."""
