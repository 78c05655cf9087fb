"""How to reach Kafka. The same for every program."""

from dataclasses import dataclass, field

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True)
class KafkaSettings:
    """Where the brokers are and how to prove who we are.

    bootstrap    `host:port`, several joined by commas
    replication  copies of each topic that we create; -1: as the broker is configured
    connect_ms   how long one attempt to reach a broker may take
    """

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    replication: int = -1
    connect_ms: int = 10_000

    def problems(self) -> list[str]:
        """What is wrong with these values; nothing when they can be used."""
        found = [
            f"kafka.bootstrap: expected host:port, got {server!r}"
            for server in self.bootstrap.split(",")
            if not _is_address(server)
        ]
        if self.security_protocol not in SECURITY_PROTOCOLS:
            found.append(
                f"kafka.security_protocol: expected one of {', '.join(SECURITY_PROTOCOLS)}, "
                f"got {self.security_protocol!r}"
            )
        if self.replication != -1 and self.replication < 1:
            found.append(f"kafka.replication: expected -1 or at least 1, got {self.replication}")
        if self.connect_ms < 1:
            found.append(f"kafka.connect_ms: expected at least 1, got {self.connect_ms}")
        return found + self._sasl_problems()

    def _sasl_problems(self) -> list[str]:
        if not self.security_protocol.startswith("SASL"):
            if self.sasl_mechanism:
                return ["kafka.sasl_mechanism: is only used with the security protocols SASL_PLAINTEXT, SASL_SSL"]
            return []
        found = []
        if self.sasl_mechanism not in SASL_MECHANISMS:
            expected = ", ".join(SASL_MECHANISMS)
            found.append(f"kafka.sasl_mechanism: expected one of {expected}, got {self.sasl_mechanism!r}")
        if not (self.sasl_username and self.sasl_password):
            found.append("kafka.sasl_username, kafka.sasl_password: both are needed with SASL")
        return found


def _is_address(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536
