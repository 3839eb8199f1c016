"""Roles of PostgreSQL: each reads the views of its schema and nothing else, and marketing no single deal's amount."""

from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from projections.stores.postgres_adding import Adding
from streams.postgres.database import Database
from tests.projections.figures import cases
from tests.projections.test_views import deltas

pytestmark = pytest.mark.postgres

Sql = asyncpg.Connection


@pytest.fixture
async def store(database: str) -> AsyncIterator[PostgresReadStore]:
    """Both read models are there; this is marketing's."""
    await (await PostgresReadStore.open(sales, Database(database))).close()
    store = await PostgresReadStore.open(marketing, Database(database))
    yield store
    await store.close()


@pytest.fixture
async def db(store: PostgresReadStore, database: str) -> AsyncIterator["Sql[asyncpg.Record]"]:
    db = await asyncpg.connect(database)
    yield db
    await db.close()


async def readable(db: "Sql[asyncpg.Record]") -> set[str]:
    """All that the role of this session may read of ours."""
    rows = await db.fetch(
        "SELECT format('%s.%s', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('marketing', 'sales', 'journey') AND c.relkind IN ('r', 'v', 'm', 'p')"
        " AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')"
    )
    return {name for (name,) in rows}


async def won(store: PostgresReadStore, *deals: tuple[str, int, str]) -> None:
    """Deals won: the month, the amount, the currency of each."""
    rows = [
        cases.deal(f"d{nth}", "won", amount_minor=amount, currency=currency, closed=f"{month}-10")
        for nth, (month, amount, currency) in enumerate(deals)
    ]
    table = next(table for table in marketing.tables if table.name == "deals")
    async with store.database.connection() as connection, connection.transaction():
        await Adding("marketing", table).add(connection, deltas(table, rows))


async def months(db: "Sql[asyncpg.Record]") -> Sequence[tuple[object, ...]]:
    await db.execute("SET ROLE journey_marketing")
    rows = await db.fetch("SELECT month, currency, n, amount_minor FROM marketing.v1_won_value ORDER BY month, currency")
    await db.execute("RESET ROLE")
    return [tuple(row) for row in rows]


async def test_each_role_reads_views_of_its_schema_and_nothing_else(db: "Sql[asyncpg.Record]") -> None:
    for role in ("marketing", "sales"):
        await db.execute(f"SET ROLE journey_{role}")
        there = await readable(db)
        assert {f"{role}.v1_position", f"{role}.v1_people"} <= there
        assert all(name.startswith(f"{role}.v1_") for name in there), there
        for name in there:
            await db.fetch(f"SELECT * FROM {name}")
        for name in (f"{role}.deals", f"{role}.reflects"):
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)):
                await db.fetch(f"SELECT * FROM {name}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute(f"DELETE FROM {role}.v1_position")
        await db.execute("RESET ROLE")


async def test_marketing_is_granted_no_view_with_a_single_deals_amount(db: "Sql[asyncpg.Record]") -> None:
    with_amounts = await db.fetch(
        "SELECT format('%s.%s', table_schema, table_name) FROM information_schema.columns WHERE table_schema = 'marketing'"
        " AND table_name LIKE 'v1\\_%' GROUP BY 1 HAVING bool_or(column_name = 'deal') AND bool_or(column_name LIKE '%amount%')"
    )
    assert {name for (name,) in with_amounts} == {"marketing.v1_deals", "marketing.v1_deal_history"}
    await db.execute("SET ROLE journey_marketing")
    there = await readable(db)
    assert not there.intersection(name for (name,) in with_amounts)
    assert "marketing.v1_won_value" in there
    await db.execute("RESET ROLE; SET ROLE journey_sales")
    assert {"sales.v1_deals", "sales.v1_offers"} <= await readable(db)


async def test_marketing_reads_won_value_of_months_with_enough_deals(store: PostgresReadStore, db: "Sql[asyncpg.Record]") -> None:
    await store.use_small_count(2)
    await won(store, *[("2026-01", 100, "EUR")] * 2, *[("2026-02", 200, "EUR")] * 3)
    assert await months(db) == [("2026-01", "EUR", 2, 200), ("2026-02", "EUR", 3, 600)]
    await store.use_small_count(3)
    assert await months(db) == []


async def test_a_month_with_too_few_takes_another_with_it_that_would_give_it_away(
    store: PostgresReadStore, db: "Sql[asyncpg.Record]"
) -> None:
    await store.use_small_count(2)
    few = ("2026-03", 5_000, "EUR")
    await won(store, few, *[("2026-01", 100, "EUR")] * 2, *[("2026-02", 200, "EUR")] * 3)
    assert await months(db) == [("2026-02", "EUR", 3, 600)]


async def test_a_month_with_too_few_of_one_currency_is_left_out_of_all(store: PostgresReadStore, db: "Sql[asyncpg.Record]") -> None:
    """Converted to one currency, the month's total is shown elsewhere."""
    await store.use_small_count(2)
    await won(store, ("2026-01", 7, "USD"), *[("2026-01", 100, "EUR")] * 4, *[("2026-02", 1, "EUR")] * 2, *[("2026-03", 1, "EUR")] * 9)
    assert await months(db) == [("2026-03", "EUR", 9, 9)]


async def test_who_may_make_no_roles_makes_the_views_all_the_same(database: str) -> None:
    address = database.rpartition("/")[2].partition("?")[0]
    owner = await asyncpg.connect(database)
    role = f"plain_{address}"
    await owner.execute(f"CREATE ROLE {role}; GRANT CREATE ON DATABASE {address} TO {role}; GRANT {role} TO CURRENT_USER")
    try:
        await owner.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {address} SET role = '{role}'")
        store = await PostgresReadStore.open(marketing, Database(database))
        async with store.database.connection() as connection:
            assert await connection.fetchval("SELECT current_user") == role
            assert await connection.fetch("SELECT * FROM marketing.v1_won_value") == []
        await store.close()
    finally:
        await owner.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {address} RESET role; DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
        await owner.close()
