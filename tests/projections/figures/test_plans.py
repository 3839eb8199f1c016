"""No figure reads a whole table for each row of another: what it takes grows as its rows do."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.instants import Instant
from projections.figures.compiling import Query, compiled, marked
from projections.figures.figure import Asked
from projections.figures.sections import SECTIONS
from projections.marketing import marketing
from projections.read_model import ReadModel
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from projections.stores.sqlite import SqliteReadStore
from streams.postgres.database import Database

UNTIL: Instant = 1_750_000_000_000_000


@pytest.mark.parametrize("model", [marketing, sales], ids=lambda model: str(model.name))
def test_no_figure_reads_a_table_for_each_row_of_another(model: ReadModel, tmp_path: Path) -> None:
    store = SqliteReadStore(model, tmp_path / "model.db")
    found = {}
    for section in SECTIONS:
        for figure in section.figures:
            if section.model == model.name:
                for by in ((), *((name,) for name in figure.breakdowns)):
                    if scans := set(scanned_again(store.db, compiled([figure], Asked(UNTIL, by=by)))):
                        found[figure.name, *by] = scans
    store.close()
    assert found == {}


def scanned_again(db: sqlite3.Connection, query: Query) -> Iterator[str]:
    """What SQLite would read as a whole more than once: anything but the first of a join, and all within a correlated subquery. What the
    query itself lists (VALUES), and a part of the query that reads nothing else, is no table."""
    sql, values = marked(query)
    names: dict[int, str] = {}
    listed, joins, inner = set(), set(), set()
    for id, parent, _, detail in db.execute(f"EXPLAIN QUERY PLAN {sql}", values):
        how, _, what = detail.partition(" ")
        name = what.split(" ")[0]
        names[id] = name
        # A list that depends on no row is made once, wherever it stands.
        if how == "CORRELATED" or (parent in inner and how != "LIST"):
            inner.add(id)
        if "CONSTANT ROW" in detail or (how == "SCAN" and name in listed and parent not in joins):
            listed.add(names.get(parent))
        elif how in ("SCAN", "SEARCH") and name not in listed:
            listed.discard(names.get(parent))
            if how == "SCAN" and (parent in joins or parent in inner):
                yield name
            joins.add(parent)


@pytest.mark.postgres
@pytest.mark.parametrize("model", [marketing, sales], ids=lambda model: str(model.name))
async def test_nor_does_postgresql(model: ReadModel, database: str) -> None:
    """Of empty tables it guesses one row of anything, as it may of thousands where several conditions meet."""
    store = await PostgresReadStore.open(model, Database(database))
    found = {}
    async with store.snapshot() as ask:
        for section in SECTIONS:
            for figure in section.figures:
                if section.model == model.name:
                    for by in ((), *((name,) for name in figure.breakdowns)):
                        sql, values = marked(compiled([figure], Asked(UNTIL, by=by)))
                        ((plan,),) = await ask(f"EXPLAIN (FORMAT JSON) {sql}", *values)
                        if read := set(read_again(json.loads(plan)[0]["Plan"])):
                            found[figure.name, *by] = read
    await store.close()
    assert found == {}


def read_again(node: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan reads as a whole for each row of something else."""
    plans = node.get("Plans", [])
    if node["Node Type"] == "Nested Loop":
        yield from tables(plans[1])
    for one in plans:
        yield from read_again(one)


def tables(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for one in node.get("Plans", []):
        yield from tables(one)
