"""A short soak: `make soak` is the long one."""

from pathlib import Path

from tests.faults.soak import run
from tests.services.service import Service

SEED = 11
FAULTS = ("worker killed", "all killed", "sessions ended", "two under one name", "worker killed", "both workers killed", "relay frozen")


def test_whatever_is_killed_what_was_acknowledged_is_in_both_read_models_once(
    own_kafka: Service, own_postgres: Service, tmp_path: Path
) -> None:
    said: list[str] = []
    report = run(tmp_path, own_kafka, own_postgres, 0, SEED, said.append, FAULTS)
    assert report["digests_equal"], "\n".join(said)
    assert report["letters_equal"], "\n".join(said)
    assert (report["lost"], report["doubled"], report["bent"]) == (0, 0, 0)
    assert len(report["poison"]) == len(FAULTS), "another record that is made to do harm after each"
    assert report["touchpoints"] > 1_000
    assert report["kills"] >= 8
    assert report["ended_by_themselves"] == []
    assert set(report["faults"]) == set(FAULTS)
