"""A folder of embedded data is its user's alone: 0700, and every file of ours in it 0600, whatever the umask says.

SQLite gives the files that it makes beside a database, `-wal` and `-shm`, the rights of the database.
"""

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from journey.errors import Refused

LOCK = "journey.lock"
DEMO = ".journey-demo"
"""In a folder that the demo made, and may therefore replace."""

DATABASES = ("journey.db", "marketing.db", "sales.db")
BESIDE_DATABASES = ("-wal", "-shm", "-journal")

DAMAGED = tuple(f"{name}.damaged" for name in DATABASES)
"""What a damaged read model was, kept for whoever asks why."""

OURS = frozenset({LOCK, DEMO, *DATABASES, *DAMAGED, *(name + rest for name in DATABASES for rest in BESIDE_DATABASES)})

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(folder: Path, files: Iterable[str], say: Callable[[str], None] = lambda text: None) -> None:
    """Have `folder` with `files`, which nobody else may read or write. Raises Refused where it can't be.

    A folder that is there already is closed to others too, where nothing is in it or only files of ours: an older version made it, or a
    hand made it for us. One that holds other things as well stays as it is.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(stat.S_IRWXU)
        found = os.listdir(folder)
        closed = _close(folder, found)
        for name in {*files, *OURS.intersection(found)}:
            _have(folder / name)
    except OSError as error:
        raise Refused(f"{folder} can't be used as a data folder: {error.strerror}") from error
    if closed and found:
        say(f"{folder} was open to other users of this machine; it is closed to them now")


def _close(folder: Path, found: list[str]) -> bool:
    """Whether it had to be, and could be."""
    now = folder.stat()
    # Whoever marks a folder as sticky means it to be shared: one that is empty may be the machine's own for temporary files.
    if not now.st_mode & OTHERS or now.st_mode & stat.S_ISVTX or not _may_change(now) or not OURS.issuperset(found):
        return False
    folder.chmod(stat.S_IMODE(now.st_mode) & ~OTHERS)
    return True


def _have(path: Path) -> None:
    """Have the file `path`, closed to others. What is there under that name and is no file was put there by somebody else."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise Refused(f"{path} is no file of ours: a link, a pipe or a folder has its name; remove it, or name another --data folder")
    file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    try:
        now = os.fstat(file)
        # One that we have just made may lack our own rights, by the umask.
        wanted = stat.S_IMODE(now.st_mode) & ~OTHERS if now.st_size else stat.S_IRUSR | stat.S_IWUSR
        if wanted != stat.S_IMODE(now.st_mode) and _may_change(now):
            os.fchmod(file, wanted)
    finally:
        os.close(file)


def _may_change(now: os.stat_result) -> bool:
    return os.geteuid() in (0, now.st_uid)
