"""A short form of the simulator: `python -m tests.faults.simulator --seeds 1000` and `make soak` look further."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 240
FIRST, SEEDS = 3, 21
"""Among them are some that soon find each of the mutants of test_mutants.py."""
MUST_HAVE_HAPPENED = (
    "a process crashed",
    "a process froze",
    "a rebalance",
    "a worker read a partition that was another's",
    "a fetch came twice",
    "a fetch left something out",
    "a unit was refused: OutOfStep",
    "a unit was refused: Raced",
    "all was derived anew",
    "changes were no longer kept",
    "the record was away",
    "a deadline was announced",
    "the relay was frozen, and another took over",
    "a relay was fenced",
    "something told was taken back",
    "something was told twice",
)


def simulated(*options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.simulator", "--json", *options]
    ran = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True, timeout=SECONDS_MAX, check=False)
    assert ran.returncode == 0, ran.stderr.decode()[-4_000:]
    report: dict[str, Any] = orjson.loads(ran.stdout)
    return report


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return simulated("--first", str(FIRST), "--seeds", str(SEEDS))


def test_whatever_happens_between_any_two_steps_the_read_models_are_what_was_placed(report: dict[str, Any]) -> None:
    never = [what for what in MUST_HAVE_HAPPENED if not report["sometimes"].get(what)]
    assert never == [], "these seeds no longer show what they are to show"
    assert report["points_crashed_at"] >= 15


def test_a_seed_is_the_same_run_each_time(report: dict[str, Any]) -> None:
    first, other = report["traces"][:2]
    assert simulated("--seed", str(FIRST))["traces"] == [first]
    assert first != other
