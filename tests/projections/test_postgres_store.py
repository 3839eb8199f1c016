"""What is PostgreSQL's own in keeping a read model: questions in its dialect, several writers, keys of any length, roles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from journey.errors import Away, Refused
from journey.facts import FirstTouched
from projections.marketing import marketing
from projections.read_model import Table
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from projections.stores.postgres_adding import numbered
from projections.stores.postgres_asking import ROWS_AT_A_TIME
from streams.postgres.database import Database
from streams.units import Change

pytestmark = pytest.mark.postgres


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresReadStore]:
    store = await PostgresReadStore.open(marketing, Database(database))
    yield store
    await store.close()


def touched(person: str, n: int = 1) -> list[Any]:
    return ["touched", n, person, "2026-03-02", "Direct", ""]


async def stream(*changes: Change) -> AsyncIterator[Change]:
    for one in changes:
        yield one


async def people(store: PostgresReadStore) -> list[tuple[Any, ...]]:
    async with store.snapshot() as ask:
        return list(await ask("SELECT person, n FROM touched ORDER BY person"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT a FROM t WHERE b = ? AND c <= ?", "SELECT a FROM t WHERE b = $1 AND c <= $2"),
        ("SELECT '?' FROM t WHERE b = ?", "SELECT '?' FROM t WHERE b = $1"),
        ("SELECT 'it''s ?', \"odd?\" FROM t WHERE b IN (?, ?)", "SELECT 'it''s ?', \"odd?\" FROM t WHERE b IN ($1, $2)"),
    ],
)
def test_question_marks_are_values_except_in_quotes(query: str, expected: str) -> None:
    assert numbered(query) == expected


async def test_sums_and_counts_are_integers(store: PostgresReadStore) -> None:
    await store.apply(stream(Change(1, [touched("user:1", 2**40), touched("user:2")])))
    async with store.snapshot() as ask:
        ((total, number),) = await ask("SELECT SUM(n), COUNT(DISTINCT person) FROM touched")
    assert (total, number) == (2**40 + 1, 2)
    assert type(total) is int


async def test_a_question_is_planned_for_its_own_instant_however_often_it_was_asked(store: PostgresReadStore) -> None:
    async with store.snapshot() as ask:
        assert await ask("SELECT CURRENT_SETTING('plan_cache_mode')") == [("force_custom_plan",)]


async def test_rows_are_streamed(store: PostgresReadStore) -> None:
    await store.apply(stream(Change(1, [touched(f"user:{number}") for number in range(2 * ROWS_AT_A_TIME + 1)])))
    async with store.snapshot() as ask:
        found = [row async for row in ask.rows("SELECT person FROM touched WHERE day = ? ORDER BY person", "2026-03-02")]
        assert found == await ask("SELECT person FROM touched ORDER BY person")


async def test_order_is_that_of_bytes_whatever_the_database_thinks(store: PostgresReadStore) -> None:
    names = ["user:Z", "user:a", "user:\u00e4", "user:\ufb01", "user:\U0001f600"]
    await store.apply(stream(Change(1, [touched(name) for name in names])))
    assert [person for person, _ in await people(store)] == sorted(names, key=str.encode)


async def test_keys_may_be_longer_than_an_entry_of_an_index(store: PostgresReadStore) -> None:
    path = [[number, "ad_click", "Paid Search", "spring" * 80, "c" * 300] for number in range(50)]
    fact = ["converted", 1, "user:1", "won_deal", "1", 5, "2026-03-02", 1, 100, "EUR", 1, 2, 0, path]
    await store.apply(stream(Change(1, [fact]), Change(2, [])))
    await store.apply(stream(Change(3, [[*fact[:1], -1, *fact[2:]]])))
    async with store.snapshot() as ask:
        assert await ask("SELECT COUNT(*) FROM conversions") == [(0,)]


async def test_a_second_writer_finds_that_it_is_behind_and_nothing_counts_twice(store: PostgresReadStore, database: str) -> None:
    other = await PostgresReadStore.open(marketing, Database(database))
    try:
        first = [Change(1, [touched("user:1")]), Change(2, [touched("user:1")])]

        async def overtaken() -> AsyncIterator[Change]:
            yield first[0]
            await other.apply(stream(*first))

        with pytest.raises(Away, match="another writer"):
            await store.apply(overtaken())
        assert await store.position() == 2
        assert await people(store) == [("user:1", 2)]
        assert await store.apply(stream(*first, Change(3, [touched("user:2")]))) == 3
    finally:
        await other.close()


async def test_another_version_of_the_model_begins_anew(store: PostgresReadStore, database: str) -> None:
    await store.apply(stream(Change(1, [touched("user:1")])))
    new_table = Table("touched", of=FirstTouched)
    tables = tuple(new_table if table.name == "touched" else table for table in marketing.tables)
    later = await PostgresReadStore.open(replace(marketing, version=marketing.version + 1, tables=tables), Database(database))
    try:
        assert await later.position() == 0
        async with later.snapshot() as ask:
            assert await ask("SELECT is_first FROM touched") == []
    finally:
        await later.close()


async def test_what_nobody_has_made_cannot_be_read(database: str) -> None:
    with pytest.raises(Refused, match="worker"):
        await PostgresReadStore.open(marketing, Database(database), read_only=True)


async def test_a_role_of_marketing_reads_marketing_and_not_sales(store: PostgresReadStore, database: str) -> None:
    address = urlsplit(database)
    role = f"role_{address.path[1:]}"
    other = await PostgresReadStore.open(sales, Database(database))
    await other.close()
    await store.apply(stream(Change(1, [touched("user:1")])))
    owner = await asyncpg.connect(database)
    await owner.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA marketing TO {role};"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA marketing TO {role}"
    )
    try:
        theirs = urlunsplit(address._replace(netloc=f"{role}:p@{address.hostname}:{address.port}"))
        reader = await PostgresReadStore.open(marketing, Database(theirs), read_only=True)
        assert await people(reader) == [("user:1", 1)]
        with pytest.raises(Refused):
            await reader.apply(stream(Change(2, [touched("user:1")])))
        await reader.close()
        with pytest.raises(Refused):
            await PostgresReadStore.open(sales, Database(theirs), read_only=True)
    finally:
        await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await owner.close()


async def test_a_question_that_breaks_off_leaves_its_connection_fit_for_the_next(store: PostgresReadStore) -> None:
    for _ in range(20):
        with pytest.raises(asyncpg.UndefinedTableError):
            await ask_for_nothing(store)
    assert await people(store) == []


async def ask_for_nothing(store: PostgresReadStore) -> None:
    async with store.snapshot() as ask:
        await ask("SELECT 1 FROM there_is_no_such_table")


async def test_each_position_is_told_to_who_listens(store: PostgresReadStore) -> None:
    told: asyncio.Queue[int] = asyncio.Queue()
    async with store.listening(told.put_nowait, lambda: None):
        await store.apply(stream(Change(1, [touched("user:1")])))
        assert await told.get() == 1
        await store.apply(stream(Change(2, [touched("user:2")], rebuilt=True)))
        assert await told.get() == 2, "of a switch too"


async def test_who_listens_is_told_where_the_session_is_lost(store: PostgresReadStore, database: str) -> None:
    lost = asyncio.Event()
    with suppress(Away):
        async with store.listening(lambda _: None, lost.set):
            other = await asyncpg.connect(database)
            await other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            await other.close()
            await lost.wait()
    assert lost.is_set()
