"""The views for SQL as SQLite has them: timestamps and amounts are text, booleans are 0 and 1."""

import sqlite3
from typing import Final

from journey.exact_numbers import UNKNOWN
from journey.facts import NEVER
from journey.money import DECIMALS
from projections.read_model import ReadModel
from projections.views import NOW, POSITION, Kind, SqlColumn, SqlView, views

TYPES: Final[dict[Kind, str]] = {
    "text": "TEXT",
    "id": "TEXT",
    "integer": "INTEGER",
    "number": "INTEGER, NULL where it is not stated",
    "instant": "TEXT 2026-03-01 10:00:00.000000, UTC",
    "day": "TEXT 2026-03-01",
    "boolean": "INTEGER 0 or 1",
    "seconds": "REAL",
    "minor": "INTEGER, as TEXT beyond 64 bits",
    "amount": "TEXT, exact",
    "decimal": "TEXT, exact",
    "millionths": "REAL",
}
_NOW: Final = "(CAST(strftime('%s', 'now') AS INTEGER) * 1000000 + 999999)"
"""To the end of the second that it is."""


def make(db: sqlite3.Connection, model: ReadModel) -> None:
    """Make the views of `model` where they are not there as they are now. SQLite keeps their text as it was written."""
    wanted = statements(model)
    found = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND SUBSTR(name, 1, 3) = 'v1_'"))
    if found != wanted:
        for name in found:
            db.execute(f'DROP VIEW "{name}"')
        for statement in wanted.values():
            db.execute(statement)


def statements(model: ReadModel) -> dict[str, str]:
    """What makes each view, as SQLite keeps it: the words are comments in it."""
    position = f"SELECT position AS position, {_instant(_NOW)} AS as_of FROM reflects"
    found = {view.name: _statement(view) for view in views(model)}
    return {"v1_position": f"CREATE VIEW v1_position AS\n-- {POSITION}\n{position}", **found}


def _statement(view: SqlView) -> str:
    columns = [f"  {_spelled(column)} AS {column.name}" for column in view.columns]
    commas = [*[","] * (len(columns) - 1), ""]
    lines = [f"{one}{comma} -- {column.says}" for one, comma, column in zip(columns, commas, view.columns, strict=True)]
    return "\n".join([f"CREATE VIEW {view.name} AS", f"-- {view.says}", "SELECT", *lines, f"FROM {view.rows.replace(NOW, _NOW)}"])


def _spelled(column: SqlColumn) -> str:
    source = f"v.{column.source}"
    match column.kind:
        case "instant":
            return f"CASE WHEN {source} > 0 AND {source} < {NEVER} THEN {_instant(source)} END"
        case "day":
            return f"NULLIF({source}, '{column.unknown}')"
        case "decimal":
            return f"NULLIF({source}, '')"
        case "seconds":
            return f"CASE WHEN {source} >= 0 THEN {source} / 1000000.0 END"
        case "amount":
            return _amount(source, f"v.{column.currency}")
        case "id":
            return f"SUBSTR({source}, INSTR({source}, ':') + 1)"
        case "number" | "boolean":
            return f"NULLIF({source}, {UNKNOWN})"
        case "millionths":
            return f"NULLIF({source}, {UNKNOWN}) / 1000000.0"
        case "text" | "integer" | "minor":
            return source


def _instant(micros: str) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%S', {micros} / 1000000, 'unixepoch') || printf('.%06d', {micros} % 1000000)"


def _amount(minor: str, currency: str) -> str:
    """As text throughout, since a sum may be beyond 64 bits; and terse, since SQLite reads all views whenever a file is opened."""
    digits = f"'{'0' * max(DECIMALS.values())}' || LTRIM({minor}, '-')"
    point = f"LENGTH({digits}) - ({_decimals(currency)})"
    whole = f"COALESCE(NULLIF(LTRIM(SUBSTR({digits}, 1, {point}), '0'), ''), '0')"
    sign = f"RTRIM(SUBSTR({minor}, 1, 1), '0123456789')"
    return f"CASE WHEN {currency} <> '' THEN {sign} || RTRIM({whole} || '.' || SUBSTR({digits}, {point} + 1), '.') END"


def _decimals(currency: str) -> str:
    others = [f"{number - 2:+} * (INSTR('{_codes(number)}', {currency}) > 0)" for number in sorted({*DECIMALS.values()} - {2})]
    return " ".join(["2", *others])


def _codes(decimals: int) -> str:
    return " ".join(sorted(code for code, number in DECIMALS.items() if number == decimals))
