"""A page on which anybody may be one of two of the demo's people."""
