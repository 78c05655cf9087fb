"""Benches: what the parts of the path do on this machine, in figures that others can compare with theirs."""
