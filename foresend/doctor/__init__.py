"""What a machine, a Kafka and a domain lack for Foresend to run there, and how each is mended."""
