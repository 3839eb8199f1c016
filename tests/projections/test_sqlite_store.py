"""What the SQLite read store does with files that are not what it expects."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from journey.errors import Refused
from projections.marketing import marketing
from projections.read_model import Delta, ReadModel
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from projections.stores.sqlite_adding import add, be_exact, create
from streams.units import Change


async def one_unit() -> AsyncIterator[Change]:
    yield Change(1, [["touched", 1, "user:1", "2026-03-02", "Direct", ""]])


def test_to_read_what_nobody_has_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"marketing\.db"):
        SqliteReadStore(marketing, tmp_path / "marketing.db", read_only=True)


def test_to_read_a_file_that_was_only_just_made_is_refused(tmp_path: Path) -> None:
    """As a writer leaves it that was killed before it made the tables."""
    (tmp_path / "marketing.db").touch()
    with pytest.raises(Refused, match="holds nothing; `journey rebuild marketing`"):
        SqliteReadStore(marketing, tmp_path / "marketing.db", read_only=True)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "marketing.db").write_bytes(b"no database" * 1000)
    for read_only in (True, False):
        with pytest.raises(Refused, match="is damaged"):
            SqliteReadStore(marketing, tmp_path / "marketing.db", read_only=read_only)


async def test_another_version_of_the_read_model_starts_from_nothing(tmp_path: Path) -> None:
    path = tmp_path / "marketing.db"
    store = SqliteReadStore(marketing, path)
    await store.apply(one_unit())
    store.close()
    with pytest.raises(Refused, match="of another version"):
        SqliteReadStore(replace(marketing, version=marketing.version + 1), path, read_only=True)
    store = SqliteReadStore(replace(marketing, version=marketing.version + 1), path)
    assert await store.position() == 0
    async with store.snapshot() as ask:
        assert await ask("SELECT COUNT(*) FROM touched") == [(0,)]
    assert await store.apply(one_unit()) == 1
    store.close()


@pytest.mark.parametrize("model", [marketing, sales], ids=lambda model: str(model.name))
def test_each_table_adds_up_over_units(model: ReadModel) -> None:
    """Also one whose name means something in SQL, as `excluded` does."""
    db = sqlite3.connect(":memory:")
    be_exact(db)
    for table in model.tables:
        db.execute(create("main", table))
        key = tuple("a" if column.type == "TEXT" else 1 for column in table.key)
        for n in (3, 4):
            add(db, "main", table, [Delta(key, (n, *(100 * n for _ in table.sums)))])
        assert db.execute(f"SELECT {', '.join((*table.sums, 'n'))} FROM {table.name}").fetchall() == [(*(700 for _ in table.sums), 7)]
    db.close()
