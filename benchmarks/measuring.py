"""What a measurement is, the processes that are measured, and what the machine did meanwhile."""

import json
import math
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / ".bench"
QUIET_CORES_MAX = 0.1
QUIET_SECONDS = 2.0
SAID_CHARS_MAX = 4_000
"""Of what a failed process said, the end is shown."""


class Failed(Exception):
    """A benchmark could not be measured. Says what to do about it where that is known."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of one peer did: from the first touchpoint in hand to the last whose effect is there to stay."""

    touchpoints: int
    seconds: float
    cpu_seconds: float | None = None
    """Of the peer's own processes meanwhile; broker and database are apart."""
    digest: Mapping[str, str] = field(default_factory=dict)
    """Of each read model, where there are any."""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Use:
    """CPU seconds while something ran. NaN where the system doesn't tell."""

    peer: float = math.nan
    """Of the processes that were measured, from their start to their end."""
    services: float = math.nan
    """Of all else that we started: Kafka, PostgreSQL, this process."""
    others: float = math.nan
    """Of whatever else the machine was doing: the noise."""
    wall: float = math.nan


def bench_folder(*parts: str) -> Path:
    """A folder within `.bench/`, made if need be, which git does not see."""
    folder = BENCH.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    ignore = BENCH / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")
    return folder


def tell(result: Result) -> None:
    """Hand `result` to the process that asked: one line of JSON on standard output."""
    sys.stdout.write(json.dumps(asdict(result)) + "\n")
    sys.stdout.flush()


def run(command: Sequence[str], *, seconds_max: float, env: Mapping[str, str] | None = None) -> list[Result]:
    """Run a process that tells its results. It and its children are gone when this returns, however it returns."""
    said = said_by(command, seconds_max=seconds_max, env=env)
    results = [Result(**json.loads(line)) for line in said.splitlines() if line.startswith('{"touchpoints"')]
    if not results:
        raise Failed(f"{_shown(command)} told no result:\n{said[-SAID_CHARS_MAX:]}")
    return results


def said_by(command: Sequence[str], *, seconds_max: float, env: Mapping[str, str] | None = None) -> str:
    """What a process says on standard output. Raises Failed where it does not end well, or not in time."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = process.communicate(timeout=seconds_max)
    except subprocess.TimeoutExpired:
        raise Failed(f"{_shown(command)} was not done after {seconds_max:.0f} s") from None
    finally:
        _end(process)
    if process.returncode != 0:
        raise Failed(f"{_shown(command)} ended with status {process.returncode}:\n{(said + complained)[-SAID_CHARS_MAX:]}")
    return said


def _end(process: "subprocess.Popen[str]") -> None:
    """Its whole group: a peer may have children of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _shown(command: Sequence[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:]])


# --- the machine


@contextmanager
def watched() -> Iterator[Use]:
    """What the machine does while the block runs: one process after another is measured in it, as children of this one."""
    use = Use()
    wall, peer, ours, busy = time.monotonic(), _reaped(), _ours(), _busy()
    yield use
    use.wall = time.monotonic() - wall
    use.peer = _reaped() - peer
    all_ours = _ours() - ours
    use.services = all_ours - use.peer
    use.others = max(0.0, _busy() - busy - all_ours)


def wait_until_quiet(seconds_max: float) -> None:
    """Wait until others have left the machine alone for a moment, or for `seconds_max`. They may come back at once: see `Use.others`."""
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        with watched() as use:
            time.sleep(QUIET_SECONDS)
        if not use.others / use.wall > QUIET_CORES_MAX:
            return


def _reaped() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ours() -> float:
    """CPU seconds of this process and of everything below it."""
    if not Path("/proc/stat").exists():
        return math.nan
    below: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            below[int(fields[1])].append(int(entry.name))
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))  # its own and its reaped children's, user and system
    total, rest = 0, [os.getpid()]
    while rest:
        one = rest.pop()
        total += ticks.get(one, 0)
        rest += below[one]
    return total / os.sysconf("SC_CLK_TCK")


def _busy() -> float:
    """CPU seconds that the machine has been busy, what was stolen from it by its neighbours included."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    except OSError:
        return math.nan
    user, nice, system, _idle, _waiting, irq, soft, steal = map(int, fields[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, str | int]:
    """What was measured on."""
    return {
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 0,
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _line_of(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
