"""What programs tell on `/metrics`: one table of it, and what every program tells alike."""
