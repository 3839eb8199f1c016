"""Every call to the database fails once, before and after it did its work; what is opened then is whole, and goes on to the same digest."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from journey.definition import Definition
from schemas.definition_files import default_definition
from tests.streams.builders import Bench, at, deal_opened, link, quick_bench, retraction, sent

CALLS_MAX = 500

FIRST = [
    sent("page_view", "anon:a", at(0)),
    deal_opened("1", at(1), "user:1", "user:2"),
    sent("content_view", "user:2", at(2), id="c"),
    sent("demo", "user:3", at(3)),
]
SECOND = [
    link("anon:a", "user:1", at(4)),
    sent("close", "deal:1", at(5)),
    sent("content_view", "user:2", at(1), id="c", content="other"),
    retraction(FIRST[3], at(6)),
    sent("form_submitted", "user:4", at(6), intent="demo"),
    b"no JSON",
]


class Failing:
    """A connection that fails at its Nth call: it does it, or not, and raises."""

    def __init__(self, db: sqlite3.Connection, at_call: int, *, done: bool) -> None:
        self._db = db
        self._left = at_call
        self._done = done
        self.failed = False

    def _call(self, do: Callable[..., Any], *values: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.failed = True
            if self._done:
                do(*values)
            raise sqlite3.OperationalError("the disk is gone")
        return do(*values)

    def execute(self, *values: Any) -> Any:
        return self._call(self._db.execute, *values)

    def executemany(self, *values: Any) -> Any:
        return self._call(self._db.executemany, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


@pytest.fixture
def definition() -> Definition:
    return default_definition()


@pytest.fixture
def half_way(tmp_path: Path, definition: Definition) -> Path:
    """A folder with the first unit in it."""
    folder = tmp_path / "half way"
    folder.mkdir()

    async def take() -> None:
        bench = quick_bench(folder, definition)
        await bench.take(*FIRST)
        await bench.follow()
        bench.close()

    asyncio.run(take())
    return folder


@pytest.fixture
def whole(tmp_path: Path, definition: Definition) -> list[str]:
    """The digests of both units, undisturbed."""
    folder = tmp_path / "whole"
    folder.mkdir()

    async def take() -> list[str]:
        bench = quick_bench(folder, definition)
        await bench.take(*FIRST)
        await bench.take(*SECOND)
        digests = await bench.digests()
        bench.close()
        return digests

    return asyncio.run(take())


def each_failure(half_way: Path, tmp_path: Path) -> Iterator[tuple[Path, int, bool]]:
    """A copy of the folder for each call that may fail, and how: not done, or done and not acknowledged."""
    for done in (False, True):
        for call in range(1, CALLS_MAX):
            folder = tmp_path / f"{call}-{done}"
            copytree(half_way, folder)
            yield folder, call, done
            if (folder / "nothing failed").exists():
                break
        else:
            raise AssertionError(f"more than {CALLS_MAX} calls")


async def fails(folder: Path, definition: Definition, do: Callable[[Bench], Awaitable[Any]], fault: Callable[[Bench], Failing]) -> bool:
    """Whether `do` came to the call that fails. Whatever was open is lost, not closed in order."""
    bench = Bench(folder, definition)
    failing = fault(bench)
    try:
        await do(bench)
    except sqlite3.OperationalError:
        assert failing.failed
    else:
        assert not failing.failed, "it failed and nobody said so"
        (folder / "nothing failed").touch()
    bench.close()
    return failing.failed


async def goes_on(folder: Path, definition: Definition) -> list[str]:
    """What comes of sending it all again."""
    bench = Bench(folder, definition)
    while await bench.place():
        pass
    await bench.take(*SECOND)
    digests = await bench.digests()
    bench.close()
    return digests


def test_an_append_that_fails_at_any_call_keeps_all_of_its_batch_or_nothing(half_way: Path, tmp_path: Path, definition: Definition) -> None:
    async def one(folder: Path, call: int, done: bool) -> None:
        def fault(bench: Bench) -> Failing:
            bench.record.db = failing = Failing(bench.record.db, call, done=done)  # type: ignore[assignment]
            return failing

        await fails(folder, definition, lambda bench: bench.append(SECOND), fault)
        bench = Bench(folder, definition)
        records = [one.incoming.raw for one in await bench.record.read(0, after=-1, limit=100)]
        bench.close()
        assert records in (FIRST, FIRST + SECOND), (call, done)

    for folder, call, done in each_failure(half_way, tmp_path):
        asyncio.run(one(folder, call, done))


def test_a_unit_that_fails_at_any_call_is_stored_whole_or_not_at_all(
    half_way: Path, tmp_path: Path, definition: Definition, whole: list[str]
) -> None:
    async def take(bench: Bench) -> None:
        await bench.place()

    async def one(folder: Path, call: int, done: bool) -> None:
        def fault(bench: Bench) -> Failing:
            bench.record.db = failing = Failing(bench.record.db, call, done=done)  # type: ignore[assignment]
            return failing

        bench = Bench(folder, definition)
        await bench.append(SECOND)
        bench.close()
        await fails(folder, definition, take, fault)
        bench = Bench(folder, definition)
        position, offsets = await bench.record.position(), await bench.record.offsets()
        changes = [change.position async for change in bench.record.changes(0)]
        stored = {one.touch.id for bodies in (await bench.record.bodies(["user:4", "deal:1"])).values() for one in bodies}
        letters = len(await bench.desk.kept(after=0, limit=10))
        bench.close()
        assert position in (1, 2), (call, done)
        assert changes == list(range(1, position + 1)), (call, done)
        assert offsets == {0: len(FIRST) if position == 1 else len(FIRST + SECOND)}, (call, done)
        assert len(stored) == (1 if position == 1 else 3), (call, done)
        assert letters == position - 1, (call, done)
        assert await goes_on(folder, definition) == whole, (call, done)

    for folder, call, done in each_failure(half_way, tmp_path):
        asyncio.run(one(folder, call, done))


@pytest.mark.parametrize("which", [0, 1], ids=["marketing", "sales"])
def test_a_read_store_that_fails_at_any_call_stands_where_its_rows_are(
    half_way: Path, tmp_path: Path, definition: Definition, whole: list[str], which: int
) -> None:
    async def one(folder: Path, call: int, done: bool) -> None:
        def fault(bench: Bench) -> Failing:
            bench.stores[which].db = failing = Failing(bench.stores[which].db, call, done=done)  # type: ignore[assignment]
            return failing

        bench = Bench(folder, definition)
        await bench.take(*SECOND)
        bench.close()
        await fails(folder, definition, lambda bench: bench.follow(), fault)
        assert await goes_on(folder, definition) == whole, (call, done)

    for folder, call, done in each_failure(half_way, tmp_path):
        asyncio.run(one(folder, call, done))


def test_a_rebuild_that_fails_at_any_call_leaves_what_was_or_what_was_rebuilt(
    half_way: Path, tmp_path: Path, definition: Definition, whole: list[str]
) -> None:
    async def one(folder: Path, call: int, done: bool) -> None:
        def fault(bench: Bench) -> Failing:
            bench.record.db = failing = Failing(bench.record.db, call, done=done)  # type: ignore[assignment]
            return failing

        await fails(folder, definition, lambda bench: bench.rebuild(bench.definition), fault)
        assert await goes_on(folder, definition) == whole, (call, done)

    for folder, call, done in each_failure(half_way, tmp_path):
        asyncio.run(one(folder, call, done))


def test_the_same_writer_may_try_again_after_a_call_that_failed(half_way: Path, definition: Definition, whole: list[str]) -> None:
    async def run() -> None:
        bench = Bench(half_way, definition)
        await bench.append(SECOND)
        db, call = bench.record.db, 0
        while True:
            call += 1
            bench.record.db = failing = Failing(db, call, done=False)  # type: ignore[assignment]
            try:
                await bench.place()
            except sqlite3.OperationalError:
                continue
            assert not failing.failed
            break
        bench.record.db = db
        assert await bench.digests() == whole
        bench.close()

    asyncio.run(run())
