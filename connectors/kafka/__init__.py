"""Kafka: clients from settings, the topics of the table, who owns a key, and the writers of worlds."""
