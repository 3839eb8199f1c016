"""The one place that wires things: settings, and where the data is that they describe."""

import re
import socket
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from journey.errors import Refused
from streams.kafka.settings import KafkaSettings
from streams.postgres.address import read_address

DATA_FOLDER = Path("journey-data")

NAME_LENGTH_MAX = 200
NAME = re.compile(rf"(?!\.{{1,2}}$)[A-Za-z0-9._-]{{1,{NAME_LENGTH_MAX}}}")
"""What Kafka takes as the name of a topic or of a member of a group, and we begin or lengthen by some letters."""

_SERVER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")


class Form(StrEnum):
    """How a worker's log is written."""

    text = "text"
    json = "json"


class Settings(BaseSettings):
    """What the environment says, read once by each command. Both addresses: distributed over Kafka and PostgreSQL; neither: embedded."""

    model_config = SettingsConfigDict(env_prefix="JOURNEY_", env_ignore_empty=True, frozen=True, extra="ignore")

    # What may hold a password, also by mistake, is in no `repr`, and so in no log and no traceback.
    kafka: str | None = Field(default=None, description="bootstrap servers of Kafka", repr=False)
    postgres: str | None = Field(default=None, description="address of PostgreSQL", repr=False)
    marketing: str | None = Field(default=None, description="address of marketing's read model, where it is another server", repr=False)
    sales: str | None = Field(default=None, description="address of sales' read model, where it is another server", repr=False)
    instance: str | None = Field(default=None, description="name of this worker, the same after a restart; default: the host's name")
    prefix: str = Field(default="journey", description="begins the names of all topics and consumer groups")
    touchpoints: str | None = Field(default=None, description="topic of touchpoints; default: PREFIX.touchpoints")
    partitions: int = Field(default=4, ge=1, description="of topics that are made")
    replication: int = Field(default=1, ge=1, description="of topics that are made")
    retention_hours: int = Field(default=168, ge=1, description="how long topics that are made keep what is in them")
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(default="PLAINTEXT", description="how Kafka is spoken to")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(default="PLAIN", description="for Kafka with SASL")
    username: str | None = Field(default=None, description="for Kafka with SASL", repr=False)
    password: str | None = Field(default=None, description="for Kafka with SASL", repr=False)
    log: Form = Field(default=Form.text, description="how a worker's log is written")
    metrics_port: int | None = Field(default=None, ge=0, le=65_535, description="port of a worker's health and metrics; default: none")
    metrics_host: str = Field(default="127.0.0.1", description="address that a worker listens at for its health and metrics")
    ca_file: Path | None = Field(default=None, description="authorities that Kafka's certificate is checked against")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the distributed runtime is."""

    settings: Settings
    kafka: KafkaSettings
    postgres: str = field(repr=False)

    @property
    def instance(self) -> str:
        """Raises Refused where it is no name: it is one in Kafka, and in every line of a log."""
        return self.settings.instance or _name("this host's name, which is used for want of JOURNEY_INSTANCE,", socket.gethostname())


def read_settings() -> Settings:
    """What the environment says. Raises Refused where it can't be read, and repeats nothing of it: any of it may be secret."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        told = f"JOURNEY_{str(first['loc'][0]).upper()} can't be read: {first['msg']}"
    else:
        for name, value in settings:
            if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
                raise Refused(f"JOURNEY_{name.upper()} can't be read: it is not UTF-8")
        return settings
    raise Refused(told)


def where(given: Path | None) -> Path | Servers:
    """The folder of embedded data, or the servers of the distributed runtime. Raises Refused where both are asked for, or half of one."""
    settings = read_settings()
    if settings.kafka is None and settings.postgres is None:
        return given or DATA_FOLDER
    if settings.kafka is None or settings.postgres is None:
        there, missing = ("JOURNEY_KAFKA", "JOURNEY_POSTGRES") if settings.kafka else ("JOURNEY_POSTGRES", "JOURNEY_KAFKA")
        raise Refused(f"{there} is set and {missing} is not; the distributed runtime needs both, the embedded one neither")
    if given is not None:
        raise Refused(f"{given} is a folder of embedded data, and JOURNEY_KAFKA and JOURNEY_POSTGRES are set too; use the one or the other")
    _check_bootstrap(settings.kafka)
    for variable, address in (("POSTGRES", settings.postgres), ("MARKETING", settings.marketing), ("SALES", settings.sales)):
        if address is not None:
            read_address(address, f"JOURNEY_{variable}")
    for variable, name in (("PREFIX", settings.prefix), ("TOUCHPOINTS", settings.touchpoints), ("INSTANCE", settings.instance)):
        if name is not None:
            _name(f"JOURNEY_{variable}", name)
    kafka = KafkaSettings(
        bootstrap=settings.kafka,
        prefix=settings.prefix,
        touchpoints=settings.touchpoints,
        partitions=settings.partitions,
        replication=settings.replication,
        retention_hours=settings.retention_hours,
        security=settings.security,
        sasl_mechanism=settings.sasl_mechanism,
        username=settings.username,
        password=settings.password,
        ca_file=None if settings.ca_file is None else str(settings.ca_file),
    )
    return Servers(settings, kafka, settings.postgres)


def _check_bootstrap(servers: str) -> None:
    """Raises Refused for what no client could make sense of: each would wait for it for ever, under a port of its own choosing."""
    for server in servers.split(","):
        found = _SERVER.fullmatch(server.strip())
        if found is None or not 0 < int(found[2]) < 65_536:
            # Not repeated: it may hold a password.
            raise Refused(
                "JOURNEY_KAFKA can't be read: Kafka's address is HOST:PORT, or several of them with commas in between; a name and a"
                " password go in JOURNEY_USERNAME and JOURNEY_PASSWORD"
            )


def _name(what: str, name: str) -> str:
    """`name`, which `what` says. Raises Refused where Kafka would not take it."""
    if not NAME.fullmatch(name):
        raise Refused(f"{what} is no name for Kafka: up to {NAME_LENGTH_MAX} letters of A-Z, a-z, 0-9, dots, dashes and underscores")
    return name


def needs_clients() -> None:
    """Raises Refused where the clients of Kafka and PostgreSQL are not installed."""
    # Once it is loaded, Faust says nothing of where it came from: what is loaded is there.
    clients = ("aiokafka", "asyncpg", "faust", "uvloop")
    missing = [name for name in clients if name not in sys.modules and find_spec(name) is None]
    if missing:
        raise Refused(
            f"{', '.join(missing)} not installed; the distributed runtime needs: pip install 'customer-journey-engine[distributed]'"
        )


def data_folder(given: Path | None) -> Path:
    """The folder of embedded data. Raises Refused for what only the embedded runtime does, where servers are set."""
    place = where(given)
    if not isinstance(place, Path):
        raise Refused("this is for embedded data only; unset JOURNEY_KAFKA and JOURNEY_POSTGRES")
    return place
