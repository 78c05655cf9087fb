"""Batch training on logged examples and events: arrays in, arrays out."""
