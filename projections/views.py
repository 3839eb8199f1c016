"""The views that are the contract for SQL, `v1_…`: for whoever asks a read model with a tool of their own.

They format the tables of a read model, and the same views of them that figures stand on: timestamps, booleans and NULL as the database
writes them. How, each store says. Columns are those of the table, so a new table has its view; what is asked for by another name, or as
of now and as a history, is named here. No figure reads them: formatting costs several times what the question does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc
from typing import Final, Literal

from journey.facts import NEVER, DealStood
from projections.column_words import WORDS
from projections.figures.views import LAST_DAY, history, last_of
from projections.read_model import Column, ReadModel, Table

Kind = Literal["text", "id", "integer", "number", "instant", "day", "boolean", "seconds", "minor", "amount", "decimal", "millionths"]
"""An id has its kind before it in the table, a decimal is text there; a number is an integer that may not be stated."""
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
    of those that are made otherwise, with another table `beside` it."""

    name: str
    table: str
    says: str
    shape: Shape = "rows"
    key: tuple[str, ...] = ()
    sql: str = ""
    columns: tuple[Column, ...] = ()
    beside: str = ""


def _with_products(deals: str, until: str) -> str:
    return f"SELECT p.*{until} FROM ({deals}) AS d JOIN deal_products AS p ON p.deal = d.deal AND p.at = d.at AND p.nth = d.nth"


POSITION: Final = "The last unit that is in the rows, and the instant that this database takes for now."
"""Of `v1_position`, which has `position` and `as_of`."""

PUBLISHED: Final = (
    Published("v1_people", "stages", "The stage that each person is in now.", "now", ("person",)),
    Published("v1_stage_history", "stages", "The stages of each person, and those that time alone will bring.", "history", ("person",)),
    Published("v1_stage_entries", "stages", "Each entry into a stage up to now, by a touchpoint or because time passed."),
    Published("v1_segment_moves", "segment_moves", "Each segment that was entered or left up to now, by a touchpoint or time."),
    Published(
        "v1_segment_members", "segment_moves", "Who is in each segment now, and since when.",
        sql=f"SELECT * FROM ({last_of('segment_moves', 'person', 'segment').sql}) AS m WHERE step = 'entered'",
    ),
    Published(
        "v1_segment_history", "segment_moves",
        "When each person was in a segment (step entered) and no more in it (left), and what time alone will bring.",
        "history", ("person", "segment"),
    ),
    Published("v1_leads", "lead_states", "How each lead cycle stands now.", "now", ("person", "cycle")),
    Published("v1_lead_history", "lead_states", "How each lead cycle stood, and will by time alone.", "history", ("person", "cycle")),
    Published("v1_lead_steps", "leads", "Each step of a lead cycle up to now, by a touchpoint or because time passed."),
    Published("v1_deals", "deals", "How each deal stands now.", "now", ("deal",)),
    Published("v1_deal_history", "deals", "How each deal stood.", "history", ("deal",)),
    Published(
        "v1_deal_products", "deal_products", "The products of each deal now.", "now",
        sql=_with_products(last_of("deals", "deal").sql, ""), beside="deals",
    ),
    Published(
        "v1_deal_product_history", "deal_products", "The products of each deal, since when and until when.", "history",
        sql=_with_products(history("deals", "deal").sql, ", d.to_at, d.to_day"), beside="deals",
    ),
    Published("v1_deal_people", "deal_people", "Who takes part in each deal now.", "now", ("person", "deal")),
    Published("v1_deal_people_history", "deal_people", "Who took part in each deal, and how.", "history", ("person", "deal")),
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
    Published(
        "v1_conversions", "conversions",
        "Successes: deals won, orders, and what else the definition names. A deal that was won has a row for each of its people, of"
        " amount 0, also where it was lost or reopened later: so `SUM(n)` counts people and conversions, and no deals. Deals won and their"
        " value are in v1_deals, what was paid back of orders in v1_refunds.",
    ),
    Published("v1_touches", "paths", "The touches before each conversion, the oldest at place 0."),
    Published("v1_all_touches", "touches", "All touches that a conversion may be credited to, also those that none came after."),
    Published("v1_spend", "spend", "What was spent, day by day, also on days ahead where the period of a cost reaches there."),
    Published("v1_orders", "orders", "Orders, as money at their instant."),
    Published("v1_order_products", "order_products", "The products of each order."),
    Published("v1_refunds", "lowered", "What refunds take of orders, negative: with v1_orders they add up to net revenue."),
    Published("v1_left_out", "left_out", "Orders and refunds that are in no figure, or not with all of their amount, and why."),
    Published(
        "v1_descriptions", "described", "What people, accounts, campaigns and content are said to be now.", "now", ("subject", "field")
    ),
    Published("v1_description_history", "described", "What they were said to be.", "history", ("subject", "field")),
    Published("v1_spellings", "spelled", "Names of campaigns that are not written as their own case-folding."),
    Published("v1_last_seen", "outlook", "The last activity of each person."),
    Published("v1_ad_views", "exposed", "Advertisements that people may have seen."),
    Published("v1_email_steps", "emailed", "E-mails: sent, delivered, bounced, opened, clicked, unsubscribed, complained of."),
    Published("v1_social_engagements", "social_engaged", "What people did on social networks."),
    Published("v1_content_views", "content_seen", "Content that was viewed or downloaded."),
    Published("v1_event_steps", "event_steps", "Registrations for events, and who came."),
    Published("v1_form_steps", "form_steps", "Forms that were started or submitted."),
    Published("v1_product_steps", "product_steps", "What people did in the product or the shop."),
    Published("v1_survey_steps", "survey_steps", "Surveys that were sent or answered."),
    Published("v1_referrals", "referred", "Who came by whom."),
    Published("v1_consents", "consented", "The consents of each person now.", "now", ("person", "purpose", "channel")),
    Published("v1_consent_history", "consented", "The consents of each person.", "history", ("person", "purpose", "channel")),
    Published("v1_custom_touchpoints", "custom_seen", "Touchpoints of your own types."),
    Published("v1_needs", "needs", "Needs that were stated."),
    Published("v1_press_mentions", "press_mentioned", "Mentions in the press."),
    Published("v1_media_reports", "media_reports", "What platforms say of a period. Their reach is never added to ours, nor to another's."),
    Published("v1_insights", "insights", "What providers say of the market."),
    Published("v1_targets", "targets", "What is to be reached in a period."),
    Published("v1_activities", "activities", "What sales and a person did: prospecting, messages, calls, meetings, demos, follow-ups."),
    Published("v1_scheduled_activities", "scheduled", "Activities that are to be, or were, as stated last."),
    Published("v1_offers", "offered", "Proposals and what was said of them."),
    Published("v1_objections", "objections", "Objections that were raised or handled."),
    Published("v1_tickets", "ticket_steps", "How each ticket stands now.", "now", ("person", "ticket")),
    Published("v1_ticket_history", "ticket_steps", "How each ticket stood.", "history", ("person", "ticket")),
    Published("v1_subscription_steps", "subscription_steps", "Steps of subscriptions, and their recurring revenue from then on."),
    Published("v1_account_members", "account_members", "Who joined each account, or left it last.", "now", ("person", "account")),
    Published("v1_account_member_history", "account_members", "Who was in each account, and when.", "history", ("person", "account")),
    Published("v1_aliases", "aliases", "Other names of campaigns, since when and until when."),
    Published("v1_rates", "rates", "Rates between minor units of two currencies: num/den, from day to until_day."),
)  # fmt: skip


