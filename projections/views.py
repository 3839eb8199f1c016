"""The views that are the contract for SQL, `v1_…`: for whoever asks a read model with a tool of their own.

They format the tables of a read model, and the same views of them that figures stand on: timestamps, booleans and NULL as the database
writes them. How, each store says. Columns are those of the table, so a new table has its view; what is asked for by another name, or as
of now and as a history, is named here. No figure reads them: formatting costs several times what the question does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc
from typing import Final, Literal

from journey.facts import NEVER
from projections.column_words import WORDS
from projections.figures.views import LAST_DAY, history, last_of
from projections.read_model import Column, ReadModel, Table

Kind = Literal["text", "integer", "instant", "day", "boolean", "seconds", "minor", "amount", "decimal"]
Shape = Literal["rows", "now", "history"]

NOW: Final = ":now"
"""Stands in the SQL of a view for the clock of the database, as an instant."""

VALID: Final = {"at": "valid_from", "day": "valid_from_on", "to_at": "valid_to", "to_day": "valid_to_on"}
"""What the instants of a row are called where it holds until the next one."""


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """`source` is its column of the row `v`; an amount has its `currency` too. A day is NULL where it is `unknown`."""

    name: str
    kind: Kind
    source: str
    says: str
    currency: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class SqlView:
    """`rows` is what stands behind FROM, one row of it is `v`; `table` is what it is made from."""

    name: str
    says: str
    columns: tuple[SqlColumn, ...]
    rows: str
    table: str


@dataclass(frozen=True, slots=True)
class Published:
    """What of a table is asked for: its `rows`, the last of each `key` as of `now`, or the `history` of each. `sql` and `columns` are
    of those that are made otherwise."""

    name: str
    table: str
    says: str
    shape: Shape = "rows"
    key: tuple[str, ...] = ()
    sql: str = ""
    columns: tuple[Column, ...] = ()


def _with_products(deals: str, until: str) -> str:
    return f"SELECT p.*{until} FROM ({deals}) AS d JOIN deal_products AS p ON p.deal = d.deal AND p.at = d.at AND p.nth = d.nth"


POSITION: Final = "The last unit that is in the rows, and the instant that this database takes for now."
"""Of `v1_position`, which has `position` and `as_of`."""

PUBLISHED: Final = (
    Published("v1_people", "stages", "The stage that each person is in now.", "now", ("person",)),
    Published("v1_stage_history", "stages", "The stages of each person, and those that time alone will bring.", "history", ("person",)),
    Published("v1_stage_entries", "stages", "Each entry into a stage up to now, by a touchpoint or because time passed."),
    Published("v1_leads", "lead_states", "How each lead cycle stands now.", "now", ("person", "cycle")),
    Published("v1_lead_history", "lead_states", "How each lead cycle stood, and will by time alone.", "history", ("person", "cycle")),
    Published("v1_lead_steps", "leads", "Each step of a lead cycle up to now, by a touchpoint or because time passed."),
    Published("v1_deals", "deals", "How each deal stands now.", "now", ("deal",)),
    Published("v1_deal_history", "deals", "How each deal stood.", "history", ("deal",)),
    Published(
        "v1_deal_products", "deal_products", "The products of each deal now.", "now", sql=_with_products(last_of("deals", "deal").sql, "")
    ),
    Published(
        "v1_deal_product_history", "deal_products", "The products of each deal, since when and until when.", "history",
        sql=_with_products(history("deals", "deal").sql, ", d.to_at, d.to_day"),
    ),
    Published("v1_points", "scores", "Points of a person's score, since when and until when they count."),
    Published(
        "v1_scores", "scores", "The score that each person has now.",
        sql="SELECT person, CAST(SUM(points * n) AS BIGINT) AS score, CAST(SUM(n) AS BIGINT) AS n FROM scores"
        " WHERE at <= :until AND until_at > :until GROUP BY person",
        columns=(Column("person"), Column("score", "INTEGER"), Column("n", "INTEGER")),
    ),
    Published("v1_touchpoints_by_day", "touched", "Touchpoints that marketing counts, by person and day, channel and campaign."),
    Published("v1_first_touches", "first_touched", "The first touchpoints of people: at all, of a channel, in a campaign."),
    Published("v1_sessions", "sessions", "Sessions, dated by their first touchpoint."),
    Published("v1_engaged_sessions", "engaged_sessions", "Sessions that became engaged, and when."),
    Published("v1_milestones", "milestones", "Steps of funnels that the definition names."),
    Published("v1_conversions", "conversions", "Successes: deals won, orders, and what else the definition names."),
    Published("v1_touches", "paths", "The touches before each conversion, the oldest at place 0."),
    Published("v1_spend", "spend", "What was spent, day by day, also on days ahead where the period of a cost reaches there."),
    Published("v1_orders", "orders", "Orders, as money at their instant."),
    Published("v1_refunds", "lowered", "What refunds take of orders, negative: with v1_orders they add up to net revenue."),
    Published("v1_left_out", "left_out", "Orders and refunds that are in no figure, or not with all of their amount, and why."),
    Published(
        "v1_descriptions", "described", "What people, accounts, campaigns and content are said to be now.", "now", ("subject", "field")
    ),
    Published("v1_description_history", "described", "What they were said to be.", "history", ("subject", "field")),
    Published("v1_spellings", "spelled", "Names of campaigns that are not written as their own case-folding."),
    Published("v1_last_seen", "outlook", "The last activity of each person."),
)  # fmt: skip


def views(model: ReadModel) -> Iterator[SqlView]:
    """The views of `model`, apart from `v1_position`. A table that nothing is published of has one of its own name."""
    for table in model.tables:
        published = [one for one in PUBLISHED if one.table == table.name and _fits(one, table)]
        for one in published or [Published(f"v1_{table.name}", table.name, said(table))]:
            yield SqlView(one.name, one.says, tuple(_columns(one, table)), _rows(one, table), table.name)


def said(table: Table) -> str:
    """What the facts of `table` say of themselves."""
    return " ".join((getdoc(table.of) or "").split()).replace("`", "")


def kind_of(column: Column) -> Kind:
    """What a column holds, by its name: an instant and a length of time are integers both."""
    name = column.name
    if column.type == "TEXT":
        return "day" if name == "day" or name.endswith(("_on", "_day")) else "decimal" if name == "probability" else "text"
    if name == "at" or name.endswith("_at"):
        return "instant"
    if name in ("ahead", "cut") or name.startswith("is_"):
        return "boolean"
    if name in ("stayed", "took") or name.startswith("to_"):
        return "seconds"
    return "minor" if name.endswith("_minor") else "integer"


def all_columns(table: Table) -> tuple[Column, ...]:
    """The key, the sums, and the number of facts, each with its type."""
    return (*table.key, *(Column(name, "INTEGER") for name in (*table.sums, "n")))


def _fits(one: Published, table: Table) -> bool:
    needed = {*one.key, "at", "day", "nth"} if one.shape != "rows" else set()
    return needed <= set(table.columns)


def _rows(one: Published, table: Table) -> str:
    match one.shape:
        case "history":
            past = one.sql or history(one.table, *one.key).sql
            # Of several of one instant the last one holds.
            return f"({past.replace(':until', str(NEVER))}) AS v WHERE v.at < v.to_at"
        case "now":
            return f"({(one.sql or last_of(one.table, *one.key).sql).replace(':until', NOW)}) AS v"
        case "rows" if one.sql:
            return f"({one.sql.replace(':until', NOW)}) AS v"
        case "rows":
            return f"{one.table} AS v" + (f" WHERE v.ahead = 0 OR v.at <= {NOW}" if "ahead" in table.columns else "")


def _columns(one: Published, table: Table) -> Iterator[SqlColumn]:
    columns = one.columns or all_columns(table)
    has_currency = any(column.name == "currency" for column in columns)
    for column in columns:
        name, kind = column.name, kind_of(column)
        if one.shape != "rows" and name == "nth":
            continue
        if one.shape != "rows" and name in ("at", "day"):
            yield _column(VALID[name], name, kind)
            if one.shape == "history":
                yield _column(VALID[f"to_{name}"], f"to_{name}", kind)
        elif kind == "seconds":
            yield SqlColumn(f"{name}_seconds", kind, name, f"{words(name)}, in seconds; NULL where it is not known")
        else:
            yield _column(name, name, kind)
            if kind == "minor" and has_currency:
                says = f"{words(name)}, in units of the currency: for reading"
                yield SqlColumn(name.removesuffix("_minor"), "amount", name, says, "currency")


def _column(name: str, source: str, kind: Kind) -> SqlColumn:
    says = words(name)
    if kind == "minor":
        says += ", in whole minor units of the currency: for sums"
    return SqlColumn(name, kind, source, says, unknown=LAST_DAY if source == "to_day" else "")


def words(name: str) -> str:
    """What a column says; of one that has no words, its name."""
    if name in WORDS:
        return WORDS[name]
    stem, _, last = name.rpartition("_")
    plain = (stem or last).replace("_", " ").removeprefix("is ")
    match last:
        case "at" if stem:
            return f"when: {plain}"
        case "on" | "day" if stem:
            return f"day in the reporting zone: {plain}"
        case _ if name.startswith("is_"):
            return f"whether: {name[3:].replace('_', ' ')}"
        case _:
            return name.replace("_", " ")
