"""The power goes while SQLite writes: whatever of the last pages reached the disk, what was acknowledged is there, and it goes on.

Images of the files as a crash may leave them: all that was synced, and of what was written since a part that ends anywhere, its last page
torn, the pages behind it old, empty or rubbish.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from journey.definition import Definition
from schemas.definition_files import default_definition
from tests.faults.test_failing_calls import FIRST, SECOND
from tests.streams.builders import Bench

PAGE, HEADER, FRAME_HEADER = 4096, 32, 24
FRAME = FRAME_HEADER + PAGE
DB, WAL = "journey.db", "journey.db-wal"


class Written(NamedTuple):
    """The files after the first unit, after the append of the second, and after its commit: each of them acknowledged."""

    db: bytes
    wal: bytes
    placed: int
    """The length of the WAL up to which all is synced: the first unit's,"""
    appended: int
    """and with the second append."""
    whole: list[str]
    """The digests of both units, undisturbed."""


@pytest.fixture(scope="module")
def definition() -> Definition:
    return default_definition()


@pytest.fixture(scope="module")
def written(definition: Definition, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("written")

    async def take() -> Written:
        bench = Bench(folder, definition)
        bench.record.db.execute("PRAGMA wal_autocheckpoint = 0")
        await bench.take(*FIRST)
        placed = (folder / WAL).stat().st_size
        await bench.append(SECOND)
        appended = (folder / WAL).stat().st_size
        await bench.place()
        files = (folder / DB).read_bytes(), (folder / WAL).read_bytes()
        whole = await bench.digests()
        bench.close()
        return Written(*files, placed, appended, whole)

    found = asyncio.run(take())
    assert (found.placed - HEADER) % FRAME == (found.appended - HEADER) % FRAME == 0
    assert found.placed < found.appended < len(found.wal)
    return found


def torn(wal: bytes, synced: int, end: int) -> Iterator[bytes]:
    """What may be there of a WAL that is synced up to `synced` and was being written up to `end`."""
    random = Random(synced)
    for frame in range(synced, end, FRAME):
        for cut in (0, 8, FRAME_HEADER, FRAME_HEADER + 512, FRAME_HEADER + random.randrange(PAGE), FRAME - 1):
            kept = wal[: frame + cut]
            yield kept
            yield kept + bytes(end - len(kept))
            yield kept + random.randbytes(end - len(kept))
            # The disk wrote what came later first.
            yield kept + bytes(FRAME - cut) + wal[frame + FRAME : end]


def after(folder: Path, db: bytes, wal: bytes, definition: Definition) -> tuple[list[bytes], int, list[str]]:
    """What is in the log and at which position, and the digests once all is sent again."""
    laid(folder, db, wal)
    return asyncio.run(sent_again(Bench(folder, definition)))


def laid(folder: Path, db: bytes, wal: bytes) -> None:
    folder.mkdir()
    (folder / DB).write_bytes(db)
    (folder / WAL).write_bytes(wal)


async def sent_again(bench: Bench) -> tuple[list[bytes], int, list[str]]:
    try:
        assert bench.record.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        log = [one.incoming.raw for one in await bench.record.read(0, after=-1, limit=100)]
        position = await bench.record.position()
        for one in (bench.record, *bench.stores):
            one.db.execute("PRAGMA synchronous = OFF")  # What is tested has happened.
        while await bench.place():
            pass
        await bench.take(*SECOND)
        return log, position, await bench.digests()
    finally:
        bench.close()


def test_an_append_that_was_being_written_is_there_whole_or_not_and_all_before_it_is(
    written: Written, definition: Definition, tmp_path: Path
) -> None:
    images = list(torn(written.wal, written.placed, written.appended))
    for number, wal in enumerate(images):
        log, position, digests = after(tmp_path / str(number), written.db, wal, definition)
        assert log in (FIRST, FIRST + SECOND), number
        assert (position, digests) == (1, written.whole), number
    assert len(images) >= 24


def test_a_unit_that_was_being_written_is_there_whole_or_not_and_what_was_appended_is(
    written: Written, definition: Definition, tmp_path: Path
) -> None:
    positions = set()
    images = list(torn(written.wal, written.appended, len(written.wal)))
    for number, wal in enumerate([*images, written.wal]):
        log, position, digests = after(tmp_path / str(number), written.db, wal, definition)
        assert log == FIRST + SECOND, number
        assert digests == written.whole, number
        positions.add(position)
    assert len(images) >= 100
    assert positions == {1, 2}


def test_a_checkpoint_that_was_torn_is_done_again_from_the_log_of_writes(written: Written, definition: Definition, tmp_path: Path) -> None:
    """Pages go from the WAL into the file in any order, the last of them in part; the WAL is still whole."""
    folder = tmp_path / "checkpoint"
    laid(folder, written.db, written.wal)
    db = sqlite3.connect(folder / DB)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    new = (folder / DB).read_bytes()
    random, pages = Random(1), len(new) // PAGE
    for number in range(40):
        image = bytearray(written.db.ljust(len(new), b"\0"))
        done = random.sample(range(pages), random.randrange(pages))
        for page in done:
            image[page * PAGE : (page + 1) * PAGE] = new[page * PAGE : (page + 1) * PAGE]
        if done:
            cut = done[-1] * PAGE + random.randrange(PAGE)
            image[cut : (done[-1] + 1) * PAGE] = random.randbytes((done[-1] + 1) * PAGE - cut)
        log, position, digests = after(tmp_path / str(number), bytes(image), written.wal, definition)
        assert (log, position, digests) == (FIRST + SECOND, 2, written.whole), number
