"""`journey` as a real process, with units small enough that there is a middle to be killed in."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.engine.embedded import opened, reading
from app.engine.json_files import json_files, read_files
from app.engine.summary import Summary
from schemas.definition_files import default_definition
from schemas.json_formats import Format
from schemas.noticed import Noticed
from streams.sqlite.record import SqliteRecord

ROOT = Path(__file__).parents[2]
UNIT_RECORDS = 150
SECONDS_MAX = 60
SMALL_UNITS = f"import app.engine.embedded as engine; engine.UNIT_RECORDS_MAX = {UNIT_RECORDS}; from app.cli import main; main()"


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("JOURNEY_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SMALL_UNITS, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, env=env)


def run(*arguments: str | Path, status: int = 0) -> str:
    """What it printed; where it is expected to fail, what it said."""
    process = start(*arguments)
    out, err = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == status, err.decode()
    return err.decode() if status else out.decode()


def ingest(data: Path, *files: Path) -> Summary:
    """All of `files`, in this process, which nobody kills."""
    with opened(data) as engine:

        async def all_of_it() -> Summary:
            await engine.start()
            return await engine.ingest(read_files(json_files(files, Format.cloudevents), default_definition(), Noticed()))

        return asyncio.run(all_of_it())


def digest(data: Path) -> tuple[str, str]:
    """Marketing's and sales'."""
    with reading(data) as engine:
        answer = asyncio.run(engine.digest())
    return str(answer["marketing"]), str(answer["sales"])


def position(data: Path) -> int:
    """How many units are committed, as another process sees it; 0 where there is no record to be seen yet."""
    if not (data / "journey.db").exists():
        return 0
    try:
        record = SqliteRecord(data / "journey.db", read_only=True)
        try:
            (found,) = record.db.execute("SELECT COALESCE(MAX(position), 0) FROM units").fetchone()
            return int(found)
        finally:
            record.close()
    except Exception:  # It is being made.
        return 0


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Whether `holds` came to hold before `process` was done."""
    give_up = time.monotonic() + SECONDS_MAX
    while not holds():
        if process.poll() is not None:
            return holds()
        assert time.monotonic() < give_up, "it never came to hold"
        time.sleep(0.001)
    return True


def kill_at(process: subprocess.Popen[bytes], data: Path, units: int) -> bool:
    """Kill `process` with -9 once `units` are committed. False where it was done before that."""
    in_time = wait_until(lambda: position(data) >= units, process) and process.poll() is None
    process.kill()
    process.communicate()
    return in_time
