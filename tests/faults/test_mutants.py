"""What holds the promises up, taken out piece by piece: each time a test fails. The list is the test.

Each mutant is a copy of the code with one place changed, and a test of ours, run on the copy, that has to fail.
"""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.sqlite.record import SqliteRecord
from tests.app.command import copied
from tests.services.kafka import ADDRESS as KAFKA_ADDRESS
from tests.services.postgres import ADDRESS
from tests.services.service import Service

COPIED = ("app", "journey", "projections", "schemas", "streams", "tests", "pyproject.toml")
FAILED = 1
"""As pytest ends where a test failed; it ends otherwise where it found none, or could not begin."""

SECONDS_MAX = 240
FULL = 2


class Mutant(NamedTuple):
    file: str
    is_: str
    becomes: str
    fails: str
    """The test that has to."""


STARTS_ELSEWHERE = "tests/contracts/test_histories.py::test_a_unit_that_starts_elsewhere_is_out_of_step_and_stores_nothing"
SIMULATED = "tests/faults/test_simulator.py::test_whatever_happens_between_any_two_steps_the_read_models_are_what_was_placed"
EMBEDDED = {
    "no chain of offsets": Mutant(
        "streams/sqlite/record.py", "if stored.get(partition, -1) != unit.after[partition]:", "if False:", STARTS_ELSEWHERE
    ),
    "no dedupe": Mutant(
        "streams/placement.py",
        "equal = [one for one in bodies if one.digest == body.digest and one.occurred_at <= body.occurred_at]",
        "equal = []",
        "tests/streams/test_duplicates.py",
    ),
    "names at hand are new": Mutant(
        "streams/placement_cache.py", "if mark in self._names:", "if False:", "tests/streams/test_duplicates.py"
    ),
    "no sort": Mutant(
        "streams/placement.py", "touches.sort(key=lambda touch: touch[:4])", "pass",
        "tests/streams/test_hard_cases.py::test_all_of_a_dimension_may_come_late_twice_and_be_taken_back"
    ),
    "gaps in the units go unseen": Mutant(
        "projections/stores/batches.py", "if change.position > position + 1:", "if False:",
        "tests/contracts/test_read_store.py::test_a_gap_raises_and_nothing_beyond_it_is_applied",
    ),
    "units count again": Mutant(
        "projections/stores/batches.py", "if change.position <= position:", "if False:",
        "tests/contracts/test_read_store.py::test_a_unit_that_comes_twice_in_one_call_counts_once",
    ),
    "not synced": Mutant(
        "streams/sqlite/database.py", "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL",
        "tests/faults/test_mutants.py::test_every_commit_of_the_embedded_record_is_synced",
    ),
    "a unit need not know what was set aside": Mutant(
        "streams/sqlite/record.py",
        "if unit.set_aside is not None and unit.set_aside <",
        "if unit.set_aside is not None and False and unit.set_aside <",
        "tests/contracts/test_set_aside.py",
    ),
    "whoever says so was sent for a letter": Mutant(
        "streams/arrivals.py",
        "if letter is None or incoming.body is not None or goes_in.get(letter) != hashlib.sha256(incoming.raw).digest():",
        "if letter not in goes_in:",
        "tests/contracts/test_sent_again.py",
    ),
    "no chain of offsets, among workers": Mutant(
        "streams/sqlite/record.py", "if stored.get(partition, -1) != unit.after[partition]:", "if False:", SIMULATED
    ),
    "a unit does not say what it rests on": Mutant(
        "streams/placement.py", "unit.versions.update((key, self._cache.versions[key]) for key in looked_at)", "pass", SIMULATED
    ),
    "a worker goes on by the definition before": Mutant(
        "streams/sqlite/record.py",
        "if unit.by is not None and derived_by is not None and Generation(*derived_by) != unit.by:",
        "if False:",
        SIMULATED,
    ),
}  # fmt: skip
DISTRIBUTED = {
    "no chain of offsets": Mutant(
        "streams/postgres/record.py",
        "if (stands := stored.get(partition, -1)) != unit.after[partition]:",
        "if (stands := stored.get(partition, -1)) != unit.after[partition] and False:",
        STARTS_ELSEWHERE,
    ),
    "no check of the versions that a unit changes": Mutant(
        "streams/postgres/commit_steps.py",
        "if len(changed) != await db.fetchval(step.sql, *step.values):",
        "if len(changed) < await db.fetchval(step.sql, *step.values):",
        "tests/streams/test_interleavings.py",
    ),
    "a unit need not know what was set aside": Mutant(
        "streams/postgres/record.py",
        "if unit.set_aside is not None and unit.set_aside <",
        "if unit.set_aside is not None and False and unit.set_aside <",
        "tests/contracts/test_set_aside.py",
    ),
    "told apart by MD5": Mutant(
        "streams/postgres/migrations/0005_set_aside.sql",
        "(id, sha256(decode(replace(deal, E'\\\\', E'\\\\\\\\'), 'escape')))",
        "(id, md5(deal))",
        "tests/streams/test_postgres_record.py::test_texts_that_have_one_md5_are_two",
    ),
    "no check of the versions that a unit only rests on": Mutant(
        "streams/postgres/commit_steps.py",
        "if watched and await",
        "if False and watched and await",
        "tests/streams/test_postgres_record.py::test_what_a_unit_only_rests_on_must_not_have_changed_either",
    ),
}
FROZEN = "tests/streams/kafka/test_frozen_relay.py"
TELLING = {
    "what is told is marked before it is committed": Mutant(
        "streams/kafka/relay.py",
        "        await self._sender.commit_transaction()\n        self._sent.clear()\n        await self._record.mark_published(whole)\n",
        "        await self._record.mark_published(whole)\n        await self._sender.commit_transaction()\n        self._sent.clear()\n",
        FROZEN,
    ),
}


