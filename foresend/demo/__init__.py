"""The demo: simulated people with hidden tastes, and what is made of them."""
