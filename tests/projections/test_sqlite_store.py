"""What the SQLite read store does with files that are not what it expects."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from journey.errors import Refused
from projections.marketing import marketing
from projections.stores.sqlite import SqliteReadStore
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
