"""Simulated people with hidden tastes: what they do, what they are sent, and what becomes of it."""
