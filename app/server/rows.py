"""Rows of the views that are the contract for SQL, as items of a list: their fields are the columns of the view, and say the same.

They are read as the whole numbers and texts that both databases keep alike, and formatted here.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from fastapi import Request
from pydantic import Field, create_model

from app.engine.asking import whom_to_ask
from app.engine.cursors import cursor_of, is_like, values_of
from app.engine.ports import Engine
from app.engine.question import until_of
from app.engine.simulation_mark import is_simulated
from app.server.answering import AnswerBody, next_page
from app.server.answers import Number
from app.server.asked import AskedPage
from app.server.roles import SIGHT
from journey.errors import Refused
from journey.exact_numbers import UNKNOWN
from journey.facts import NEVER
from journey.instants import SECOND, Instant, iso
from journey.integers import plain
from journey.money import major
from projections.figures.answers import Value
from projections.read_model import Ask
from projections.sales import sales
from projections.views import NOW, Kind, SqlColumn, SqlView, views

Item = TypeVar("Item", bound=Value)

OF_SALES: Final = {view.name: view for view in views(sales)}

TYPES: Final[dict[Kind, Any]] = {
    "text": str, "id": str, "integer": int, "number": int | None, "instant": str | None, "day": str | None, "boolean": bool | None,
    "seconds": float | None, "minor": Number, "amount": str | None, "decimal": str | None, "millionths": float | None,
}  # fmt: skip


class PageOf(Value, Generic[Item]):
    """Some of a list, as of `until`. `next` is where the next page is, as the header Link has it; nothing on the last one."""

    items: tuple[Item, ...]
    next: str | None
    position: int
    until: str
    simulated: bool


class RowCondition(NamedTuple):
    """SQL over the row `v`, and the values of its question marks."""

    sql: str
    values: tuple[Any, ...] = ()


def item_of(view: SqlView, name: str) -> type[Value]:
    """What a row of `view` is in an answer."""
    fields: Any = {
        column.name: (TYPES[column.kind], Field(description=column.says)) for column in view.columns if column.name not in _INNER
    }  # fmt: skip
    return create_model(name, __base__=Value, __doc__=view.says, **fields)


_INNER = ("n", "ahead")
"""Columns that are for who adds up rows."""


async def found(
    ask: Ask, view: SqlView, until: Instant, conditions: Sequence[RowCondition] = (), order: str = "", limit: int | None = None
) -> list[dict[str, Any]]:
    """The rows as of `until` that meet all `conditions`, as they are kept."""
    names = list(dict.fromkeys(name for column in view.columns for name in (column.source, column.currency) if name))
    where = " AND ".join(one.sql for one in conditions) or "TRUE"
    sql = (
        f"SELECT {', '.join(f'v.{name}' for name in names)} FROM (SELECT v.* FROM {view.rows.replace(NOW, str(until))}) AS v WHERE {where}"
    )
    sql += (f" ORDER BY {order}" if order else "") + (f" LIMIT {limit}" if limit is not None else "")
    rows = await ask(sql, *(value for one in conditions for value in one.values))
    return [dict(zip(names, row, strict=True)) for row in rows]


def formatted(view: SqlView, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column.name: _value(column, row) for column in view.columns if column.name not in _INNER}


def _value(column: SqlColumn, row: Mapping[str, Any]) -> Any:
    value = row[column.source]
    match column.kind:
        case "id":
            return value.partition(":")[2]
        case "instant":
            return iso(value) if 0 < value < NEVER else None
        case "day":
            return value if value not in ("", column.unknown) else None
        case "decimal":
            return value or None
        case "seconds":
            return value / SECOND if value >= 0 else None
        case "number":
            return None if value == UNKNOWN else value
        case "boolean":
            return None if value == UNKNOWN else bool(value)
        case "millionths":
            return None if value == UNKNOWN else value / 1_000_000
        case "minor":
            return plain(int(value))
        case "amount":
            currency = row[column.currency]
            return str(major(int(value), currency)) if currency else None
        case "text" | "integer":
            return value


async def page(
    engine: Engine,
    request: Request,
    asked: AskedPage,
    view: SqlView,
    item: type[Item],
    key: Sequence[str],
    conditions: Sequence[RowCondition],
) -> AnswerBody:
    """A page of the rows that meet all `conditions`, in the order of `key`, which tells them apart. Raises Refused."""
    async with whom_to_ask(engine, "sales", asked.known) as (ask, definition):
        until = until_of(asked.asked_until, definition)
        types = {column.source: "TEXT" if column.kind in ("text", "id") else "INTEGER" for column in view.columns}
        columns = ", ".join(f"v.{name}" for name in key)
        further = beyond(asked.after, columns, [types[name] for name in key])
        rows = await found(ask, view, until, [*conditions, *further], columns, asked.limit + 1)
        items = tuple(item(**formatted(view, row)) for row in rows[: asked.limit])
        cursor = cursor_of([rows[asked.limit - 1][name] for name in key]) if len(rows) > asked.limit else ""
        return await paged(engine, request, asked, ask, until, items, cursor)


def beyond(cursor: str, columns: str, types: Sequence[str], sign: str = ">") -> list[RowCondition]:
    """What comes after `cursor`. Raises Refused where it is none of this list."""
    if not cursor:
        return []
    values = values_of(cursor)
    if not is_like(values, types):
        raise Refused(f"after {cursor!r} is no cursor of this list; the link to the next page has one")
    return [RowCondition(f"({columns}) {sign} ({', '.join('?' for _ in values)})", tuple(values))]


async def paged(
    engine: Engine, request: Request, asked: AskedPage, ask: Ask, until: Instant, items: tuple[Item, ...], cursor: str
) -> AnswerBody:  # fmt: skip
    """`items`, and where those that come after them are. Not for who is not shown ids: a cursor has the last one in it."""
    if SIGHT[request.state.caller.role].masks_people:
        cursor = ""
    ((position,),) = await ask("SELECT position FROM reflects")
    told = PageOf[Item](
        items=items,
        next=next_page(request, asked, cursor) if cursor else None,
        position=position,
        until=iso(until),
        simulated=await is_simulated(engine),
    )
    return AnswerBody(told, table, cursor)


def table(page: dict[str, Any]) -> str:
    """CSV of a page: a row for each item."""
    text = io.StringIO()
    if items := page["items"]:
        writer = csv.DictWriter(text, items[0])  # whose lines end in \r\n: so a cell that has either is quoted
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in one.items()} for one in items)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        # Of touchpoints, their sources and ids.
        return ", ".join(one if isinstance(one, str) else f"{one['source']}#{one['id']}" for one in value)
    return str(value).lower() if isinstance(value, bool) else value
