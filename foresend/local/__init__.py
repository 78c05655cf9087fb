"""The local stack: a real Kafka broker and a real Flink cluster, from packages, on loopback."""
