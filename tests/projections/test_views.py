"""`v1_*`: figures asked by plain SQL, as a tool that knows nothing but the views does, on both databases."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest

from journey.errors import Refused
from journey.facts import StageEntered
from journey.instants import day
from projections.figures.answering import answer
from projections.figures.answers import Cell
from projections.figures.figure import Asked, Where
from projections.figures.sections import SECTIONS
from projections.marketing import marketing
from projections.read_model import Delta, ReadModel, ReadStore, Table
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from projections.stores.postgres_adding import Adding
from projections.stores.sqlite import SqliteReadStore
from projections.stores.sqlite_adding import add
from projections.views import all_columns, kind_of, views
from streams.postgres.database import Database
from streams.units import Change
from tests.projections.figures import cases, cases_sales, cases_segments
from tests.projections.figures.cases import asked, stage
from tests.projections.figures.tables import Rows, at

MODELS = {"marketing": marketing, "sales": sales}
MODEL_OF = {figure.name: section.model for section in reversed(SECTIONS) for figure in section.figures}
FIGURES = {figure.name: figure for section in SECTIONS for figure in section.figures}
Sql = Callable[[str], Awaitable[Sequence[tuple[Any, ...]]]]

# --- both databases, filled


def deltas(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[Delta]:
    """What of `rows` the table keeps; what they do not say is "", or 0, and a day is that of its instant."""
    found: dict[tuple[Any, ...], Delta] = {}
    for row in rows:
        values: dict[str, Any] = {}
        for column in all_columns(table):
            kind = kind_of(column)
            value = row.get(column.name, {"n": 1, "currency": "EUR"}.get(column.name, -1 if kind == "seconds" else 0))
            if kind == "instant" and isinstance(value, str):
                value = at(value)
            if kind == "day" and not value:
                instant = values.get("at" if column.name == "day" else f"{column.name[:-3]}_at")
                value = day(instant, "UTC") if instant else ""
            values[column.name] = "" if column.type == "TEXT" and value == 0 else value
        key = tuple(values[column.name] for column in table.key)
        found[key] = Delta(key, (values["n"], *(values[name] for name in table.sums)))
    return sorted(found.values())


class Filled(NamedTuple):
    """A read model, and a connection of somebody else's to its database."""

    store: ReadStore
    sql: Sql


@asynccontextmanager
async def on_sqlite(folder: Path, model: ReadModel, rows: Rows) -> AsyncIterator[Filled]:
    store = SqliteReadStore(model, folder / f"{model.name}.db")
    for table in model.tables:
        add(store.db, "main", table, deltas(table, rows.get(table.name, ())))
    db = sqlite3.connect(folder / f"{model.name}.db")

    async def sql(query: str) -> Sequence[tuple[Any, ...]]:
        return db.execute(query).fetchall()

    yield Filled(store, sql)
    db.close()
    store.close()


@asynccontextmanager
async def on_postgres(address: str, model: ReadModel, rows: Rows) -> AsyncIterator[Filled]:
    store = await PostgresReadStore.open(model, Database(address))
    async with store.database.connection() as connection, connection.transaction():
        for table in model.tables:
            await Adding(model.name, table).add(connection, deltas(table, rows.get(table.name, ())))
    db = await asyncpg.connect(address)
    await db.execute(f"SET search_path = {model.name}; SET TIME ZONE 'UTC'")

    async def sql(query: str) -> Sequence[tuple[Any, ...]]:
        return [tuple(row) for row in await db.fetch(query)]

    yield Filled(store, sql)
    await db.close()
    await store.close()


