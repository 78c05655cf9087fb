"""Everything that waits: Kafka, the cache, the collector and the gateway."""
