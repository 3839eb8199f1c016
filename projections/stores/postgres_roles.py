"""Roles of PostgreSQL that read the views for SQL and nothing else: `journey_marketing` those of marketing, `journey_sales` those of sales.

They are groups: nobody logs in as one, people and tools are made members. They are made where we may make roles, and granted what is ours
to grant; where we may not, docs/access.md says what an administrator runs once. Marketing's is granted no view with a single deal's amount,
and reads won value in months of at least so many deals as the definition's `small_count`, by the rule of `app.server.visible`.
"""

from typing import Final

from journey.facts import DealStood
from projections.figures.views import last_of
from projections.read_model import ReadModel
from projections.stores.postgres_adding import Connection
from projections.views import NOW, SqlColumn, SqlView, views

IN_SUMS: Final = frozenset({"marketing"})
"""The read models whose role sees the amounts of deals in sums only."""

WON_VALUE: Final = "v1_won_value"
SMALL_COUNT: Final = "small_count"
SMALL_COUNT_FIRST: Final = 5
"""Until the definition in use has said it."""

WON_VALUE_SAYS: Final = (
    "Value of the deals won, as they stand now, by the month of their last close. A month in which fewer deals were won in any of its"
    " currencies than the definition's small_count is left out; so is the smallest of the others then, which would give it away."
)
_WON: Final = last_of("deals", "deal", where="outcome = 'won'").sql.replace(":until", NOW)
_MONTHS: Final = (
    "SELECT SUBSTR(d.closed_on, 1, 7) AS month, d.currency, CAST(SUM(d.n) AS BIGINT) AS n, SUM(d.amount_minor) AS amount_minor"
    f" FROM ({_WON}) AS d WHERE d.currency <> '' GROUP BY 1, 2"
)
_ENOUGH: Final = f"fewest >= (SELECT deals FROM {SMALL_COUNT})"
WON_VALUE_ROWS: Final = (
    f"WITH won AS ({_MONTHS}), months AS (SELECT month, MIN(n) AS fewest, SUM(n) AS n FROM won GROUP BY month)"
    " SELECT v.month, v.currency, v.n, v.amount_minor, {amount} AS amount FROM won AS v JOIN months AS m ON m.month = v.month"
    f" WHERE m.{_ENOUGH} AND (NOT EXISTS (SELECT 1 FROM months WHERE NOT {_ENOUGH})"
    f" OR v.month <> (SELECT month FROM months WHERE {_ENOUGH} ORDER BY n, month LIMIT 1))"
)


def role_of(model: ReadModel) -> str:
    """The role that reads the views of `model`."""
    return f"journey_{model.name}"


def is_granted(model: ReadModel, view: SqlView) -> bool:
    """Whether the role of `model` may read `view`."""
    return model.name not in IN_SUMS or not _has_single_deals(model, view)


def _has_single_deals(model: ReadModel, view: SqlView) -> bool:
    of_deals = any(table.name == view.table and table.of is DealStood for table in model.tables)
    return any(map(_is_money, view.columns)) and (of_deals or any(column.name == "deal" for column in view.columns))


def _is_money(column: SqlColumn) -> bool:
    return column.kind in ("minor", "amount")


async def make_small_count(db: Connection, model: ReadModel) -> None:
    """The table that `v1_won_value` has its bound from, where it is not there."""
    table = f"{model.name}.{SMALL_COUNT}"
    if model.name in IN_SUMS and await db.fetchval("SELECT to_regclass($1)", table) is None:
        await db.execute(f"CREATE TABLE {table} (deals INTEGER NOT NULL); INSERT INTO {table} VALUES ({SMALL_COUNT_FIRST})")


async def use_small_count(db: Connection, model: ReadModel, small_count: int) -> None:
    """Have sums be over at least `small_count` deals from now on. Who may not say so leaves it as it is."""
    table = f"{model.name}.{SMALL_COUNT}"
    if model.name in IN_SUMS and await db.fetchval("SELECT has_table_privilege(to_regclass($1), 'UPDATE')", table):
        await db.execute(f"UPDATE {table} SET deals = $1 WHERE deals <> $1", small_count)


async def grant(db: Connection, model: ReadModel) -> None:
    """Make the role of `model` where we may, and grant it what is ours to grant."""
    role = role_of(model)
    if not await db.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        if not await db.fetchval("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"):
            return
        # Roles are the whole server's: another database of it may be making this one right now.
        made = f"CREATE ROLE {role} NOLOGIN"
        await db.execute(f"DO $$ BEGIN {made}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
    is_ours = await db.fetchval("SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = $1", model.name)
    if is_ours and not await db.fetchval("SELECT has_schema_privilege($1, $2, 'USAGE')", role, model.name):
        await db.execute(f"GRANT USAGE ON SCHEMA {model.name} TO {role}")
    wanted = [
        "v1_position",
        *(view.name for view in views(model) if is_granted(model, view)),
        *([WON_VALUE] if model.name in IN_SUMS else []),
    ]
    lacking = await db.fetch(
        "SELECT quote_ident(c.relname) FROM pg_class AS c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'v'"
        " AND c.relname = ANY($2::NAME[]) AND pg_has_role(c.relowner, 'USAGE') AND NOT has_table_privilege($3, c.oid, 'SELECT')",
        model.name, wanted, role,
    )  # fmt: skip
    if lacking:
        await db.execute(f"GRANT SELECT ON {', '.join(f'{model.name}.{view}' for (view,) in lacking)} TO {role}")
