"""Python holds no row for each customer, whatever is asked."""

import tracemalloc
from collections import defaultdict
from typing import Any

import pytest

from journey.instants import HOUR
from projections.figures.answering import answer
from projections.figures.figure import Asked
from projections.figures.sections import SECTIONS
from tests.projections.figures.tables import COLUMNS, Rows, at, sqlite

FEW, MANY = 300, 3_000
UNTIL = at("2026-04-01")


def customers(number: int) -> Rows:
    """Each came, became a lead with points, which sales answered, was won after three touches, ordered, was paid back and left out."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in range(number):
        person, when, minor = f"user:{one}", at("2026-03-02") + one, 100 * one
        found["sessions"].append({"person": person, "at": when, "channel": "Email", "is_new": 1})
        found["sessions"].append({"person": person, "at": when + HOUR, "channel": "Email", "nth": 1})
        found["engaged_sessions"].append({"person": person, "at": when, "engaged_at": when, "channel": "Email"})
        found["first_touched"].append({"person": person, "at": when, "channel": "Email", "is_first": 1, "is_first_of_channel": 1})
        found["milestones"].append({"person": person, "name": "trial", "at": when, "channel": "Email"})
        # One who went on, and was lost, long ago; one who is under way.
        began = when - 9_000 * HOUR
        found["conversions"].append({"person": person, "conversion": "lead", "of_what": f"lead:{one}", "at": began})
        found["leads"].append({"person": person, "at": began + HOUR, "step": "mql"})
        found["milestones"].append({"person": person, "name": "signed-up", "at": when})
        order = {"subject": person, "order_id": f"{one}", "amount_minor": minor}
        again = {"subject": person, "order_id": f"again {one}", "at": when + 48 * HOUR, "amount_minor": 100 * (1 + one % 50)}
        found["orders"] += [{**order, "at": when}, again]
        found["lowered"].append({**order, "at": when, "order_at": when})
        found["left_out"].append({"subject": person, "of_what": f"{one}", "at": when, "why": "order_twice"})
        stood = {"answer": "accepted", "state": "working", "owner": "ann", "team": "north", "basis": "assigned", "channel": "Email"}
        dated = dict.fromkeys(("at", "created_at", "mql_at", "handed_over_at", "answered_at", "qualified_at"), when)
        flags = {"is_open": 1, "is_breached": 1, "is_mql": 1, "is_qualified": 1}
        took = dict.fromkeys(("to_assign", "to_assign_business", "to_accept", "to_accept_business"), one)
        found["lead_states"].append({"person": person, "cycle": 1, **stood, **dated, **flags, **took})
        found["scores"].append({"person": person, "rule": "demo", "points": 30, "at": when})
        found["touched"].append({"person": person, "day": "2026-03-02", "channel": "Email"})
        # One who comes each month, one who comes again after one, and one who comes no more.
        for name, days in (("", ("02-20",)), ("back", ("01-05", "03-05")), ("gone", ("01-05",))):
            found["touched"] += [{"person": f"{person}{name}", "day": f"2026-{day}", "channel": "Email"} for day in days]
        found["stages"].append(
            {
                "person": person,
                "stage": "awareness",
                "at": when,
                "left_stage": ("", "decision", "lost")[one % 3],
                "stayed": one,
                "is_onward": 1,
            }
        )
        found["leads"] += [{"person": person, "at": when, "step": step} for step in ("created", "recycled")]
        outcome = ("won", "lost", "open")[one % 3]
        won = {
            "outcome": outcome,
            "is_weighted": one % 2,
            "weighted_minor": minor,
            "opened_at": when,
            "closed_at": when,
            "amount_minor": minor,
            "took": one,
            "competitor": "rival",
            "expected_close_on": "2026-05-01",
        }
        found["deal_people"].append({"person": person, "deal": f"deal:{one}", "at": when})
        found["needs"].append({"person": person, "at": when, "topic": "price", "deal": f"{one}"})
        found["objections"].append({"person": person, "at": when, "step": "raised", "topic": "price", "deal": f"{one}"})
        found["excluded"].append({"subject": person, "day": "2026-03-02", "type": "page_view", "why": "bot"})
        found["deals"] += [
            {"deal": f"deal:{one}", "at": when, **won},
            {"deal": f"deal:slipped {one}", "at": when, "outcome": "open", "amount_minor": minor, "expected_close_on": "2026-04-01"},
            {"deal": f"deal:slipped {one}", "at": UNTIL, "outcome": "open", "amount_minor": minor, "expected_close_on": "2026-07-02"},
        ]
        conversion = {"person": person, "conversion": "won", "of_what": str(one), "at": when}
        found["conversions"].append({**conversion, "amount_minor": minor})
        found["paths"] += [{**conversion, "place": place, "touched_at": when, "channel": "Email"} for place in range(3)]
        moved = {"person": person, "segment": "readers", "at": when}
        found["segment_moves"] += [{**moved, "step": "entered"}, {**moved, "at": when + HOUR, "step": "left", "stayed": HOUR}]
        found["segment_moves"].append({**moved, "segment": "buyers", "step": "entered"})
        found["consented"].append({"person": person, "said_for": person, "at": when, "is_given": 1, "purpose": "newsletter"})
        found["exposed"].append({"person": person, "at": when, "channel": "Display"})
        for step in ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained"):
            found["emailed"].append({"person": person, "at": when, "step": step, "message": "m1", "bounce": "hard" * (step == "bounced")})
        found["social_engaged"].append({"person": person, "at": when, "network": "x", "action": "reply", "sentiment": "1"})
        for step in ("viewed", "downloaded"):
            found["content_seen"].append({"person": person, "at": when - one % 2, "step": step, "content": "guide", "took": one})
        found["survey_steps"].append({"subject": person, "at": when, "step": "sent", "survey": "s", "wave": "w"})
        for kind, low, high in (("nps", 0, 10), ("csat", 1, 5), ("ces", 1, 7), ("aided", 0, 1)):
            scale = {"score_millionths": 10**6, "scale_min_millionths": low * 10**6, "scale_max_millionths": high * 10**6}
            answered = {"subject": person, "at": when, "step": "answered", "survey": "s", "wave": "w", "question": kind}
            found["survey_steps"].append({**answered, "survey_kind": kind, "wave": "best", **scale, "score_millionths": high * 10**6})
            found["survey_steps"] += [{**answered, "survey_kind": kind, "wave": wave, **scale} for wave in ("w", "nobody was asked")]
    stated = {"start_on": "2026-03-01", "end_on": "2026-03-31", "provider": "p"}
    numbers = dict.fromkeys(("impressions", "clicks", "reach", "engagements", "followers"), 7)
    found["media_reports"].append({**stated, **numbers, "query": "acme", "is_brand": 1})
    found["contents"].append({"content": "guide", "day": "2026-03-01"})
    found["content_answers"].append({"content": "guide", "topic": "price", "at": 0})
    for basis in ("mentions", "searches", "revenue"):
        found["insights"] += [
            {**stated, "basis": basis, "competitor": who, "value_thousandths": 1, "total_thousandths": 9} for who in ("", "rival")
        ]
    found["press_mentioned"].append({"at": UNTIL - HOUR, "outlet": "times", "sentiment": "1"})
    aim = {"metric": "won_value", "start_on": "2026-04-01", "end_on": "2026-06-30", "amount_minor": 10**9, "currency": "EUR"}
    found["targets"] += [aim, {**aim, "team": "north"}, {**aim, "owner": "ann"}]
    found["spend"].append({"day": "2026-03-02", "channel": "Email", "amount_minor": 100})
    media = {"day": "2026-03-02", "channel": "Display", "amount_minor": 100, "function": "marketing", "cost_kind": "media"}
    found["spend"] += [{**media, "campaign": "unseen"}, {**media, "function": "sales", "cost_kind": "people"}]
    found["touched"].append({"person": "user:0", "day": "2026-03-02", "channel": "Email", "campaign": "unpaid"})
    order = {"person": "user:0", "conversion": "order", "of_what": "order:0", "at": at("2026-03-02") - 1}
    found["conversions"].append(order)
    found["paths"].append({**order, "touched_at": at("2026-03-02") - 2, "channel": "Display"})
    for field, value in (("start_on", "2026-03-01"), ("end_on", "2026-03-10")):
        found["described"].append({"subject": "campaign:spring", "field": field, "at": at("2026-03-01"), "value": value})
    return found


async def peak(section: str, number: int) -> int:
    """Bytes that Python holds at most for all figures of `section`: as a whole, by month, and by a dimension."""
    db, ask = sqlite(customers(number))
    for table, columns in COLUMNS.items():
        db.execute(f"CREATE INDEX of_{table} ON {table} ({', '.join(columns[:3])})")
    (figures,) = (one.figures for one in SECTIONS if one.name == section)
    asks = []
    # By one that is no list of people.
    dimension = next(one.name for one in figures[0].dimensions.values() if not one.top)
    for by in ((), ("month",), (dimension,)):
        asked = Asked(UNTIL, by=by, options={"segments": ("readers",)})
        if some := [figure for figure in figures if not figure.lacks(asked)]:
            asks.append((some, asked))
    without = {one.name for some, asked in asks for one in (await answer(ask, some, asked)).figures if one.needs}
    assert not without
    tracemalloc.start()
    try:
        for some, asked in asks:
            await answer(ask, some, asked)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        db.close()


@pytest.mark.parametrize("section", [section.name for section in SECTIONS])
async def test_ten_times_as_many_customers_take_no_more_memory(section: str) -> None:
    assert await peak(section, MANY) < 2 * await peak(section, FEW)
