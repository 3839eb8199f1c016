"""SQLite as we use it: one way to open a file, to bring its tables up to date, and to change it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from journey.errors import Refused

BUSY_MS_MAX = 5_000
"""How long a reader waits for a checkpoint or a migration."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open `path`, made if need be. Raises Refused where it is no database of ours, or can't be opened."""
    try:
        if read_only:
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        else:
            db = sqlite3.connect(path, isolation_level=None)
        db.execute(f"PRAGMA busy_timeout = {BUSY_MS_MAX}")
        if not read_only:
            db.execute("PRAGMA journal_mode = WAL")
            # Acknowledged means durable: FULL syncs the WAL at every commit, which NORMAL does not.
            db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -65536")
        db.execute("SELECT COUNT(*) FROM sqlite_schema")
    except sqlite3.Error as error:
        raise Refused(f"{path} can't be opened as a database: {error}") from error
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A commit that fails for want of space leaves the transaction open.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def migrate(db: sqlite3.Connection, folder: Path) -> None:
    """Run the files of `folder` that this database has not seen, in order, each in a transaction with its number."""
    steps, done = _steps(db, folder)
    for number, step in enumerate(steps[done:], start=done + 1):
        db.executescript(f"BEGIN IMMEDIATE;\n{step.read_text(encoding='utf-8')}\nPRAGMA user_version = {number};\nCOMMIT;")


def check_tables(db: sqlite3.Connection, folder: Path) -> None:
    """Raises Refused where this database has other tables than the files of `folder` make: reading brings nothing up to date."""
    steps, done = _steps(db, folder)
    if done < len(steps):
        raise Refused("this data holds nothing yet, or is of an older version of journey; `journey ingest` brings it up to date")


def check_not_newer(db: sqlite3.Connection, folder: Path) -> None:
    """Raises Refused where this database has tables that the files of `folder` do not make yet."""
    _steps(db, folder)


def _steps(db: sqlite3.Connection, folder: Path) -> tuple[list[Path], int]:
    steps = sorted(folder.glob("*.sql"))
    (done,) = db.execute("PRAGMA user_version").fetchone()
    if done > len(steps):
        raise Refused(f"this data was written by a newer version of journey (its tables are at {done}, this version knows {len(steps)})")
    return steps, done
