"""The second keyed operator of the job: what all users together have taught, published as snapshots."""
