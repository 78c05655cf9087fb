"""The streaming job: pure steps, the adapter that performs what they return, and the wiring."""
