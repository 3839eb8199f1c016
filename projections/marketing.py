"""Marketing's read model: demand, audience, channels, conversions with the touches before them, and what it cost."""

from collections.abc import Iterator
from typing import Final

import orjson

from journey.facts import (
    Converted,
    DealStood,
    Described,
    Fact,
    LeadMoved,
    LeftOut,
    Lowered,
    Ordered,
    Outlook,
    Spent,
    StageEntered,
    Touched,
)
from projections.read_model import Column, ReadModel, Row, Table

INTEGER: Final = "INTEGER"

OUTLOOK = Table("outlook", (Column("person"), Column("first_at", INTEGER), Column("seen_at", INTEGER), Column("strikes")))
STAGES = Table(
    "stages",
    (Column("person"), Column("stage"), Column("at", INTEGER), Column("nth", INTEGER), Column("left_stage"), Column("rule")),
)

TABLES = (
    Table("touched", (Column("person"), Column("day"), Column("channel"), Column("campaign"))),
    STAGES,
    OUTLOOK,
    Table(
        "leads",
        (
            Column("person"),
            Column("cycle", INTEGER),
            Column("at", INTEGER),
            Column("nth", INTEGER),
            Column("step"),
            Column("channel"),
            Column("campaign"),
            Column("lead_source"),
        ),
    ),
    Table(
        "conversions",
        (
            Column("person"),
            Column("conversion"),
            Column("of_what"),
            Column("at", INTEGER),
            Column("is_primary", INTEGER),
            Column("amount_minor", INTEGER),
            Column("currency"),
            Column("lead_at", INTEGER),
            Column("opened_at", INTEGER),
            Column("cut", INTEGER),
            Column("path"),
        ),
    ),
    Table(
        "deals",
        (
            Column("deal"),
            Column("at", INTEGER),
            Column("nth", INTEGER),
            Column("outcome"),
            Column("amount_minor", INTEGER),
            Column("currency"),
            Column("closed_at", INTEGER),
        ),
    ),
    Table(
        "spend",
        (
            Column("day"),
            Column("campaign"),
            Column("channel"),
            Column("function"),
            Column("cost_kind"),
            Column("provider"),
            Column("currency"),
        ),
        sums=("amount_minor",),
    ),
    Table("described", (Column("subject"), Column("field"), Column("at", INTEGER), Column("nth", INTEGER), Column("value"))),
    Table("orders", (Column("subject"), Column("order_id"), Column("at", INTEGER), Column("currency")), sums=("amount_minor",)),
    Table(
        "lowered",
        (Column("subject"), Column("order_id"), Column("at", INTEGER), Column("order_at", INTEGER), Column("currency")),
        sums=("amount_minor",),
    ),
    Table(
        "left_out",
        (Column("subject"), Column("of_what"), Column("at", INTEGER), Column("why"), Column("source"), Column("touchpoint_id")),
    ),
)


def rows(fact: Fact) -> Iterator[Row]:
    """Where `fact` is added up. Linear: a fact taken back subtracts exactly what it added."""
    match fact:
        case Touched():
            yield Row("touched", fact[:4])
        case StageEntered():
            yield Row("stages", fact[:6])
        case Outlook():
            yield outlook_row(fact)
        case LeadMoved():
            yield Row("leads", (fact.person, fact.cycle, fact.at, fact.nth, fact.step, fact.channel, fact.campaign, fact.lead_source))
        case Converted():
            yield Row("conversions", (*fact[:10], plain(fact.path)))
        case DealStood():
            yield Row("deals", (fact.deal, fact.at, fact.nth, fact.outcome, fact.amount_minor, fact.currency, fact.closed_at))
        case Spent():
            yield Row("spend", fact[:7], (fact.amount_minor,))
        case Described():
            yield Row("described", fact[:5])
        case Ordered():
            yield Row("orders", fact[:4], (fact.amount_minor,))
        case Lowered():
            yield Row("lowered", fact[:5], (fact.amount_minor,))
        case LeftOut():
            yield Row("left_out", fact[:6])
        case _:
            return  # Sales' own, or in no table yet.


def outlook_row(fact: Outlook) -> Row:
    """What is still to strike, in one row a person; `first_at` finds those that something has struck by an instant (0: nothing will)."""
    return Row("outlook", (fact.person, fact.strikes[0].at if fact.strikes else 0, fact.seen_at, plain(fact.strikes)))


def plain(values: object) -> str:
    """`values` as JSON, for a column that is only ever read whole."""
    return orjson.dumps(values, default=list).decode()


marketing = ReadModel(
    name="marketing",
    version=3,
    tables=TABLES,
    rows=rows,
    kinds=frozenset({
        "touched", "stage_entered", "lead_moved", "converted", "outlook", "ordered", "lowered", "left_out", "described", "deal_stood",
        "spent",
    }),
)  # fmt: skip
