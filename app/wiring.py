"""The one place that wires things: settings, and the engine that they describe."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from journey.errors import Refused


class Settings(BaseSettings):
    """Where data lives, read once. Embedded in a folder, or distributed over Kafka and PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="JOURNEY_", frozen=True, extra="ignore")

    data: Path | None = Field(default=None, description="folder of the embedded data; default ./journey-data")
    kafka: str | None = Field(default=None, description="bootstrap servers of Kafka")
    postgres: str | None = Field(default=None, description="address of PostgreSQL")


def data_folder(given: Path | None) -> Path:
    """Where the embedded data is, or is to be. Raises Refused where the settings ask for two runtimes, or half of one."""
    settings = Settings()
    if settings.kafka or settings.postgres:
        if not (settings.kafka and settings.postgres):
            there, missing = ("JOURNEY_KAFKA", "JOURNEY_POSTGRES") if settings.kafka else ("JOURNEY_POSTGRES", "JOURNEY_KAFKA")
            raise Refused(f"{there} is set and {missing} is not; the distributed runtime needs both, the embedded one neither")
        if given is not None or settings.data is not None:
            raise Refused("both a data folder and JOURNEY_KAFKA with JOURNEY_POSTGRES are given; use the one or the other")
        raise Refused("this version runs embedded only; unset JOURNEY_KAFKA and JOURNEY_POSTGRES")
    return given or settings.data or Path("journey-data")
