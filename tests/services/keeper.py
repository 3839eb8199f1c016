"""Runs one command, and sees to it that nothing of it outlives the one who asked for it.

    python -I keeper.py FOLDER LOG USER COMMAND…

Its owner holds the other end of its standard input. A byte there says: kill it all, as `kill -9` would. An end without a byte says that the
owner is gone, however it died: kill it all, and remove FOLDER. It is a process of its own because nothing inside the owner still runs after
a `kill -9`, and knows nothing but the standard library, so as to be there at once.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_libc = ctypes.CDLL(None)


def keep(folder: Path, log: Path, user: str, command: list[str]) -> int:
    # Orphans of the command become our children, so that no session or group of their own hides them: PostgreSQL gives each backend one.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = _start(log, user, command)
    owner_is_gone = threading.Event()

    def listen() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            owner_is_gone.set()
        child.kill()

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    status = child.wait()
    _kill_orphans()
    if owner_is_gone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _start(log: Path, user: str, command: list[str]) -> subprocess.Popen[bytes]:
    keeper = os.getpid()

    def die_with_keeper() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(1)

    other_user: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # Another user may not be allowed into ours.
            start_new_session=True,  # Ctrl-C is the owner's affair.
            preexec_fn=die_with_keeper,
            **other_user,
        )


def _kill_orphans() -> None:
    """Until none is left: each that dies may leave us its own."""
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                stat = (process / "stat").read_text()
            except OSError:
                continue  # It has ended meanwhile.
            # The name is in parentheses and may hold anything; after it come the state and the parent.
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(process.name))
    return found


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
