"""One module for each command: `add_parser` declares it, `run` does it and returns the exit code."""
