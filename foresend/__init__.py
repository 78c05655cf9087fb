"""The front door: the command line, its settings, and the local stack of broker, Flink and processes."""