def test_every_commit_of_the_embedded_record_is_synced(tmp_path: Path) -> None:
    """Which is what `synchronous=FULL` is for: with NORMAL, SQLite syncs at checkpoints only."""
    record = SqliteRecord(tmp_path / "journey.db")
    assert isinstance(record.db, sqlite3.Connection)
    assert record.db.execute("PRAGMA synchronous").fetchone() == (FULL,)
    assert record.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    record.close()


@pytest.mark.parametrize("mutant", EMBEDDED.values(), ids=EMBEDDED)
def test_a_test_fails_without(mutant: Mutant, tmp_path: Path) -> None:
    assert runs(mutated(mutant, tmp_path), mutant.fails, "not kafka and not postgres") == FAILED


@pytest.mark.parametrize("mutant", DISTRIBUTED.values(), ids=DISTRIBUTED)
def test_a_test_on_postgres_fails_without(mutant: Mutant, tmp_path: Path, postgres: Service) -> None:
    assert runs(mutated(mutant, tmp_path), mutant.fails, "postgres", **{ADDRESS: postgres.address}) == FAILED


@pytest.mark.parametrize("mutant", TELLING.values(), ids=TELLING)
def test_a_test_on_kafka_fails_without(mutant: Mutant, tmp_path: Path, kafka: Service, postgres: Service) -> None:
    servers = {ADDRESS: postgres.address, KAFKA_ADDRESS: kafka.address}
    assert runs(mutated(mutant, tmp_path), mutant.fails, "kafka", **servers) == FAILED


def mutated(mutant: Mutant, folder: Path) -> Path:
    """A copy of the project with `mutant` in it."""
    for name in COPIED:
        copied(name, folder)
    file = folder / mutant.file
    code = file.read_text()
    assert code.count(mutant.is_) == 1, f"{mutant.file} has changed: put the mutant right"
    file.write_text(code.replace(mutant.is_, mutant.becomes))
    return folder


def runs(folder: Path, test: str, marks: str, **env: str) -> int:
    """How pytest ends."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", marks, test]
    ours = {**os.environ, "PYTHONPATH": str(folder), **env}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS"):
        ours.pop(name, None)
    ran = subprocess.run(command, cwd=folder, env=ours, capture_output=True, timeout=SECONDS_MAX, check=False)
    return ran.returncode
