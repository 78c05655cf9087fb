"""Erasure: the list of who was erased, and the sweep of what the topics hold of them."""