def views(model: ReadModel) -> Iterator[SqlView]:
    """The views of `model`, apart from `v1_position`. A table that nothing is published of has one of its own name."""
    tables = {table.name for table in model.tables}
    for table in model.tables:
        published = [one for one in PUBLISHED if one.table == table.name and _fits(one, table) and one.beside in ("", *tables)]
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
    if name in ("cycle", "den", "n", "nth", "num", "place", "points", "score"):
        return "integer"
    return "minor" if name.endswith("_minor") else "millionths" if name.endswith("_millionths") else "number"


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
            return f"{one.table} AS v" + (f" WHERE v.ahead = 0 OR v.at <= {NOW}" if {"at", "ahead"} <= {*table.columns} else "")


def _columns(one: Published, table: Table) -> Iterator[SqlColumn]:
    columns = one.columns or all_columns(table)
    names = {column.name for column in columns}
    # What is stated as a decimal is kept as text, and as so many parts beside it.
    parts = {f"{name}_{parts}": name for name in names for parts in ("millionths", "thousandths") if f"{name}_{parts}" in names}
    for column in columns:
        name, kind = column.name, kind_of(column)
        if name in parts or (one.shape != "rows" and name == "nth"):
            continue
        says = words(name, table.name)
        if one.shape != "rows" and name in ("at", "day"):
            yield SqlColumn(VALID[name], kind, name, words(VALID[name]))
            if one.shape == "history":
                to = f"to_{name}"
                yield SqlColumn(VALID[to], kind, to, words(VALID[to]), unknown=LAST_DAY if name == "day" else "")
        elif name == "deal" and table.of is DealStood:
            yield SqlColumn(name, "id", name, says)
        elif kind == "seconds":
            yield SqlColumn(f"{name}_seconds", kind, name, f"{says}, in seconds; NULL where it is not known")
        elif kind == "minor":
            yield SqlColumn(name, kind, name, f"{says}, in whole minor units of the currency: for sums")
            if "currency" in names:
                yield SqlColumn(name.removesuffix("_minor"), "amount", name, f"{says}, in units of the currency: for reading", "currency")
        else:
            yield SqlColumn(name.removesuffix("_millionths"), "decimal" if name in parts.values() else kind, name, says)


def words(name: str, table: str = "") -> str:
    """What a column says; of one that has no words, its name."""
    if found := WORDS.get(f"{table}.{name}", WORDS.get(name)):
        return found
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
