"""`journey rebuild` on the embedded runtime: what is derived is derived anew, what differed is told by table, and it is recorded."""

import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.app.command import COMMAND, environment, here, refused

NOTHING: dict[str, Any] = {}


def digests(cwd: Path) -> tuple[str, str]:
    found = here("digest", "--json", cwd=cwd).json
    return found["marketing"], found["sales"]


def spoil(cwd: Path, model: str, *statements: str) -> None:
    with sqlite3.connect(cwd / "journey-data" / f"{model}.db") as db:
        for one in statements:
            db.execute(one)


@pytest.mark.parametrize("what", ["marketing", "sales"])
def test_a_read_model_that_is_well_comes_out_the_same(desk: Path, what: str) -> None:
    before = digests(desk)
    answer = here("rebuild", what, "--json", cwd=desk).json
    assert answer[what]["before"] == answer[what]["after"] == before[what == "sales"]
    assert answer[what]["tables"] == NOTHING
    assert digests(desk) == before


def test_all_that_is_well_comes_out_the_same_at_the_next_position(desk: Path) -> None:
    before, stood = digests(desk), here("digest", "--json", cwd=desk).json["position"]
    answer = here("rebuild", "all", "--json", cwd=desk).json
    assert answer["position"] == stood + 1
    assert [(answer[model]["before"], answer[model]["after"]) for model in ("marketing", "sales")] == [(one, one) for one in before]
    assert [answer[model]["tables"] for model in ("marketing", "sales")] == [NOTHING, NOTHING]
    assert here("rebuild", "all", cwd=desk).out.count("as it was before") == 2


@pytest.mark.parametrize("what", ["marketing", "all"])
def test_rows_spoiled_by_hand_are_told_by_table_and_put_right(desk: Path, what: str) -> None:
    well = digests(desk)
    spoil(desk, "marketing", "UPDATE touched SET n = n + 1", "DELETE FROM spend")
    spoiled = digests(desk)
    assert spoiled[0] != well[0]
    answer = here("rebuild", what, "--json", cwd=desk).json["marketing"]
    assert (answer["before"], answer["after"]) == (spoiled[0], well[0])
    assert answer["tables"]["spend"]["added"] > 0
    assert answer["tables"]["touched"]["changed"] > 0
    assert set(answer["tables"]) == {"spend", "touched"}
    assert digests(desk) == well


def test_it_says_what_it_did_in_words(desk: Path) -> None:
    spoil(desk, "sales", "DELETE FROM deals")
    out = here("rebuild", "sales", cwd=desk).out
    assert "sales: digest" in out
    assert "->" in out
    assert "added" in next(line for line in out.splitlines() if line.strip().startswith("deals"))


def test_who_rebuilt_and_why_is_in_the_audit(desk: Path) -> None:
    here("rebuild", "sales", "--actor", "ann", "--reason", "to see", cwd=desk)
    here("rebuild", "all", "--actor", "bob", "--reason", "all of it", cwd=desk)
    one, other = here("audit", "--action", "rebuild", "--json", cwd=desk).json["decisions"]
    assert (one["actor"], one["reason"], one["detail"]["what"]) == ("ann", "to see", "sales")
    assert one["detail"]["before"] == one["detail"]["after"]
    assert (other["actor"], other["reason"], other["detail"]["what"]) == ("bob", "all of it", "all")
    assert "rebuild" in here("audit", cwd=desk).out


def test_what_is_not_a_read_model_is_refused(desk: Path) -> None:
    assert "'finance' is not one of" in here("rebuild", "finance", cwd=desk).err


def test_without_data_it_is_one_line(tmp_path: Path) -> None:
    assert refused(here("rebuild", "all", "--json", cwd=tmp_path)).startswith("there is no data in journey-data (/")


def test_from_the_log_is_for_kafka(desk: Path) -> None:
    assert "JOURNEY_KAFKA" in refused(here("rebuild", "all", "--from-log", cwd=desk))


@pytest.mark.parametrize("after", [0.5, 0.7, 0.9, 1.1])
def test_killed_anywhere_it_is_run_again(desk: Path, after: float) -> None:
    well = digests(desk)
    spoil(desk, "marketing", "DELETE FROM spend", "UPDATE touched SET n = n + 1")
    ran = subprocess.Popen([*COMMAND, "rebuild", "all"], cwd=desk, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    ran.send_signal(signal.SIGKILL)
    ran.wait()
    assert here("rebuild", "all", cwd=desk).status == 0
    assert digests(desk) == well
