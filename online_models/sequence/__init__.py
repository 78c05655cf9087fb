"""The sequence part: a recurrent state of one person, stepped on each event, and its term of a score."""
