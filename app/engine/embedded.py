"""The embedded engine: the record, the placement that writes it, and the two read stores that follow it."""

import fcntl
import os
import shlex
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path

from app.engine.clock import now
from app.engine.folder import BESIDE_DATABASES, DATABASES, LOCK, make_private
from app.engine.generations import bring_up_to_date, derive, in_use, withdraw
from app.engine.observer import Observer
from app.engine.ports import Progress, no_progress
from app.engine.shared_position import digests
from app.engine.summary import Summary
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import Instant
from projections.marketing import marketing
from projections.read_model import ReadModel
from projections.sales import sales
from projections.stores.sqlite import Damaged, SqliteReadStore, damaged, is_damaged
from schemas.incoming import Incoming
from streams.fault_isolation import placed
from streams.operators import Decided
from streams.placement import UNIT_BYTES_MAX, UNIT_RECORDS_MAX, Placement
from streams.remarks import Say, nobody
from streams.sqlite.announcements import SqliteAnnouncements
from streams.sqlite.database import check_tables, connect
from streams.sqlite.desk import SqliteDesk
from streams.sqlite.keys import SqliteKeys
from streams.sqlite.record import FILE, MIGRATIONS, PARTITION, SqliteRecord

FILES_AT_FAULT = (
    "SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOTADB", "SQLITE_PERM", "SQLITE_READONLY",
)  # fmt: skip
"""What SQLite says where not we, but the disk or the file is at fault."""


class Embedded:
    """One folder of embedded data. `opened` for writing by one process at a time; `reading` by any number."""

    def __init__(self, folder: Path, *, read_only: bool, say: Say = nobody) -> None:
        self.folder = folder
        self.observer = Observer()
        self.record = SqliteRecord(folder / FILE, read_only=read_only)
        self.desk = SqliteDesk(self.record.db)
        self.keys = SqliteKeys(self.record.db)
        self.marketing = _store(marketing, folder, read_only, say)
        self.sales = _store(sales, folder, read_only, say)

    def close(self) -> None:
        for one in (self.record, self.marketing, self.sales):
            one.close()

    async def definition(self) -> Definition:
        """The definition in use."""
        return await in_use(self)

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """For what one may do at a time: the folder's lock sees to it."""
        return nullcontext()

    def log(self) -> SqliteRecord:
        """What touchpoints come in by."""
        return self.record

    async def waiting(self) -> dict[int, int]:
        """How many records of the log are not placed yet, by partition."""
        return await self.record.waiting()

    async def waits_since(self) -> Instant | None:
        """When the first of them was received; None where there is none."""
        return await self.record.waits_since()

    def announced(self) -> SqliteAnnouncements:
        """The deadlines that struck: the server announces them."""
        return SqliteAnnouncements(self.record)

    async def digest(self) -> dict[str, int | str]:
        """The position that both read models reflect, the digest of each, and that of all that was accepted."""
        return await digests(self, self.record)

    # --- writing

    def mend(self, say: Say) -> None:
        """Begin a read model anew whose file is damaged anywhere: `start` derives it again."""
        self.marketing, self.sales = (
            store if store.is_whole() else _anew(store.model, store.path, say, store) for store in (self.marketing, self.sales)
        )

    async def start(self, say: Say = nobody, progress: Progress = no_progress) -> None:
        """Bring the folder up to date: a definition in the control log, what a crash left in the log placed, the read stores level."""
        position = await self.record.position()
        # Of one that is ahead, as where an older record was put beside it, nobody knows what it has of units that are not there.
        self.marketing, self.sales = [
            _anew(store.model, store.path, say, store, why=f"is at unit {stands} and the record at {position}")
            if (stands := await store.position()) > position
            else store
            for store in (self.marketing, self.sales)
        ]
        await bring_up_to_date(self, now(), say, progress)
        self.placement = Placement(await self.definition(), self.record)
        await self.place()
        await self.follow()

    async def derive(self, definition: Definition, decisions: list[Decided], progress: Progress) -> int:
        """Derive everything anew by `definition`, and switch to it. Returns when both read models have; the position of the switch."""
        position = await derive(self, definition, decisions, now(), progress)
        self.placement.use(definition)
        await self.follow()
        return position

    async def withdraw(self, import_id: int, decisions: list[Decided], progress: Progress) -> int:
        """Withdraw what only an import brought. Returns when both read models are without it; the position of the switch."""
        definition = await self.definition()
        position = await withdraw(self, definition, import_id, decisions, now(), progress)
        self.placement.use(definition)
        await self.follow()
        return position

    async def ingest(self, incoming: Iterable[Incoming], progress: Progress = no_progress) -> Summary:
        """Append, place and follow, batch by batch. Returns when both read models have all of it."""
        summary = Summary()
        rest = iter(incoming)
        while batch := batch_of(rest):
            await self.record.append(batch, now())
            summary.read += len(batch)
            await self.place(summary)
            await self.follow()
            progress(summary.read)
        return summary

    async def place(self, summary: Summary | None = None) -> None:
        """Place all that the log holds beyond what is placed."""
        while await self.place_unit(summary):
            pass

    async def place_unit(self, summary: Summary | None = None) -> bool:
        """Place what the log holds next, within the bounds of a unit. Whether there was anything."""
        after = await self.record.offsets()
        batch = await self.record.read(PARTITION, after=after.get(PARTITION, -1), limit=UNIT_RECORDS_MAX)
        if not batch:
            return False
        options = f" --data {shlex.quote(str(self.folder))}"
        began = time.monotonic()
        unit, position = await placed(self.placement, batch, after, f"the log in {self.folder}", options=options, passes=is_of_files)
        self.observer.placed(batch, unit, position, time.monotonic() - began)
        if summary is not None:
            summary.add(unit)
        return True

    async def follow(self) -> None:
        """Bring both read stores to the record's position."""
        for store in (self.marketing, self.sales):
            began, before = time.monotonic(), await store.position()
            after = await store.apply(self.record.changes(before, store.model.kinds))
            await self.observer.followed(self.record, store.model, before, after, began)


