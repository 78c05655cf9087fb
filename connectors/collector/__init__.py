"""The collector: events in over HTTP, acknowledged once Kafka has them; and from topics of other producers."""
