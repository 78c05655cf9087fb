"""Delivery: who may be written to, what is granted, and the channels that send it: never twice, never to another."""
