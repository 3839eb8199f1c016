"""Where Kafka is, and what its topics are like. Loads none of its clients, which the embedded runtime does without."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal

from journey.errors import Refused

REQUEST_MS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Where Kafka is and what its topics are like. `prefix` begins the name of every topic and consumer group."""

    bootstrap: str
    prefix: str = "journey"
    touchpoints: str | None = None
    """The topic of touchpoints, where it is not `{prefix}.touchpoints`."""
    partitions: int = 4
    replication: int = 1
    retention_hours: int = 168
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @property
    def placement_group(self) -> str:
        """The consumer group of the workers that place."""
        return f"{self.prefix}-placement"

    def connection(self) -> dict[str, Any]:
        """What every client of aiokafka's takes. Raises Refused."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "request_timeout_ms": REQUEST_MS_MAX,
            "security_protocol": self.security,
        }
        if self.security.startswith("SASL"):
            if self.username is None or self.password is None:
                raise Refused(f"{self.security} needs a name and a password; set JOURNEY_USERNAME and JOURNEY_PASSWORD")
            found |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.security.endswith("SSL"):
            try:
                found["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:
                raise Refused(f"no authorities can be read from {self.ca_file} (JOURNEY_CA_FILE): {error.strerror or error}") from error
        return found
