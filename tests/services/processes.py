"""Commands that end when we do, whatever ends us; free ports; and waiting for a server to answer. Linux only."""

import asyncio
import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

KEEPER = Path(__file__).with_name("keeper.py")
PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
PORTS = range(10_000, 65_536)
PORT_TRIES_MAX = 100
KILL_SECONDS_MAX = 20.0
ASK_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05
TAIL_LINES = 30

T = TypeVar("T")


class NoService(Exception):
    """A service can't be had. The message says why, with the end of its log where there is one."""


@dataclass(frozen=True)
class Kept:
    """A command that was started, and the keeper that ends it when we end."""

    pid: int
    keeper: subprocess.Popen[bytes]

    @property
    def running(self) -> bool:
        return self.keeper.poll() is None

    def end(self, how: signal.Signals, *, within: float) -> None:
        """Ask for an orderly end; after `within` seconds, kill."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.keeper.wait(within)
        self.kill()

    def kill(self) -> None:
        """`kill -9` for all of its processes, which are gone on return."""
        assert self.keeper.stdin
        assert self.keeper.stdout
        if self.running:
            with contextlib.suppress(BrokenPipeError):
                self.keeper.stdin.write(b"!")
            self.keeper.wait(KILL_SECONDS_MAX)
        self.keeper.stdin.close()
        self.keeper.stdout.close()


def run_whole(command: Sequence[str | Path], *, timeout: float, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end. All that it has started ends with it, also where it takes longer than `timeout` and is killed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **more) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def keep(command: Sequence[str | Path], *, folder: Path, log: Path, user: str = "") -> Kept:
    """Start `command`, its output going to `log`. Should we die without ending it, it is killed and `folder` removed."""
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-I", KEEPER, folder, log, user, *command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    assert keeper.stdout
    pid = keeper.stdout.readline()
    kept = Kept(int(pid or 0), keeper)
    if not pid:
        keeper.wait(KILL_SECONDS_MAX)
        kept.kill()
        raise NoService(f"{command[0]} can't be run\n{tail(log)}")
    return kept


def run(command: Sequence[str | Path], *, folder: Path, log: Path, within: float, user: str = "") -> None:
    """Run `command` to its end. Raises NoService where it fails or takes longer than `within` seconds."""
    kept = keep(command, folder=folder, log=log, user=user)
    try:
        status = kept.keeper.wait(within)
    except subprocess.TimeoutExpired:
        raise NoService(f"{command[0]} was not done within {within:g} s\n{tail(log)}") from None
    finally:
        kept.kill()
    if status:
        raise NoService(f"{command[0]} ended with status {status}\n{tail(log)}")


def tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join([f"the end of {log}:", *(f"    {line}" for line in lines[-TAIL_LINES:])])


def answer(question: Coroutine[Any, Any, T], *, within: float) -> T:
    """What `question` comes to. In a thread with a loop of its own, since the caller may be inside one that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(question, within)).result()


def wait_for_answer(
    address: tuple[str, int],
    ask: Callable[[], Coroutine[Any, Any, object]],
    not_yet: tuple[type[Exception], ...],
    *,
    within: float,
    running: Callable[[], bool],
) -> None:
    """Until somebody listens at `address`, and `ask` raises none of `not_yet`. NoService after `within` seconds, or when it has ended."""
    deadline = time.monotonic() + within
    trying: tuple[type[Exception], ...] = (OSError, TimeoutError, *not_yet)
    while True:
        alive = running()
        try:
            socket.create_connection(address, timeout=ASK_SECONDS_MAX).close()
            answer(ask(), within=ASK_SECONDS_MAX)
            return
        except trying as error:
            if not alive:
                raise NoService("it has ended") from error
            if time.monotonic() > deadline:
                raise NoService(f"no answer within {within:g} s: {error!r}") from error
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def locked(path: Path, *, within: float) -> Iterator[None]:
    """Only one process at a time has `path`. The kernel gives it back for whoever dies."""
    deadline = time.monotonic() + within
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NoService(f"{path} was not given back within {within:g} s") from None
            time.sleep(POLL_SECONDS)
        yield


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that stay ours while a server is down.

    Not of the range that the kernel gives to connections: a client that knocks at a closed port of that range is now and then given this
    very port for its own end, talks to itself, and the server can't come back.
    """
    first, last = map(int, PORT_RANGE.read_text().split())
    outside = [port for port in PORTS if not first <= port <= last] or PORTS
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        for port in random.sample(outside, min(PORT_TRIES_MAX, len(outside))):
            one = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise NoService(f"no {count} free ports on 127.0.0.1 after {PORT_TRIES_MAX} tries")
