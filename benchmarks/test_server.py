"""What the benchmark of the server asks and tells. How fast anything is, is nobody's business here."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.measuring import said_by
from benchmarks.server import BARE, OURS, QUICKLY_PUBLISHED, percentile
from projections.figures.sections import SECTIONS

SECONDS_MAX = 400


def test_so_many_of_a_hundred_are_answered_within_a_percentile() -> None:
    assert [percentile(range(100, 0, -1), percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert [percentile([3.0, 1.0, 2.0], percent) for percent in (50, 99)] == [2.0, 3.0]


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_MAX + 30)
def test_both_servers_get_the_same_and_every_section_is_asked(tmp_path: Path) -> None:
    out = tmp_path / "quick.json"

    said = said_by([sys.executable, "-m", "benchmarks.server", "--quick", "--out", str(out)], seconds_max=SECONDS_MAX)

    told = json.loads(out.read_text())
    rounds = [(one["server"], one["events"], one["requests"]) for one in told["published"]]
    assert rounds == [(server, events, count) for events, count in QUICKLY_PUBLISHED.items() for server in (OURS, BARE)]
    assert all(one["level_seconds"] >= one["seconds"] > 0 and one["p99_ms"] >= one["p50_ms"] > 0 for one in told["published"])
    asked = {one["path"].partition("?")[0] for one in told["read"]}
    assert asked >= {f"/{section.model}" for section in SECTIONS} | {f"/api/v1/{section.model}/{section.name}" for section in SECTIONS}
    assert OURS in said
    assert BARE in said
