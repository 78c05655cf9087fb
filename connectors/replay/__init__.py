"""Replay: recorded behaviour as events, to a topic with the records' own times or through a collector."""
