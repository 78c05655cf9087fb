"""Mapping files: any row of a CSV or JSONL file, and any JSON record of a Kafka topic, as an event."""
