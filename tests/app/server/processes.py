"""`journey serve` as a process of its own."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.app.command import COMMAND, environment, wait_until

ENDED_SECONDS_MAX = 30


class Serving:
    """A server that runs; `said` is what it has printed."""

    def __init__(self, log: Path) -> None:
        self._log = log
        wait_until(lambda: self._found(r"serving at (\S+)\n") is not None, 60)
        self.address = self._found(r"serving at (\S+)\n") or ""

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def one_time_key(self) -> str | None:
        return self._found(r"(jk_\S+)\n")

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        return httpx.get(self.address + path, headers={} if key is None else {"Authorization": f"Bearer {key}"})

    def _found(self, pattern: str) -> str | None:
        found = re.search(pattern, self.said)
        return found and found[1]


@contextmanager
def serving(folder: Path, **env: str) -> Iterator[Serving]:
    """A server over the data in `folder`, or where `env` says, until the block ends."""
    log = folder / "serve.log"
    with open(log, "wb") as file:
        process = subprocess.Popen([*COMMAND, "serve", "--port", "0"], cwd=folder, env=environment(**env), stdout=file, stderr=file)
    try:
        yield Serving(log)
    finally:
        process.terminate()
        process.wait(ENDED_SECONDS_MAX)
