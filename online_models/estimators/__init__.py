"""What a policy would have earned on exposures that another one drew."""
