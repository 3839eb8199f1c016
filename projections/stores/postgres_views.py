"""The views for SQL as PostgreSQL has them, with their words as comments.

They are replaced where their text has changed, or dropped and made anew where that needs it; whoever was granted them keeps that. What
others have built on them is not dropped.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import asyncpg

from journey.errors import Refused
from journey.exact_numbers import UNKNOWN
from journey.facts import NEVER
from journey.money import DECIMALS
from projections.read_model import ReadModel
from projections.stores.postgres_adding import Connection
from projections.stores.postgres_roles import IN_SUMS, WON_VALUE, WON_VALUE_ROWS, WON_VALUE_SAYS
from projections.views import NOW, POSITION, Kind, SqlColumn, SqlView, views

TYPES: Final[dict[Kind, str]] = {
    "text": "text",
    "id": "text",
    "integer": "bigint",
    "number": "bigint, NULL where it is not stated",
    "instant": "timestamptz",
    "day": "date",
    "boolean": "boolean",
    "seconds": "numeric",
    "minor": "bigint, of sums numeric",
    "amount": "numeric",
    "decimal": "numeric",
    "millionths": "numeric",
}
_NOW: Final = "CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT)"


class Granted(NamedTuple):
    name: str
    privilege: str
    role: str


async def make(db: Connection, model: ReadModel, granted: Sequence[Granted] = ()) -> None:
    """Make the views of `model` where they are not there as they are now. Who may not make any leaves them as they are. Raises Refused."""
    wanted = statements(model)
    comment = f"{POSITION} Views as of {sha256(''.join(wanted).encode()).hexdigest()[:16]}."
    number = sum(statement.startswith("CREATE OR REPLACE VIEW") for statement in wanted)
    said = await db.fetchval("SELECT obj_description(to_regclass($1), 'pg_class')", f"{model.name}.v1_position")
    if said == comment and len(await db.fetch(_THERE, model.name)) == number:
        return
    if not await db.fetchval("SELECT has_schema_privilege($1, 'CREATE')", model.name):
        return
    await db.execute(f"SET LOCAL search_path = {model.name}")
    every = ";\n".join([*wanted, f"COMMENT ON VIEW v1_position IS {_quoted(comment)}"])
    try:
        async with db.transaction():
            await drop(db, model, but=frozenset(["v1_position", *_sums(model), *(view.name for view in views(model))]))
            await db.execute(every)
    except asyncpg.InvalidTableDefinitionError:
        # A column is gone, or another: such a view cannot be replaced.
        granted = [*granted, *await drop(db, model)]
        await db.execute(every)
    there = {name for (name,) in await db.fetch(_THERE, model.name)}
    for one in granted:
        if one.name in there:
            await db.execute(f"GRANT {one.privilege} ON {one.name} TO {one.role}")


async def drop(db: Connection, model: ReadModel, *, but: frozenset[str] = frozenset()) -> list[Granted]:
    """Drop all views but some. Returns who was granted what. Raises Refused where others have built on them."""
    granted = [Granted(*row) for row in await db.fetch(_GRANTED, model.name)]
    for name in {name for (name,) in await db.fetch(_THERE, model.name)} - but:
        try:
            await db.execute(f"DROP VIEW {model.name}.{name}")
        except asyncpg.DependentObjectsStillExistError as error:
            raise Refused(
                f"{model.name}.{name} is to be made anew, and other views are built on it: {error.detail}."
                " Drop these, start again, and make them anew; docs/read-models.md has what v1_* holds now"
            ) from error
    return granted


_VIEWS = "WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'v' AND starts_with(c.relname::TEXT, 'v1_')"
_THERE = f"SELECT quote_ident(c.relname) FROM pg_class AS c {_VIEWS}"
_GRANTED = (
    "SELECT quote_ident(c.relname), a.privilege_type,"
    " CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"
    f" FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a {_VIEWS} AND a.grantee <> c.relowner"
)


def statements(model: ReadModel) -> list[str]:
    """What makes the views and comments on them, where the schema of `model` is the one that names are looked for in."""
    position = "CREATE OR REPLACE VIEW v1_position AS SELECT position AS position, now() AS as_of FROM reflects"
    sums = [statement for statements in _sums(model).values() for statement in statements]
    return [position, *(statement for view in views(model) for statement in _statements(view)), *sums]


def _sums(model: ReadModel) -> dict[str, tuple[str, ...]]:
    """What makes the views of sums, for whoever may see no single deal's amount: by their names."""
    if model.name not in IN_SUMS:
        return {}
    rows = WON_VALUE_ROWS.format(amount=_amount("v.amount_minor", "v.currency")).replace(NOW, _NOW)
    # What is asked of it is not looked at before its rows are sums.
    made = f"CREATE OR REPLACE VIEW {WON_VALUE} WITH (security_barrier) AS {rows}"
    return {WON_VALUE: (made, f"COMMENT ON VIEW {WON_VALUE} IS {_quoted(WON_VALUE_SAYS)}")}


def _statements(view: SqlView) -> list[str]:
    columns = ", ".join(f"{_spelled(column)} AS {column.name}" for column in view.columns)
    return [
        f"CREATE OR REPLACE VIEW {view.name} AS SELECT {columns} FROM {view.rows.replace(NOW, _NOW)}",
        f"COMMENT ON VIEW {view.name} IS {_quoted(view.says)}",
        *(f"COMMENT ON COLUMN {view.name}.{column.name} IS {_quoted(column.says)}" for column in view.columns),
    ]


def _spelled(column: SqlColumn) -> str:
    source = f"v.{column.source}"
    match column.kind:
        case "instant":
            return f"CASE WHEN {source} > 0 AND {source} < {NEVER} THEN timestamptz 'epoch' + {source} * interval '1 microsecond' END"
        case "day":
            return f"CAST(NULLIF({source}, '{column.unknown}') AS DATE)"
        case "boolean":
            return f"CASE WHEN {source} >= 0 THEN {source} = 1 END"
        case "id":
            return f"SUBSTR({source}, STRPOS({source}, ':') + 1)"
        case "number":
            return f"NULLIF({source}, {UNKNOWN})"
        case "millionths":
            return f"NULLIF({source}, {UNKNOWN}) * 0.000001"
        case "decimal":
            return f"CAST(NULLIF({source}, '') AS NUMERIC)"
        case "seconds":
            return f"CASE WHEN {source} >= 0 THEN {source} * 0.000001 END"
        case "amount":
            return _amount(source, f"v.{column.currency}")
        case "text" | "integer" | "minor":
            return source


def _amount(minor: str, currency: str) -> str:
    """A product, which is exact and has the decimals of the currency; a quotient is neither."""
    cases = []
    for decimals in sorted({*DECIMALS.values()} - {2}):
        codes = ", ".join(f"'{code}'" for code, number in sorted(DECIMALS.items()) if number == decimals)
        cases.append(f"WHEN {currency} IN ({codes}) THEN {minor} * {_unit(decimals)}")
    return f"CASE WHEN {currency} = '' THEN NULL {' '.join(cases)} ELSE {minor} * {_unit(2)} END"


def _unit(decimals: int) -> str:
    return f"CAST('0.{'0' * (decimals - 1)}1' AS NUMERIC)" if decimals else "CAST(1 AS NUMERIC)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