@contextmanager
def opened(folder: Path, say: Say = nobody) -> Iterator[Embedded]:
    """The engine of `folder`, made if need be, to write. Raises Refused where another process has it."""
    make_private(folder, (LOCK, *DATABASES), say)
    with locked(folder), _usable(folder):
        engine = Embedded(folder, read_only=False, say=say)
        try:
            yield engine
        finally:
            engine.close()


def check_there(folder: Path) -> None:
    """Raises Refused where there is no data."""
    if not (folder / FILE).exists():
        where = folder if folder.is_absolute() else f"{folder} ({folder.absolute()})"
        raise Refused(f"there is no data in {where}; `journey ingest FILE` puts some there, `--data DIR` names another folder")


@contextmanager
def reading(folder: Path) -> Iterator[Embedded]:
    """The engine of `folder`, to read. Raises Refused where there is none."""
    check_there(folder)
    with _usable(folder):
        engine = Embedded(folder, read_only=True)
        try:
            yield engine
        finally:
            engine.close()


@contextmanager
def keys_of(folder: Path) -> Iterator[SqliteKeys]:
    """The keys of `folder`, to read and to change while another process writes to it. Raises Refused where there is no data."""
    check_there(folder)
    with _usable(folder):
        db = connect(folder / FILE)
        try:
            check_tables(db, MIGRATIONS)
            yield SqliteKeys(db)
        finally:
            db.close()


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Raises Refused for what is wrong with the files of `folder`. Anything else that SQLite says is a bug of ours, and stays loud."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not _named(error).startswith(FILES_AT_FAULT):
            raise
        if is_damaged(error) and (told := _damaged(folder, error)) is not None:
            raise Refused(told) from error
        raise Refused(f"the data in {folder} can't be used: {error}; what was acknowledged before is kept") from error


def _store(model: ReadModel, folder: Path, read_only: bool, say: Say) -> SqliteReadStore:
    """A read model of `folder`. Who may write begins it anew where its file is no database."""
    path = folder / f"{model.name}.db"
    if not read_only and not (path.exists() and path.stat().st_size):
        # Where somebody took the database away, what is left beside it is no part of the next one.
        _take_away(path, BESIDE_DATABASES)
    try:
        return SqliteReadStore(model, path, read_only=read_only)
    except Damaged:
        if read_only:
            raise
        return _anew(model, path, say)


def _anew(model: ReadModel, path: Path, say: Say, old: SqliteReadStore | None = None, why: str = "is damaged") -> SqliteReadStore:
    """An empty read model in place of one that is damaged, or not of this record, whose file is kept beside it."""
    if old is not None:
        old.close()
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    _take_away(path, BESIDE_DATABASES)
    make_private(path.parent, (path.name,))
    say(f"{model.name}'s read model {path} {why}, and is derived again; what it was is kept in {aside.name}")
    return SqliteReadStore(model, path)


def _take_away(path: Path, ends: Iterable[str]) -> None:
    for end in ends:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _damaged(folder: Path, error: sqlite3.DatabaseError) -> str | None:
    """Which read model it is whose file is damaged, and the cure; None where it is none of them."""
    for model in (marketing, sales):
        try:
            store = SqliteReadStore(model, folder / f"{model.name}.db", read_only=True)
        except Refused as refused:
            return str(refused)
        try:
            if not store.is_whole():
                return damaged(model.name, store.path, error)
        finally:
            store.close()
    return None


def is_of_files(error: Exception) -> bool:
    """Whether it is the disk or the file that placing failed for, and no record."""
    return _named(error).startswith(FILES_AT_FAULT) or (isinstance(error, sqlite3.OperationalError) and not _named(error))


def _named(error: Exception) -> str:
    """What SQLite calls it, where it has said so."""
    return getattr(error, "sqlite_errorname", None) or ""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the file says who does."""
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise Refused(
                f"{folder} is being written by process {file.read().strip() or 'unknown'}; one process writes at a time. End it first;"
                " where it is `journey serve`, its pages and its routes write meanwhile"
            ) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def batch_of(rest: Iterator[Incoming], records_max: int = UNIT_RECORDS_MAX) -> list[Incoming]:
    """The next records, within the bounds of a batch."""
    batch: list[Incoming] = []
    size = 0
    for one in islice(rest, records_max):
        batch.append(one)
        size += one.size
        if size >= UNIT_BYTES_MAX:
            break
    return batch
