"""The job `personalize` as `foresend bench hotpath` runs it: the same step, watched."""
