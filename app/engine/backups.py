"""A folder of embedded data copied while others write to it, and such a copy made a data folder again.

The read models are copied before the record, each as of one moment: what comes in meanwhile is in the record, and the copies of the
read models follow that one, as after a crash. See docs/decisions/0109-a-backup-is-a-copy-of-the-databases.md.
"""

import asyncio
import errno
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from app.engine.clock import now
from app.engine.embedded import Embedded, check_there, locked
from app.engine.folder import BESIDE_DATABASES, DATABASES, LOCK, make_private
from journey.errors import Refused
from journey.instants import iso
from streams.remarks import Say
from streams.sqlite.database import check_not_newer, check_tables, connect
from streams.sqlite.record import FILE, MIGRATIONS

DESCRIPTION = "backup.json"
"""What a backup says of itself; without it a folder is none."""

STAGING = ".restoring"
"""In a data folder, what a restore has copied until all of it is whole."""

READ_MODELS = tuple(name for name in DATABASES if name != FILE)
PIECE_BYTES = 1024 * 1024
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class Backup(NamedTuple):
    """What a backup holds."""

    made_at: str
    journey: str
    """The version that made it."""
    digests: dict[str, int | str]
    """The position of its data, and the digests at it: what `journey digest` prints of it."""
    files: dict[str, str]
    """The SHA-256 of each file."""


def back_up(folder: Path, to: Path, say: Say) -> Backup:
    """Copy the data in `folder` to `to`, which is there only once it is whole. Raises Refused."""
    check_there(folder)
    if os.path.lexists(to):
        raise Refused(f"{to} is there already; a backup is a new folder")
    if not to.absolute().parent.is_dir():
        raise Refused(f"there is no folder {to.absolute().parent} to put the backup into")
    if to.absolute().parent.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"{to} lies within the data folder {folder}; a backup is kept elsewhere")
    with _told(f"the backup {to} can't be made"):
        made = Path(tempfile.mkdtemp(dir=to.absolute().parent, prefix=f".{to.name}-"))
        try:
            found = _made(folder, made, say)
            # Nothing is replaced by it but an empty folder.
            made.rename(to)
            _sync(to.absolute().parent)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    return found


def restore(backup: Path, folder: Path) -> Backup:
    """Have in `folder`, where no data is, what `backup` holds. Raises Refused, and has changed nothing then."""
    found = _description(backup)
    _check_no_data(folder)
    make_private(folder, (LOCK,))
    with _told(f"{backup} can't be restored to {folder}"), locked(folder):
        # Another process may have written some until we had the lock.
        _check_no_data(folder)
        staging = folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        try:
            make_private(staging, ())
            for name in DATABASES:
                if _copied_and_hashed(backup / name, staging / name) != found.files.get(name):
                    raise Refused(
                        f"{backup / name} is not what was backed up: it is damaged, or was written to since; nothing was restored"
                    )
            with closing(connect(staging / FILE, read_only=True)) as db:
                check_not_newer(db, MIGRATIONS)
            # The record last: until it is there, there is no data.
            for name in (*READ_MODELS, FILE):
                for end in BESIDE_DATABASES:
                    (folder / (name + end)).unlink(missing_ok=True)
                (staging / name).replace(folder / name)
            _sync(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return found


def _check_no_data(folder: Path) -> None:
    if os.path.lexists(folder / FILE):
        raise Refused(f"there is data in {folder} already; remove it first, or name another folder with --data")


def _made(folder: Path, made: Path, say: Say) -> Backup:
    make_private(made, DATABASES)
    for name in READ_MODELS:
        # One that is damaged or missing is derived again, from the record.
        with suppress(sqlite3.DatabaseError, Refused):
            _copy(folder / name, made / name)
    with closing(connect(folder / FILE, read_only=True)) as db:
        check_tables(db, MIGRATIONS)
    try:
        _copy(folder / FILE, made / FILE)
        _check_whole(made / FILE)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
            raise Refused(f"the record {folder / FILE} is damaged ({error}): a backup of it would be worth nothing") from error
        raise
    found = Backup(iso(now()), version("customer-journey-engine"), asyncio.run(_levelled(made, say)), {})
    for name in os.listdir(made):
        if name not in DATABASES:
            (made / name).unlink()
    for name in DATABASES:
        with closing(sqlite3.connect(made / name, isolation_level=None)) as db:
            # One file, which can be read also where nothing may be written.
            db.execute("PRAGMA journal_mode = DELETE")
        found.files[name] = _hashed(made / name)
    description = made / DESCRIPTION
    description.write_bytes(json.dumps(_as_json(found), indent=2).encode() + b"\n")
    for name in (*DATABASES, DESCRIPTION, "."):
        _sync(made / name)
    return found


async def _levelled(made: Path, say: Say) -> dict[str, int | str]:
    """Bring the copies of the read models to where the copy of the record is. Returns the position and the digests at it."""
    engine = Embedded(made, read_only=False)
    try:
        engine.mend(say)
        await engine.follow()
        return await engine.digest()
    finally:
        engine.close()


def _copy(source: Path, target: Path) -> None:
    """A copy of a database as it is at one moment: who writes to it meanwhile neither waits nor is waited for."""
    with closing(connect(source, read_only=True)) as db, closing(sqlite3.connect(target)) as copy:
        db.backup(copy)


def _check_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Refused(f"the record is damaged ({said}): a backup of it would be worth nothing")


def _as_json(backup: Backup) -> dict[str, Any]:
    return {"made_at": backup.made_at, "journey": backup.journey, **backup.digests, "files": backup.files}


def _description(backup: Path) -> Backup:
    try:
        said = json.loads((backup / DESCRIPTION).read_bytes())
        digests = {name: said[name] for name in ("position", "marketing", "sales", "record")}
        return Backup(str(said["made_at"]), str(said["journey"]), digests, dict(said["files"]))
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{backup} is no backup: it is no folder with a file {DESCRIPTION}, which `journey backup` makes") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise Refused(f"{backup / DESCRIPTION} can't be read as what `journey backup` wrote: {type(error).__name__}: {error}") from error


def _copied_and_hashed(source: Path, target: Path) -> str:
    if not source.is_file():
        raise Refused(f"{source} is missing: the backup is not whole; nothing was restored")
    file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(source, "rb") as read, open(file, "wb") as written:
        hashed = hashlib.sha256()
        while piece := read.read(PIECE_BYTES):
            hashed.update(piece)
            written.write(piece)
        written.flush()
        os.fsync(written.fileno())
    return hashed.hexdigest()


def _hashed(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Raises Refused, which says `what`, where a file or the disk is at fault."""
    try:
        yield
    except OSError as error:
        why = "there is no space left" if error.errno in NO_SPACE else error.strerror or str(error)
        raise Refused(f"{what}: {why}{'' if error.filename is None else f' ({error.filename})'}") from error
    except sqlite3.OperationalError as error:
        raise Refused(f"{what}: {error}") from error