Fill = Callable[[ReadModel, Rows], Awaitable[Filled]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def fill(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fill]:
    place: Any = tmp_path if request.param == "sqlite" else request.getfixturevalue("database")
    filled: Any = on_sqlite if request.param == "sqlite" else on_postgres
    async with AsyncExitStack() as stack:

        async def one(model: ReadModel, rows: Rows) -> Filled:
            found: Filled = await stack.enter_async_context(filled(place, model, rows))
            return found

        yield one


# --- figures

ROWS: dict[str, Rows] = {
    "marketing": {
        **cases.WON,
        **cases.TOUCHED,
        **cases.LEADS,
        **cases.STAGES,
        **cases.SPENT,
        "segment_moves": cases_segments.AUDIENCE["segment_moves"],
    },
    "sales": {
        **cases.STOOD,
        **cases_sales.ACCEPTED,
        "deals": [*cases.DECIDED, cases.deal("d7", "open", amount_minor=900, currency="JPY", stage="offer")],
    },
}
AS_OF = "valid_from < '2026-07-01' AND (valid_to >= '2026-07-01' OR valid_to IS NULL)"
"""As of `cases.UNTIL`, the last microsecond of June."""
MICROS = "CAST({} * 1000000 AS BIGINT)"


class Question(NamedTuple):
    """The SQL gives the groups of each cell, then what is read of it. `in_postgres` is there where no text serves both."""

    figure: str
    asked: Asked
    sql: str
    read: Callable[[Cell], tuple[Any, ...]] = lambda cell: (cell.value,)
    in_postgres: str = ""


QUESTIONS = (
    Question(
        "win_rate",
        asked("owner"),
        "SELECT owner, COUNT(*) FILTER (WHERE outcome = 'won'), COUNT(*) FILTER (WHERE outcome IN ('won', 'lost')) FROM v1_deal_history"
        f" WHERE {AS_OF} AND closed_at IS NOT NULL GROUP BY owner",
        lambda cell: (cell.part, cell.whole),
    ),
    Question(
        "new_leads",
        asked("channel", "month"),
        "SELECT channel, SUBSTR(CAST(day AS TEXT), 1, 7), SUM(n) FROM v1_lead_steps WHERE step = 'created' AND at < '2026-07-01'"
        " GROUP BY 1, 2",
    ),
    Question("stage_people", asked("stage"), f"SELECT stage, SUM(n) FROM v1_stage_history WHERE {AS_OF} GROUP BY stage"),
    Question(
        "segment_people",
        asked("segment"),
        f"SELECT segment, SUM(n) FROM v1_segment_history WHERE step = 'entered' AND {AS_OF} GROUP BY segment",
    ),
    Question("stage_entries", asked("stage"), "SELECT stage, SUM(n) FROM v1_stage_entries WHERE at < '2026-07-01' GROUP BY stage"),
    Question(
        "people",
        asked("channel"),
        "SELECT channel, COUNT(DISTINCT person) FROM v1_touchpoints_by_day WHERE day < '2026-07-01' GROUP BY channel",
    ),
    Question("spend", asked("channel"), "SELECT channel, currency, SUM(amount_minor) FROM v1_spend WHERE day < '2026-07-01' GROUP BY 1, 2"),
    Question(
        "open_value",
        asked("pipeline"),
        f"SELECT pipeline, currency, SUM(amount_minor) FROM v1_deal_history WHERE outcome = 'open' AND {AS_OF} GROUP BY 1, 2",
    ),
    Question(
        "won_value",
        asked("quarter"),
        "SELECT CASE WHEN closed_on < '2026-04-01' THEN '2026-Q1' ELSE '2026-Q2' END, currency, SUM(amount_minor) FROM v1_deal_history"
        f" WHERE outcome = 'won' AND {AS_OF} GROUP BY 1, 2",
    ),
    Question(
        "time_to_accept",
        asked("team"),
        f"SELECT team, {MICROS.format('AVG(to_accept_seconds)')} FROM"
        " (SELECT *, ROW_NUMBER() OVER w AS place, COUNT(*) OVER of_team AS number"
        f" FROM v1_lead_history WHERE answer = 'accepted' AND to_accept_seconds IS NOT NULL AND {AS_OF}"
        " WINDOW w AS (PARTITION BY team ORDER BY to_accept_seconds), of_team AS (PARTITION BY team)) AS l"
        " WHERE place IN ((number + 1) / 2, (number + 2) / 2) GROUP BY team",
        lambda cell: (cell.value[0],) if isinstance(cell.value, tuple) else (),
        f"SELECT team, {MICROS.format('percentile_cont(0.5) WITHIN GROUP (ORDER BY to_accept_seconds)')} FROM v1_lead_history"
        f" WHERE answer = 'accepted' AND {AS_OF} AND to_accept_seconds IS NOT NULL GROUP BY team",
    ),
    Question(
        "conversions_first",
        asked("channel", where=(Where("conversion", ("won",)),)),
        "SELECT COALESCE(t.channel, '(no touch)'), COUNT(*) FROM v1_deal_history AS d LEFT JOIN"
        " (SELECT *, ROW_NUMBER() OVER (PARTITION BY of_what, at ORDER BY touched_at, person, place) AS place_of_all FROM v1_touches) AS t"
        f" ON t.of_what = d.deal AND t.at = d.closed_at AND t.place_of_all = 1 WHERE d.outcome = 'won' AND {AS_OF} GROUP BY 1",
    ),
)


@pytest.mark.parametrize("question", QUESTIONS, ids=[question.figure for question in QUESTIONS])
async def test_plain_sql_gets_the_figure(fill: Fill, question: Question) -> None:
    model = MODEL_OF[question.figure]
    store, sql = await fill(MODELS[model], ROWS[model])
    async with store.snapshot() as ask:
        found = (await answer(ask, [FIGURES[question.figure]], question.asked)).figures[0].cells
    expected = {(*cell.group.values(), *question.read(cell)) for cell in found if cell.n}
    query = question.in_postgres if question.in_postgres and isinstance(store, PostgresReadStore) else question.sql
    assert expected
    assert set(await sql(query)) == expected


# --- what only time does

BY_TIME: Rows = {
    "stages": [
        stage("user:1", "2020-03-01", "interest", "", rule="visited"),
        stage("user:1", "2021-03-01", "dormant", "interest", ahead=1),
        stage("user:2", "2020-03-01", "interest", ""),
        stage("user:2", "2200-03-01", "dormant", "interest", ahead=1),
    ]
}


async def test_what_time_has_done_is_counted_with_the_rest_and_what_it_will_do_is_not_yet(fill: Fill) -> None:
    store, sql = await fill(marketing, BY_TIME)
    async with store.snapshot() as ask:
        now = await answer(ask, [FIGURES["stage_entries"]], Asked(at("2100-01-01"), by=("stage",)))
    entries = {(cell.group["stage"], cell.value) for cell in now.figures[0].cells}
    assert entries == set(await sql("SELECT stage, SUM(n) FROM v1_stage_entries GROUP BY stage")) == {("interest", 2), ("dormant", 1)}
    assert set(await sql("SELECT person, stage, ahead FROM v1_people")) == {("user:1", "dormant", 1), ("user:2", "interest", 0)}


async def test_a_history_holds_what_time_alone_will_bring(fill: Fill) -> None:
    _, sql = await fill(marketing, BY_TIME)
    columns = "stage, CAST(valid_from_on AS TEXT), CAST(valid_to_on AS TEXT), ahead"
    assert set(await sql(f"SELECT {columns} FROM v1_stage_history WHERE person = 'user:2'")) == {
        ("interest", "2020-03-01", "2200-03-01", 0),
        ("dormant", "2200-03-01", None, 1),
    }
    assert await sql("SELECT COUNT(*) FROM v1_stage_history WHERE valid_to IS NULL") == [(2,)]


# --- what is written, and how


async def test_amounts_are_exact_in_the_decimals_of_their_currency(fill: Fill) -> None:
    amounts = {"EUR": -5, "JPY": 12, "BHD": 1_000_001, "CLF": 0, "USD": 10**18 - 1}
    _, sql = await fill(marketing, {"spend": [cases.cost("2026-03-01", amount, currency) for currency, amount in amounts.items()]})
    found = {currency: str(amount) for currency, amount in await sql("SELECT currency, amount FROM v1_spend")}
    assert found == {"EUR": "-0.05", "JPY": "12", "BHD": "1000.001", "CLF": "0.0000", "USD": "9999999999999999.99"}


async def test_a_sum_beyond_64_bits_is_read_exactly(fill: Fill) -> None:
    largest = 9_000_000_000_000_000_000
    store, sql = await fill(marketing, {})
    costs = [["spent", 1, "2026-03-01", campaign, "", "", "", "", "EUR", largest] for campaign in ("", "", "spring")]
    await store.apply(one_unit(costs))
    assert {(campaign, str(amount)) for campaign, amount in await sql("SELECT campaign, amount FROM v1_spend")} == {
        ("", "180000000000000000.00"),
        ("spring", "90000000000000000.00"),
    }


async def one_unit(facts: list[list[Any]]) -> AsyncIterator[Change]:
    yield Change(1, facts)


async def test_what_is_not_known_is_null_and_instants_keep_their_microseconds(fill: Fill) -> None:
    instant = at("2026-03-01 10:00") + 7
    _, sql = await fill(sales, {"deals": [cases.deal("d1", "open") | {"at": instant, "opened_at": 0, "probability": "0.25"}]})
    ((valid_from, *others),) = await sql("SELECT CAST(valid_from AS TEXT), opened_at, opened_on, closed_at, took_seconds FROM v1_deals")
    assert valid_from.removesuffix("+00") == "2026-03-01 10:00:00.000007"
    assert others == [None] * 4
    ((probability,),) = await sql("SELECT probability FROM v1_deals")
    assert Decimal(probability) == Decimal("0.25")


async def test_what_is_not_stated_is_null_and_parts_are_numbers(fill: Fill) -> None:
    rows = {
        "event_steps": [{"person": "user:1", "at": "2026-03-01", "minutes": -1}],
        "content_seen": [{"person": "user:1", "at": "2026-03-01", "progress_millionths": 250_000}],
        "social_engaged": [{"person": "user:1", "at": "2026-03-01", "sentiment": "-0.5", "sentiment_millionths": -500_000}],
        "consented": [{"person": "user:1", "at": "2026-03-01", "is_given": -1}],
    }
    _, sql = await fill(marketing, rows)
    assert await sql("SELECT minutes, is_given FROM v1_event_steps CROSS JOIN v1_consents") == [(None, None)]
    ((progress, sentiment),) = await sql("SELECT progress, sentiment FROM v1_content_views CROSS JOIN v1_social_engagements")
    assert (float(progress), str(sentiment)) == (0.25, "-0.5")
    assert [view.name for view in views(marketing) if len({column.name for column in view.columns}) < len(view.columns)] == []


async def test_products_are_those_of_the_deal_as_it_stands(fill: Fill) -> None:
    rows = {
        "deals": [cases.deal("d1", "open"), cases.deal("d1", "open", opened="2026-02-01")],
        "activities": [{"person": "user:1", "at": "2026-01-02", "activity": "demo", "deal": "d1"}],
        "deal_products": [
            {"deal": "deal:d1", "at": "2026-01-01", "product": "lamp"},
            {"deal": "deal:d1", "at": "2026-02-01", "product": "desk"},
        ],
    }
    _, sql = await fill(sales, rows)
    assert await sql("SELECT product FROM v1_deal_products") == [("desk",)]
    assert await sql("SELECT activity, product FROM v1_activities JOIN v1_deal_products USING (deal)") == [("demo", "desk")]
    assert set(await sql("SELECT product, CAST(valid_to_on AS TEXT) FROM v1_deal_product_history")) == {
        ("lamp", "2026-02-01"),
        ("desk", None),
    }


async def test_of_two_stages_of_one_instant_the_last_holds(fill: Fill) -> None:
    passed = stage("user:1", "2020-03-01", "interest", "")
    _, sql = await fill(marketing, {"stages": [passed, stage("user:1", "2020-03-01", "decision", "interest", nth=1)]})
    assert await sql("SELECT stage FROM v1_people") == await sql("SELECT stage FROM v1_stage_history") == [("decision",)]
    assert await sql("SELECT COUNT(*) FROM v1_stage_entries") == [(2,)]


async def test_a_score_is_that_of_now(fill: Fill) -> None:
    points = {"person": "user:1", "points": 5, "until_at": 2**53}
    rows = {
        "scores": [points | {"at": "2020-01-01"}, points | {"at": "2020-01-02", "until_at": "2020-01-03"}, points | {"at": "2200-01-01"}]
    }
    _, sql = await fill(sales, rows)
    assert await sql("SELECT person, score FROM v1_scores") == [("user:1", 5)]
    assert await sql("SELECT COUNT(*) FROM v1_points WHERE until_at IS NULL") == [(2,)]


# --- how they come about


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
async def test_every_view_can_be_asked_and_has_the_columns_that_it_says(fill: Fill, model: ReadModel) -> None:
    _, sql = await fill(model, ROWS[model.name])
    assert {view.table for view in views(model)} == {table.name for table in model.tables}
    for view in views(model):
        names = ", ".join(column.name for column in view.columns)
        assert await sql(f"SELECT {names} FROM {view.name}") == await sql(f"SELECT * FROM {view.name}"), view.name
    assert [position for (position,) in await sql("SELECT position FROM v1_position")] == [0]


async def test_a_table_of_your_own_has_its_view(fill: Fill) -> None:
    own = Table("stage_rules", of=StageEntered, only=("stage", "rule"))
    _, sql = await fill(ReadModel("own", 1, (own,)), {"stage_rules": [{"stage": "awareness", "rule": "first-contact"}]})
    assert await sql("SELECT stage, rule, ahead, n FROM v1_stage_rules") == [("awareness", "first-contact", 0, 1)]


def test_in_sqlite_they_are_made_anew_where_they_are_no_longer_as_they_are_here(tmp_path: Path) -> None:
    def names() -> set[str]:
        store = SqliteReadStore(marketing, tmp_path / "marketing.db")
        try:
            return {name for (name,) in store.db.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
        finally:
            store.close()

    wanted = names()
    db = sqlite3.connect(tmp_path / "marketing.db")
    db.executescript("DROP VIEW v1_deals; CREATE VIEW v1_old AS SELECT 1; DROP VIEW v1_people; CREATE VIEW v1_people AS SELECT 2;")
    db.execute("CREATE VIEW theirs AS SELECT 3")
    db.close()
    assert names() == wanted | {"theirs"}
    assert sqlite3.connect(tmp_path / "marketing.db").execute("SELECT * FROM v1_people").fetchall() == []


@pytest.mark.postgres
async def test_in_postgresql_who_was_granted_them_keeps_that_when_they_are_made_anew(database: str) -> None:
    await (await PostgresReadStore.open(marketing, Database(database))).close()
    db = await asyncpg.connect(database)
    try:
        await db.execute(
            "GRANT SELECT ON marketing.v1_deals TO PUBLIC; DROP VIEW marketing.v1_people;"
            " CREATE VIEW marketing.v1_people AS SELECT 1 AS one;"
            " COMMENT ON VIEW marketing.v1_position IS 'as of before'; CREATE VIEW marketing.v1_old AS SELECT 1"
        )
        await (await PostgresReadStore.open(marketing, Database(database))).close()
        later = replace(marketing, version=marketing.version + 1)
        await (await PostgresReadStore.open(later, Database(database))).close()
        assert await db.fetchval("SELECT has_table_privilege('public', 'marketing.v1_deals', 'SELECT')")
        assert await db.fetch("SELECT * FROM marketing.v1_people") == []
        assert await db.fetchval("SELECT to_regclass('marketing.v1_old')") is None
    finally:
        await db.close()


@pytest.mark.postgres
async def test_in_postgresql_what_others_built_on_them_is_not_dropped_unasked(database: str) -> None:
    await (await PostgresReadStore.open(marketing, Database(database))).close()
    db = await asyncpg.connect(database)
    try:
        await db.execute("CREATE VIEW public.theirs AS SELECT * FROM marketing.v1_deals")
        # Other words, or the same columns made otherwise, take nothing away.
        await db.execute("COMMENT ON VIEW marketing.v1_position IS 'as of before'; CREATE VIEW marketing.v1_old AS SELECT 1")
        await (await PostgresReadStore.open(marketing, Database(database))).close()
        assert await db.fetchval("SELECT to_regclass('marketing.v1_old')") is None
        with pytest.raises(Refused, match=r"v1_deals .* view theirs depends on view marketing\.v1_deals"):
            await PostgresReadStore.open(replace(marketing, version=marketing.version + 1), Database(database))
        assert await db.fetch("SELECT * FROM public.theirs") == []
    finally:
        await db.close()


@pytest.mark.postgres
async def test_in_postgresql_every_column_says_what_it_is(database: str) -> None:
    await (await PostgresReadStore.open(sales, Database(database))).close()
    db = await asyncpg.connect(database)
    try:
        silent = await db.fetch(
            "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.relkind = 'v'"
            " AND c.relnamespace = 'sales'::regnamespace AND c.relname <> 'v1_position' AND col_description(c.oid, a.attnum) IS NULL"
        )
        assert silent == []
    finally:
        await db.close()
