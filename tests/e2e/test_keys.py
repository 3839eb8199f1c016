"""Keys in the distributed runtime: kept in PostgreSQL, made and revoked while a server runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.command import wait_until
from tests.app.server.processes import serving
from tests.e2e.workers import Place, placed
from tests.services.service import Service


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def test_a_key_is_good_until_it_is_revoked_and_its_use_is_noted(place: Place) -> None:
    with serving(place.folder, **place.env) as server:
        assert server.one_time_key is not None
        key = place.command("keys", "add", "olga", "--role", "operator", "--actor", "ann").out.strip()
        assert server.get("/api/v1/keys", key).status_code == 200
        told = dict(line.rsplit(" ", 1) for line in server.get("/metrics", key).text.splitlines() if line[0] != "#")
        assert (told["journey_record_position"], told["journey_published_total"]) == ("1.0", "0.0")
        assert float(told['journey_staleness_seconds{model="sales"}']) > 0, "no worker brings the read models to where the record is"
        wait_until(lambda: place.command("keys", "--json").json["keys"][0]["used_at"] is not None)
        assert place.command("keys", "revoke", "olga", "--reason", "left", "--actor", "ben").status == 0
        wait_until(lambda: server.get("/api/v1/keys", key).status_code == 401)
    said = place.command("audit", "--json").json["decisions"]
    assert [(one["actor"], one["action"]) for one in said if "key" in one["detail"]] == [("ann", "add-key"), ("ben", "revoke-key")]
