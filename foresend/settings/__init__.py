"""Settings: one frozen dataclass for each program, from the environment, a file and the command line."""
