"""A Kafka that asks who one is, and that shows who it is: by the settings of the environment, everything works as without."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.clock import now
from app.settings import Servers, where
from schemas.incoming import Incoming
from streams.kafka.log import KafkaLog
from streams.kafka.topics import ensure_topics
from tests.app.command import journey, put, touch
from tests.e2e.workers import placed
from tests.services.kafka import PASSWORD, USER, Secured, secured_kafka
from tests.services.processes import NoService

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def secured(services: Path) -> Iterator[Secured]:
    try:
        with secured_kafka(services / f"secured-{os.getpid()}") as secured:
            yield secured
    except NoService as reason:
        pytest.fail(str(reason), pytrace=False)


def known(mechanism: str = "PLAIN") -> dict[str, str]:
    return {"JOURNEY_SASL_MECHANISM": mechanism, "JOURNEY_USERNAME": USER, "JOURNEY_PASSWORD": PASSWORD}


def ways(secured: Secured) -> dict[str, dict[str, str]]:
    """The environment of each way to come in."""
    trusted = {"JOURNEY_CA_FILE": str(secured.ca_file)}
    return {
        "PLAIN": {"JOURNEY_KAFKA": secured.sasl, "JOURNEY_SECURITY": "SASL_PLAINTEXT", **known()},
        "SCRAM": {"JOURNEY_KAFKA": secured.sasl, "JOURNEY_SECURITY": "SASL_PLAINTEXT", **known("SCRAM-SHA-256")},
        "TLS": {"JOURNEY_KAFKA": secured.tls, "JOURNEY_SECURITY": "SSL", **trusted},
        "both": {"JOURNEY_KAFKA": secured.both, "JOURNEY_SECURITY": "SASL_SSL", **trusted, **known("SCRAM-SHA-256")},
    }


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM", "TLS", "both"])
async def test_what_is_published_is_read(secured: Secured, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env = ways(secured)[way] | {"JOURNEY_POSTGRES": "postgresql://not/asked", "JOURNEY_PREFIX": way, "JOURNEY_PARTITIONS": "1"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    place = where(None)
    assert isinstance(place, Servers)
    await ensure_topics(place.kafka)
    async with KafkaLog(place.kafka) as log:
        await log.append([Incoming(b"a", "test", "test:1")], now())
        assert [one.incoming.raw for one in await log.read(0, after=-1, limit=10)] == [b"a"]


@pytest.mark.parametrize("way", ["PLAIN", "both"])
def test_a_worker_places_what_is_ingested(secured: Secured, way: str, database: str, tmp_path: Path) -> None:
    env = ways(secured)[way]
    with placed(env.pop("JOURNEY_KAFKA"), database, f"worked-{way}", tmp_path) as place:
        place.more = env
        place.start("w1")
        put(tmp_path / "one.jsonl", touch())
        assert place.command("ingest", "one.jsonl", "--json").json["accepted"] == 1


@pytest.mark.parametrize(
    ("way", "wrong", "says"),
    [
        ("PLAIN", {"JOURNEY_PASSWORD": "guessed"}, "refuses our credentials"),
        ("SCRAM", {"JOURNEY_PASSWORD": "guessed"}, "refuses our credentials"),
        ("both", {"JOURNEY_USERNAME": "mallory"}, "refuses our credentials"),
        ("SCRAM", {"JOURNEY_SASL_MECHANISM": "SCRAM-SHA-512"}, "refuses our credentials"),
        ("PLAIN", {"JOURNEY_SASL_MECHANISM": "plain"}, "JOURNEY_SASL_MECHANISM"),
        ("PLAIN", {"JOURNEY_PASSWORD": ""}, "JOURNEY_PASSWORD"),
        ("TLS", {"JOURNEY_CA_FILE": ""}, "not to be trusted"),
        ("TLS", {"JOURNEY_CA_FILE": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    secured: Secured, way: str, wrong: dict[str, str], says: str, database: str, tmp_path: Path
) -> None:
    env = ways(secured)[way] | {"JOURNEY_POSTGRES": database, **wrong}
    ran = journey("worker", cwd=tmp_path, **env)
    assert (ran.status, ran.raw) == (1, b"")
    (told,) = ran.err.splitlines()
    assert says in told
    assert PASSWORD not in told
    assert "guessed" not in told
