"""What cue files say of a soundtrack's impacts and slides: reading and checking, whatever they are used for."""
