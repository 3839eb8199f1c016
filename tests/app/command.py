"""The command as a user meets it: `journey` starts the real one, `here` runs the same function in this process, which is faster."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import Any, NamedTuple
from unittest.mock import patch

import orjson

from app.cli import run
from projections.figures.sections import FIGURES, SECTIONS
from tests.examples import example

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "app")
SECONDS_MAX = 120


class Ran(NamedTuple):
    status: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def json(self) -> Any:
        assert self.status == 0, self.err
        return orjson.loads(self.raw)


def worked_out(name: str, *by: str, cwd: Path, until: str = "2026-03-31", more: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The values of a figure, by those of its groups, as `journey report --json` says them: money is per currency."""
    section = next(section for section in SECTIONS if FIGURES[name] in section.figures)
    asked = (section.model, section.name, "--by", ",".join(by), "--until", until, *more)
    (told,) = here("report", *asked, "--json", cwd=cwd).json["sections"]
    return {
        tuple(cell["group"].values()): cell["value"]
        for answer in told["answers"]
        for figure in answer["figures"]
        if figure["name"] == name
        for cell in figure["cells"]
    }


def environment(**env: str) -> dict[str, str]:
    """That of this process, without what would change how the command runs or prints."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JOURNEY_")}
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        ours.pop(name, None)
    return {**ours, "PYTHONPATH": str(ROOT), **env}


def journey(
    *arguments: str | Path, cwd: Path, stdin: bytes = b"", before: tuple[str, ...] = (), seconds_max: float = SECONDS_MAX, **env: str
) -> Ran:
    """Run the command in a process of its own. `before` is what starts it in another way."""
    ran = subprocess.run(
        [*before, *COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**env),
        input=stdin,
        capture_output=True,
        timeout=seconds_max,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr.decode())


def here(*arguments: str | Path, cwd: Path, **env: str) -> Ran:
    """Run the command in this process, in a thread, since a test's own may run a loop. What it does not refuse is raised, so a traceback
    can't go unnoticed.
    """
    out, err = TextIOWrapper(BytesIO(), "utf-8"), TextIOWrapper(BytesIO(), "utf-8")
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), patch.dict(os.environ, env):
        with ThreadPoolExecutor(max_workers=1) as thread:
            status = thread.submit(run, list(map(str, arguments))).result()
    for stream in (out, err):
        stream.flush()
    return Ran(status, out.buffer.getvalue(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]  # they are the BytesIO above


def copied(name: str, folder: Path) -> None:
    """Copy a part of the project into `folder`: with what is compiled, which holds where the source is not changed, and without what
    another test is just compiling.
    """
    if (ROOT / name).is_dir():
        copytree(ROOT / name, folder / name, ignore=ignore_patterns("*.pyc.*"))
    else:
        copy(ROOT / name, folder / name)


def refused(ran: Ran) -> str:
    """What a user is told: one line, exit status 1, nothing on standard output."""
    assert (ran.status, ran.raw) == (1, b""), ran
    assert ran.err.startswith("journey: "), ran.err
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.endswith("\n")
    return ran.err.removeprefix("journey: ").rstrip("\n")


def touch(type: str = "page_view", /, *, id: str = "1", subject: str = "user:7", at: str = "2026-03-02T10:00:00Z", **data: Any) -> bytes:
    """A touchpoint as a line."""
    return orjson.dumps({**example(type, **data), "id": id, "subject": subject, "time": at})


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once `condition` holds; fail where it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def put(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path
