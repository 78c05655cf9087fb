"""Policies: the rules that turn scores into probabilities. The draw itself is made where a candidate is served."""
