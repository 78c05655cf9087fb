"""Judging the engine on logged decisions: progressively, by ranking, and as a policy."""
