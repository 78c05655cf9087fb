"""The pure maths of one user at a time: features, models, policy, shift and candidates. No clock, no I/O."""
