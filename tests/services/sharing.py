"""One Kafka and one PostgreSQL for a whole pytest session, however many workers it has.

The session holds a lock as long as it lives. Who needs a service first starts a host for it, and the host waits for that lock: the kernel
hands it over when the session ends, however it ends, and then the host stops its service.
"""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.services.kafka import own_kafka, start_kafka
from tests.services.postgres import own_postgres, start_postgres
from tests.services.processes import POLL_SECONDS, NoService, locked, tail
from tests.services.service import Service, not_ours

STARTS: dict[str, Callable[[Path], Service]] = {"Kafka": start_kafka, "PostgreSQL": start_postgres}
OWN: dict[str, Callable[[Path], Service]] = {"Kafka": own_kafka, "PostgreSQL": own_postgres}
START_SECONDS_MAX = 420.0  # Kafka's jars may have to be fetched.
STOP_SECONDS_MAX = 60.0
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def session() -> Iterator[Path]:
    """The folder of a session's services. When it ends, they have ended."""
    folder = Path(tempfile.mkdtemp(prefix="journey-services-"))
    # PostgreSQL may run as another user, who has to get through to what is its own.
    folder.chmod(0o711)
    try:
        with (folder / "session").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        for host in folder.glob("*/host"):
            with contextlib.suppress(FileNotFoundError), locked(host, within=STOP_SECONDS_MAX):
                pass
        shutil.rmtree(folder, ignore_errors=True)


def shared(name: str, session: Path) -> Service:
    """The session's service of this name, started by who asks first. Raises NoService to everybody where it can't be had."""
    ours = session / name
    ours.mkdir(exist_ok=True)
    ours.chmod(0o711)
    told = ours / "told"
    with locked(ours / "first", within=START_SECONDS_MAX):
        if not told.exists():
            _start_host(name, ours)
    state = json.loads(told.read_text())
    if "reason" in state:
        raise NoService(state["reason"])
    return not_ours(state["address"], state["how"], "the whole session uses it; tests of faults have `own_kafka` and `own_postgres`")


def used(session: Path) -> list[str]:
    """A line for each service that was used, saying which one it is."""
    states = {told.parent.name: json.loads(told.read_text()) for told in sorted(session.glob("*/told"))}
    return [f"{name}: {state.get('how', 'none')}" for name, state in states.items()]


@contextlib.contextmanager
def own(name: str, session: Path) -> Iterator[Service]:
    """A service for one caller, who may kill it; never the one of the environment."""
    folder = session / f"own-{uuid.uuid4().hex}"
    service = OWN[name](folder)
    try:
        yield service
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _start_host(name: str, ours: Path) -> None:
    log = ours / "host.log"
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", __name__, name, str(ours)],
        os.environ | {"PYTHONPATH": str(ROOT)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    deadline = time.monotonic() + START_SECONDS_MAX
    while not (ours / "told").exists():
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            raise NoService(f"the host of {name} ended\n{tail(log)}")
        if time.monotonic() > deadline:
            raise NoService(f"{name} was not there within {START_SECONDS_MAX:g} s\n{tail(log)}")
        time.sleep(POLL_SECONDS)


def _host(name: str, ours: Path) -> None:
    """Start the service, tell about it, and stop it when the session has ended."""
    told = threading.Event()

    def wait_for_end() -> None:
        with (ours.parent / "session").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        if not told.is_set():
            # What is still starting has a keeper, which ends it.
            os._exit(0)

    with locked(ours / "host", within=0):
        end = threading.Thread(target=wait_for_end, daemon=True)
        end.start()
        service, began = None, time.monotonic()
        try:
            service = STARTS[name](ours / "data")
            state = {"address": service.address, "how": f"ready in {time.monotonic() - began:.1f} s, {service.how}"}
        except NoService as reason:
            state = {"reason": str(reason)}
        told.set()
        _tell(ours, state)
        end.join()
        if service:
            service.stop()
        shutil.rmtree(ours, ignore_errors=True)
        # A session that was killed leaves this to the last of its hosts.
        with contextlib.suppress(FileNotFoundError):
            if {left.name for left in ours.parent.iterdir()} == {"session"}:
                shutil.rmtree(ours.parent, ignore_errors=True)


def _tell(ours: Path, state: dict[str, str]) -> None:
    """All at once: others wait for the file."""
    part = ours / "telling"
    part.write_text(json.dumps(state))
    part.rename(ours / "told")


if __name__ == "__main__":
    _host(sys.argv[1], Path(sys.argv[2]))
