"""Dimensions and views name the tables that they read: evidence brings the rows of just these, so one that is forgotten would be empty."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from projections.figures.compiling import Query, compiled, marked
from projections.figures.dimensions import CHANNEL, Dimension, described, spelled
from projections.figures.figure import Asked, Figure
from projections.figures.sections import SECTIONS
from projections.figures.views import Option
from projections.marketing import marketing
from projections.read_model import ReadModel
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from tests.projections.figures.test_plans import UNTIL

MODELS = pytest.mark.parametrize("model", [marketing, sales], ids=lambda model: str(model.name))
FIGURES = [(section.model, figure) for section in SECTIONS for figure in section.figures]


@MODELS
def test_a_dimension_names_just_the_tables_that_its_sql_reads(model: ReadModel, tmp_path: Path) -> None:
    found = {}
    with tables_of(model, tmp_path) as db:
        for figure in (one for of, one in FIGURES if of == model.name):
            for dimension in figure.dimensions.values():
                if (read := read_for(db, model, figure, dimension)) != set(dimension.tables):
                    found[figure.name, dimension.name] = read
    assert found == {}


@MODELS
def test_a_figure_names_just_the_tables_that_it_is_answered_of(model: ReadModel, tmp_path: Path) -> None:
    found = {}
    with tables_of(model, tmp_path) as db:
        for figure in (one for of, one in FIGURES if of == model.name):
            for by in ((), *((name,) for name in figure.breakdowns)):
                asked = Asked(UNTIL, by=by, currency="EUR" if figure.is_money else "")
                read = read_by(db, model, compiled([figure], asked))
                for name in by:
                    read |= named_by(db, model, figure.dimensions[name]) if name in figure.dimensions else set()
                if read != figure.tables(by):
                    found[figure.name, *by] = read
    assert found == {}


def test_a_forgotten_table_is_found(tmp_path: Path) -> None:
    figure = next(figure for model, figure in FIGURES if model == "marketing" and CHANNEL in figure.by)
    forgotten = replace(described("country", "v.person", "country"), tables=())
    with tables_of(marketing, tmp_path) as db:
        assert read_for(db, marketing, figure, forgotten) == {"described"}


@contextmanager
def tables_of(model: ReadModel, folder: Path) -> Iterator[sqlite3.Connection]:
    store = SqliteReadStore(model, folder / "model.db")
    yield store.db
    store.close()


def read_for(db: sqlite3.Connection, model: ReadModel, figure: Figure, dimension: Dimension) -> set[str]:
    """What the dimension's SQL reads, whatever the figure's view does: a table without rows stands for its rows."""
    sql, values = marked(Query(f"SELECT * FROM ({figure.of.sql}) AS v", {**dict(figure.of.options), **ASKED}))
    db.execute("DROP TABLE IF EXISTS temp.rows_of_view")
    db.execute(f"CREATE TEMP TABLE rows_of_view AS SELECT * FROM ({sql}) LIMIT 0", values)
    grain = "instant" if figure.dated is None else figure.of.grain
    column, join = (spelled(one, dimension, figure.at, figure.day, grain) for one in (dimension.column, dimension.join))
    read = read_by(db, model, Query(f"SELECT {column} FROM rows_of_view AS v {join}", ASKED))
    return read | named_by(db, model, dimension)


def named_by(db: sqlite3.Connection, model: ReadModel, dimension: Dimension) -> set[str]:
    """What it takes to say what values are called."""
    return read_by(db, model, Query(dimension.names, ASKED)) if dimension.names else set()


ASKED: dict[str, Option] = {
    "until": UNTIL,
    "until_on": "2025-06-15",
    "from_on": "2025-01-01",
    "to_on": "2025-07-01",
    "fiscal_months": 0,
    "currency": "EUR",
    "months_over": 24_305,
    "period_from": "2025-01-01",
    "period_to": "2025-07-01",
    "within": ("30",),
}


def read_by(db: sqlite3.Connection, model: ReadModel, query: Query) -> set[str]:
    """The tables of `model` that SQLite's compiler says the query reads."""
    read: set[str] = set()

    def note(action: int, table: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table is not None:
            read.add(table)
        return sqlite3.SQLITE_OK

    sql, values = marked(query)
    db.set_authorizer(note)
    try:
        db.execute(f"EXPLAIN {sql}", values).close()
    finally:
        db.set_authorizer(None)
    return read & {table.name for table in model.tables}
