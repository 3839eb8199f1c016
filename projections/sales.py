"""Sales' read model: leads with stage, score and handoff, deals with value and stage, what was won and lost."""

from collections.abc import Iterator

from journey.facts import (
    DealStood,
    Fact,
    LeadMoved,
    Outlook,
    Scored,
    StageEntered,
)
from projections.marketing import INTEGER, OUTLOOK, STAGES, outlook_row
from projections.read_model import Column, ReadModel, Row, Table

TABLES = (
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
            Column("lead"),
            Column("owner"),
            Column("team"),
            Column("channel"),
            Column("lead_source"),
            Column("reason"),
            Column("basis"),
        ),
    ),
    Table("scores", (Column("person"), Column("rule"), Column("points", INTEGER), Column("at", INTEGER), Column("until_at", INTEGER))),
    Table(
        "deals",
        (
            Column("deal"),
            Column("at", INTEGER),
            Column("nth", INTEGER),
            Column("outcome"),
            Column("pipeline"),
            Column("stage"),
            Column("amount_minor", INTEGER),
            Column("currency"),
            Column("probability"),
            Column("expected_close_on"),
            Column("owner"),
            Column("team"),
            Column("account"),
            Column("deal_kind"),
            Column("reason"),
            Column("opened_at", INTEGER),
            Column("closed_at", INTEGER),
        ),
    ),
)


def rows(fact: Fact) -> Iterator[Row]:
    """Where `fact` is added up. Linear: a fact taken back subtracts exactly what it added."""
    match fact:
        case StageEntered():
            yield Row("stages", fact[:6])
        case Outlook():
            yield outlook_row(fact)
        case LeadMoved():
            yield Row("leads", (*fact[:8], fact.channel, fact.lead_source, fact.reason, fact.basis))
        case Scored():
            yield Row("scores", fact[:5])
        case DealStood():
            yield Row("deals", fact[:17])
        case _:
            return  # Marketing's own, or in no table yet.


sales = ReadModel(
    name="sales",
    version=1,
    tables=TABLES,
    rows=rows,
    kinds=frozenset({"stage_entered", "outlook", "lead_moved", "scored", "deal_stood"}),
)
