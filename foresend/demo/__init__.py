"""The demo: simulated people, live, and what is measured of them."""
