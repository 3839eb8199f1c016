"""`journey backup` and `journey restore`: what was backed up is there again, to the last digit, and goes on."""

import errno
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app.engine import backups
from app.engine.folder import make_private
from tests.app.command import COMMAND, environment, here, put, refused, touch, wait_until
from tests.app.server.doors import started

DIGESTS = ("position", "marketing", "sales", "record")


def visits(first: int, count: int) -> list[bytes]:
    return [touch(id=str(number), subject=f"user:{number % 40}") for number in range(first, first + count)]


def told(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = here(*arguments, "--json", cwd=folder).json
    return {name: answer[name] for name in DIGESTS}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with data, and a backup of it."""
    put(tmp_path / "touchpoints.jsonl", *visits(0, 50), b"{")
    assert here("ingest", "touchpoints.jsonl", cwd=tmp_path).status == 0
    assert here("backup", "kept", cwd=tmp_path).status == 0
    return tmp_path


def test_what_was_backed_up_is_there_again_and_goes_on(kept: Path) -> None:
    before = told(kept, "digest")
    put(kept / "more.jsonl", *visits(100, 50))
    assert here("ingest", "more.jsonl", cwd=kept).status == 0
    after = told(kept, "digest")
    assert after != before
    shutil.rmtree(kept / "journey-data")
    assert told(kept, "restore", "kept") == before == told(kept, "digest")
    assert here("ingest", "more.jsonl", cwd=kept).status == 0
    assert {**told(kept, "digest"), "position": 0} == {**after, "position": 0}
    assert here("reconcile", cwd=kept).status == 0
    # The backup is as it was, and restored once more.
    assert told(kept, "restore", "kept", "--data", "other") == before


def test_one_is_taken_while_a_server_writes(tmp_path: Path) -> None:
    """Its touchpoints are numbered: the backup has all up to one, and none after it."""
    with started(tmp_path) as server:
        publishing = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, server.address, server.key], stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=environment()
        )
        try:
            assert publishing.stdout is not None
            published = [int(publishing.stdout.readline()) for _ in range(20)]
            made = [json.loads(subprocess.check_output([*COMMAND, "backup", name, "--json"], cwd=tmp_path)) for name in ("first", "second")]
            published += [int(publishing.stdout.readline()) for _ in range(20)]
            assert publishing.poll() is None
        finally:
            publishing.kill()
            publishing.communicate()
    assert made[0]["position"] < made[1]["position"], "the server wrote meanwhile"
    for name, one in zip(("first", "second"), made, strict=True):
        expected = {digest: one[digest] for digest in DIGESTS}
        assert told(tmp_path, "restore", name, "--data", f"{name}-data") == expected == told(tmp_path, "digest", "--data", f"{name}-data")
        with sqlite3.connect(tmp_path / f"{name}-data" / "journey.db") as db:
            numbers = {int(number) for (number,) in db.execute("SELECT id FROM touchpoints")}
        db.close()
        assert numbers == set(range(len(numbers)))
        assert len(numbers) >= published[0]
        assert here("ingest", put(tmp_path / "more.jsonl", *visits(10_000, 10)), "--data", f"{name}-data", cwd=tmp_path).status == 0
        assert here("reconcile", "--data", f"{name}-data", cwd=tmp_path).status == 0


PUBLISHER = """
import base64, itertools, json, sys, urllib.request
address, key = sys.argv[1:]
for number in itertools.count():
    call = {"type": "page", "userId": f"u-{number % 40}", "messageId": str(number), "timestamp": "2026-03-02T10:00:00Z", "name": "Start"}
    request = urllib.request.Request(address + "/v1/batch", json.dumps({"batch": [call]}).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
    assert urllib.request.urlopen(request).status == 200
    print(number, flush=True)
"""


def test_it_is_its_users_alone_and_one_file_a_database(kept: Path) -> None:
    assert {path.name for path in (kept / "kept").iterdir()} == {"backup.json", "journey.db", "marketing.db", "sales.db"}
    assert (kept / "kept").stat().st_mode & 0o077 == 0
    (kept / "kept").chmod(0o500)
    assert told(kept, "digest", "--data", "kept") == told(kept, "digest"), "it answers as a data folder, where nothing may be written"


def test_a_damaged_read_model_is_derived_anew_for_it(kept: Path) -> None:
    (kept / "journey-data" / "marketing.db").write_bytes(b"no database")
    (kept / "journey-data" / "sales.db").unlink()
    for rest in ("marketing.db-wal", "marketing.db-shm"):
        (kept / "journey-data" / rest).unlink(missing_ok=True)
    assert told(kept, "backup", "second") == told(kept, "digest", "--data", "kept")


def test_a_read_model_that_is_ahead_of_the_record_is_derived_anew(kept: Path) -> None:
    """As where a hand puts an older record beside the read models."""
    for nth in range(3):
        assert here("ingest", put(kept / "more.jsonl", *visits(100 + nth * 50, 50)), cwd=kept).status == 0
    shutil.copy(kept / "kept" / "journey.db", kept / "journey-data" / "journey.db")
    said = here("ingest", "touchpoints.jsonl", cwd=kept)
    assert "and the record at" in said.err
    assert here("reconcile", cwd=kept).status == 0


def damaged(kept: Path) -> None:
    with open(kept / "kept" / "journey.db", "r+b") as file:
        file.seek(5_000)
        file.write(b"?")


def of_a_newer_version(kept: Path) -> None:
    path = kept / "kept" / "journey.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 999")
    db.commit()
    db.close()
    described = json.loads((kept / "kept" / "backup.json").read_text())
    described["files"]["journey.db"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (kept / "kept" / "backup.json").write_text(json.dumps(described))


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "is not what was backed up": (damaged, "journey.db"),
    "written by a newer version": (of_a_newer_version, "newer"),
    "is no backup": (lambda kept: (kept / "kept" / "backup.json").unlink(), "backup.json"),
    "can't be read as what": (lambda kept: (kept / "kept" / "backup.json").write_text("[]"), "backup.json"),
    "is missing": (lambda kept: (kept / "kept" / "sales.db").unlink(), "sales.db"),
    "no backup: it is no folder": (lambda kept: shutil.rmtree(kept / "kept"), "kept"),
}


@pytest.mark.parametrize("says", REFUSALS)
def test_what_is_no_whole_backup_is_refused_and_leaves_no_data(kept: Path, says: str) -> None:
    spoil, names = REFUSALS[says]
    spoil(kept)
    said = refused(here("restore", "kept", "--data", "new", cwd=kept))
    assert says in said
    assert names in said
    assert "there is no data in new" in refused(here("digest", "--data", "new", cwd=kept))


def test_nothing_is_restored_over_data_and_nothing_backed_up_over_anything(kept: Path) -> None:
    before = told(kept, "digest")
    assert "there is data in journey-data already" in refused(here("restore", "kept", cwd=kept))
    assert "is there already" in refused(here("backup", "kept", cwd=kept))
    (kept / "empty").mkdir()
    assert "is there already" in refused(here("backup", "empty", cwd=kept))
    assert "there is no folder" in refused(here("backup", "nowhere/kept", cwd=kept))
    assert "lies within the data folder" in refused(here("backup", "journey-data/kept", cwd=kept))
    assert "there is no data in none" in refused(here("backup", "new", "--data", "none", cwd=kept))
    assert told(kept, "digest") == before


def test_what_another_process_wrote_until_the_folder_was_locked_stays(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made_private(folder: Path, files: Iterable[str]) -> None:
        monkeypatch.undo()
        make_private(folder, files)
        assert here("ingest", put(kept / "more.jsonl", *visits(100, 5)), "--data", "new", cwd=kept).status == 0

    monkeypatch.setattr(backups, "make_private", made_private)
    assert "there is data in new already" in refused(here("restore", "kept", "--data", "new", cwd=kept))
    assert here("timeline", "user:20", "--data", "new", cwd=kept).status == 0


def test_where_there_is_no_space_nothing_is_left(kept: Path) -> None:
    there = sorted(path.name for path in kept.iterdir())
    command = f"ulimit -f 40; exec {' '.join(COMMAND)} backup second"
    # Python ignores SIGXFSZ, and a file that would grow beyond the limit can't be written.
    ran = subprocess.run(["bash", "-c", command], cwd=kept, env=environment(), capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
    assert "the backup second can't be made" in ran.stderr
    assert sorted(path.name for path in kept.iterdir()) == there
    with patch("os.fsync", side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))):
        assert "there is no space left" in refused(here("restore", "kept", "--data", "new", cwd=kept))
    assert "there is no data" in refused(here("digest", "--data", "new", cwd=kept))


def test_a_damaged_record_is_not_backed_up(kept: Path) -> None:
    record = kept / "journey-data" / "journey.db"
    content = record.read_bytes()
    record.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192:])
    said = refused(here("backup", "second", cwd=kept))
    assert "damaged" in said or "malformed" in said
    assert not (kept / "second").exists()


def test_one_that_is_killed_leaves_nothing_under_its_name(kept: Path) -> None:
    # It is whole, and waits for the disk for as long as we like.
    program = "import os, signal; os.fsync = lambda _: signal.pause(); from app.cli import run; run(['backup', 'second'])"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=kept, env=environment())
    wait_until(lambda: bool([*kept.glob(".second-*/backup.json")]), 60)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (kept / "second").exists()
    assert here("backup", "second", cwd=kept).status == 0


def test_distributed_data_is_not_backed_up_by_it(tmp_path: Path) -> None:
    servers = {"JOURNEY_KAFKA": "localhost:1", "JOURNEY_POSTGRES": "postgresql://localhost/none"}
    for command in ("backup", "restore"):
        assert "embedded data only" in refused(here(command, "kept", cwd=tmp_path, **servers))
