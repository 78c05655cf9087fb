"""The cache node: RocksDB kept equal to its topics, and what must not be lost on the way out (the outbox)."""
