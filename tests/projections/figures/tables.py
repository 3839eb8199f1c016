"""Small read models by hand: tables as facts make them, in SQLite and PostgreSQL, and rows of which only what matters is said."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from journey.instants import day, instant
from projections.marketing import marketing
from projections.read_model import Ask
from projections.sales import sales
from projections.stores.postgres_adding import numbered
from projections.stores.postgres_asking import PostgresAsk
from projections.stores.sqlite_asking import SqliteAsk

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

COLUMNS = {
    "reflects": "position",
    "touched": "person day channel campaign",
    "first_touched": "person at day channel campaign is_first is_first_of_channel is_first_of_campaign",
    "sessions": "person at day channel campaign nth is_new",
    "engaged_sessions": "person at day engaged_at channel campaign",
    "milestones": "person name at day nth channel campaign",
    "orders": "subject order_id at day currency amount_minor",
    "order_products": "subject order_id at day place product",
    "left_out": "subject of_what at day why source touchpoint_id",
    "stages": "person stage at day nth left_stage stayed rule ahead",
    "leads": "person cycle at day nth step lead owner team channel campaign lead_source reason basis rule ahead",
    "lead_states": "person cycle at day nth answer state is_mql is_qualified is_breached is_open lead owner team channel campaign"
    " lead_source reason basis created_at created_on mql_at mql_on handed_over_at handed_over_on due_at answered_at answered_on"
    " qualified_at qualified_on ended_at ended_on to_assign to_assign_business to_accept to_accept_business ahead",
    "scores": "person rule points at day until_at",
    "conversions": "person conversion of_what at day is_primary amount_minor currency lead_at opened_at cut",
    "paths": "person conversion of_what at day is_primary place touched_at type channel campaign content",
    "deals": "deal at day nth outcome pipeline stage amount_minor currency probability weighted_minor is_weighted is_known_stage"
    " expected_close_on owner team account deal_kind reason opened_at opened_on closed_at closed_on took",
    "deal_people": "person deal at day nth is_primary cycle",
    "deal_products": "deal at day nth place product",
    "exposed": "person at day channel campaign ad placement",
    "media_reports": "start_on end_on provider channel campaign ad query impressions clicks reach views engagements followers",
    "emailed": "person at day step message campaign bounce is_machine",
    "social_engaged": "person at day network action post campaign sentiment sentiment_millionths",
    "content_seen": "person at day step content campaign took progress_millionths",
    "survey_steps": "subject at day nth step survey wave survey_kind question score score_millionths scale_min_millionths"
    " scale_max_millionths choice about respondents",
    "insights": "start_on end_on provider metric basis market competitor value value_thousandths total total_thousandths currency",
    "press_mentioned": "at day outlet competitor reach sentiment sentiment_millionths",
    "spend": "day campaign channel function cost_kind provider currency amount_minor",
    "described": "subject field at day nth value",
    "lowered": "subject order_id at day order_at order_on currency amount_minor",
    "aliases": "alias campaign at day until_at",
    "spelled": "name folded",
    "rates": "base quote day until_day num den",
}
INTEGERS = frozenset(
    [
        "at",
        "nth",
        "n",
        "stayed",
        "cycle",
        "due_at",
        "cut",
        "place",
        "points",
        "took",
        "num",
        "den",
        "ahead",
        "position",
        "until_at",
        "impressions",
        "clicks",
        "reach",
        "views",
        "engagements",
        "followers",
        "respondents",
    ]
)
DEFAULTS = {
    "n": 1,
    "stayed": -1,
    "took": -1,
    "to_assign": -1,
    "to_assign_business": -1,
    "to_accept": -1,
    "to_accept_business": -1,
    "until_at": 2**53,
    "currency": "EUR",
}


def at(text: str) -> int:
    """The instant of "2026-03-02", or "2026-03-02 10:00", in UTC."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def is_integer(column: str) -> bool:
    return column in INTEGERS or column.endswith(("_at", "_minor", "_millionths", "_thousandths")) or column.startswith(("is_", "to_"))


def columns(table: str) -> list[str]:
    return [*COLUMNS[table].split(), "n"]


SUMMED = {(table.name, column) for model in (marketing, sales) for table in model.tables for column in table.sums}
"""The columns whose sums have no bound."""


def create(integer: str, summed: str) -> list[str]:
    text = 'TEXT COLLATE "C"' if integer == "BIGINT" else "TEXT"

    def typed(table: str, column: str) -> str:
        return summed if (table, column) in SUMMED else integer if is_integer(column) else text

    return [f"CREATE TABLE {name} ({', '.join(f'{one} {typed(name, one)} NOT NULL' for one in columns(name))})" for name in COLUMNS]


def values(table: str, row: Mapping[str, Any]) -> list[Any]:
    """`row`, its instants read from text, its days worked out of them; what it does not say is "", or 0."""
    row = {
        column: at(value) if isinstance(value, str) and column.endswith("at") and is_integer(column) else value
        for column, value in row.items()
    }
    assert not row.keys() - columns(table), f"{table} has no {row.keys() - columns(table)}"
    for column in columns(table):
        instant_of = "at" if column == "day" else f"{column[:-3]}_at"
        if column not in row and (column == "day" or column.endswith("_on")) and row.get(instant_of):
            row[column] = day(row[instant_of], "UTC")
    return [row.get(column, DEFAULTS.get(column, 0 if is_integer(column) else "")) for column in columns(table)]


def inserts(rows: Rows) -> list[tuple[str, list[Any]]]:
    found = []
    for table, of_table in {"reflects": [{"position": 7}], **rows}.items():
        marks = ", ".join("?" for _ in columns(table))
        found += [(f"INSERT INTO {table} VALUES ({marks})", values(table, row)) for row in of_table]
    return found


def sqlite(rows: Rows) -> tuple[sqlite3.Connection, Ask]:
    db = sqlite3.connect(":memory:")
    for statement in create("INTEGER", "BLOB"):
        db.execute(statement)
    for statement, of_row in inserts(rows):
        db.execute(statement, of_row)

    return db, SqliteAsk(db)


@asynccontextmanager
async def postgres(address: str) -> AsyncIterator[asyncpg.Connection]:
    db = await asyncpg.connect(address)
    try:
        async with db.transaction():
            for statement in create("BIGINT", "NUMERIC"):
                await db.execute(statement)
            yield db
    finally:
        await db.close()


async def filled(db: asyncpg.Connection, rows: Rows) -> Ask:
    """Ask of PostgreSQL, which holds nothing but `rows`."""
    await db.execute("".join(f"DELETE FROM {name};" for name in COLUMNS))
    for statement, of_row in inserts(rows):
        await db.execute(numbered(statement), *of_row)
    return PostgresAsk(db)
