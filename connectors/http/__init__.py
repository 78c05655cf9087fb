"""HTTP between our own programs."""
