"""What counts of what is said of a deal: read in the order in which it was said, whatever the order of arrival."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey import deal
from journey.deal import DealJourney
from journey.facts import DealStood, Facts, LeftOut
from journey.instants import DAY, Instant, iso
from journey.touchpoints import Touchpoint
from tests.journey.builders import MONDAY, closed, definition, in_order, only, opened, touch
from tests.streams import stated

PIPELINE: dict[str, Any] = {
    "name": "default",
    "stages": [
        {"name": "talks", "probability": 0.5},
        {"name": "won", "probability": 1, "outcome": "won"},
        {"name": "lost", "probability": 0, "outcome": "lost"},
    ],
}
BY = definition(pipelines=[PIPELINE])
FEBRUARY, MARCH, APRIL = MONDAY - 29 * DAY, MONDAY - DAY, MONDAY + 30 * DAY
OPENED = opened(at=FEBRUARY, pipeline="default", stage="talks")


def on(day: int) -> Instant:
    """A day of March."""
    return MARCH + (day - 1) * DAY


def staged(stage: str | None, at: Instant, id: str = "", **fields: Any) -> Touchpoint:
    nothing: dict[str, Any] = {"amount": None, "currency": None, "expected_close_on": None}
    return touch("deal_updated", at=at, id=id, stage=stage, **nothing | fields)


def restated(at: Instant, said: Instant, outcome: str = "won", id: str = "", **fields: Any) -> Touchpoint:
    return closed(at=at, outcome=outcome, id=id or f"close-{at}-{said}", stated_at=iso(said), **fields)


def turns(*history: Touchpoint) -> list[tuple[str, Instant]]:
    """The outcomes that the deal came to, and when, once it is open."""
    found: list[tuple[str, Instant]] = []
    for fact in sorted(only(DealStood, deal.derive(BY, "deal:12", in_order(history))[1]), key=lambda fact: (fact.at, fact.nth)):
        if fact.outcome != (found[-1][0] if found else "open"):
            found.append((fact.outcome, fact.at))
    return found


def test_a_close_that_is_dated_back_and_seen_every_night_is_one_win_at_its_date() -> None:
    history = [OPENED, staged("talks", APRIL), staged("won", APRIL + DAY), restated(on(31), APRIL + DAY)]
    assert turns(*history) == [("won", on(31))]
    assert turns(*history, *(restated(on(31), APRIL + night * DAY) for night in range(2, 30))) == [("won", on(31))]


def test_a_win_that_is_restated_as_lost_never_was() -> None:
    said = [staged("won", on(20)), restated(on(20), on(20)), staged("lost", on(30)), restated(on(20), on(30), "lost")]
    assert turns(OPENED, *said) == [("lost", on(20))]


def test_no_opening_closes_its_deal() -> None:
    again = opened(at=FEBRUARY, id="again", pipeline="default", stage="won")
    assert turns(OPENED, again, staged("won", on(20)), closed(at=on(20))) == [("won", on(20))]


def test_a_later_opening_with_an_open_stage_reopens() -> None:
    assert turns(OPENED, closed(at=on(5)), opened(at=on(9), pipeline="default", stage="talks")) == [("won", on(5)), ("open", on(9))]
    assert turns(OPENED, closed(at=on(5)), opened(at=on(9), pipeline="default", stage=None)) == [("won", on(5))]


def test_a_stage_and_a_close_of_one_instant_are_one_turn() -> None:
    said = [closed(at=on(20), id="006-closed"), staged("talks", on(20), "008-1"), staged("won", on(20), "008-2")]
    assert turns(OPENED, *said) == [("won", on(20))]


def test_a_stage_moved_back_reopens_and_the_last_close_dates_the_win() -> None:
    said = [restated(on(5), on(5)), staged("talks", on(9)), restated(on(20), on(20))]
    assert turns(OPENED, *said) == [("won", on(5)), ("open", on(9)), ("won", on(20))]
    assert turns(OPENED, *said, restated(on(7), on(25))) == [("won", on(7))]  # Which says that the reopening never was.


def test_a_sender_says_what_its_stages_mean_and_pipelines_where_it_does_not() -> None:
    assert turns(OPENED, staged("Fertig (Vertrieb)", on(5), stage_outcome="won")) == [("won", on(5))]
    assert turns(OPENED, staged("won", on(5), stage_outcome="open")) == []
    assert turns(OPENED, staged("Fertig (Vertrieb)", on(5))) == []


def test_of_a_deal_without_a_pipeline_a_stage_says_that_on_which_all_pipelines_agree() -> None:
    assert turns(staged("won", on(5))) == [("won", on(5))]
    other = {"name": "other", "stages": [{"name": "won", "probability": 1, "outcome": "won"}, {"name": "lost", "probability": 0.2}]}
    by = definition(pipelines=[PIPELINE, other])
    assert [deal.derive(by, "deal:12", [staged(stage, on(5))])[0].outcome for stage in ("won", "lost", "talks", "else")] == [
        "won", "open", "open", "open",
    ]  # fmt: skip


def test_a_closing_by_a_stage_has_the_amount_of_then_and_no_reason() -> None:
    (won,) = [one for one in only(DealStood, deal.derive(BY, "deal:12", [OPENED, staged("lost", on(5))])[1]) if one.outcome == "lost"]
    assert (won.amount_minor, won.reason, won.closed_at) == (90000, "", on(5))


def test_an_abandoned_deal_in_a_lost_stage_stays_abandoned() -> None:
    assert turns(OPENED, closed(at=on(5), outcome="abandoned"), staged("lost", on(6))) == [("abandoned", on(5))]


def test_what_a_deal_is_worth_is_never_below_0_after_refunds() -> None:
    def paid(back: str, at: Instant, **fields: Any) -> Touchpoint:
        return touch("refund", subject="deal:12", deal="12", order=None, at=at, amount=back, **fields)

    _, facts = deal.derive(BY, "deal:12", [OPENED, paid("800.00", on(3)), closed(at=on(5)), paid("200.00", on(6))])
    assert [(one.at, one.amount_minor) for one in only(DealStood, facts)] == [
        (FEBRUARY, 90000), (on(3), 10000), (on(5), 10000), (on(6), 0),
    ]  # fmt: skip
    assert [(one.at, one.why) for one in only(LeftOut, facts)] == [(on(6), "refund of more than is left")]
    for other, why in (({"currency": "USD"}, "refund in another currency"), ({"refund": "r"}, "sent again")):
        history = [OPENED, paid("5.00", on(3), refund="r"), paid("5.00", on(4), **other)]
        assert [one.why for one in only(LeftOut, deal.derive(BY, "deal:12", history)[1])] == [why]
    assert [one.why for one in only(LeftOut, deal.derive(BY, "deal:12", [paid("5.00", on(3))])[1])] == ["refund without its deal"]


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "each night at once"])
def test_a_month_of_nightly_exports_goes_on_without_the_history(*, together: bool) -> None:
    """The record is touched every night; its win is dated back in the first of them, and said again in all. Of what comes at once the
    close is older than the stage, which was said before it."""
    journey, derived = DealJourney("deal:12"), 0
    history: list[Touchpoint] = []
    for night in range(30):
        modified = APRIL + night * DAY
        tonight = [
            opened(at=FEBRUARY, id=f"opened-{night:02}", pipeline="default", stage=None),
            staged("won" if night > 8 else "talks", modified, f"updated-{night:02}"),
            *([restated(on(31), modified, id=f"closed-{night:02}")] if night > 8 else []),
        ]
        for some in [in_order(tonight)] if together else [[one] for one in tonight]:
            history = in_order([*history, *some])
            if deal.goes_on(BY, journey, some) is None:
                derived += 1
                journey, _ = deal.derive(BY, "deal:12", history)
            else:
                journey, _ = deal.advance(BY, journey, some)
    assert derived == 1
    assert journey == deal.derive(BY, "deal:12", history)[0]
    assert turns(*history) == [("won", on(31))]


def test_an_opening_that_repeats_the_first_reopens_what_was_closed_before_it_though_it_comes_late() -> None:
    history = [closed(at=on(1)), opened(at=on(2), id="a", pipeline="default", stage="talks"), touch("call", at=on(3), deal="12")]
    again = opened(at=on(2), id="b", pipeline="default", stage="talks")
    assert deal.goes_on(BY, deal.derive(BY, "deal:12", history)[0], [again]) is None
    assert turns(*history, again) == [("won", on(1)), ("open", on(2))]


# --- any history, against the rules worked out over the whole set

days = st.integers(1, 6).map(on)
stages = st.sampled_from([None, "talks", "talks", "won", "lost", "elsewhere"])
outcomes = st.sampled_from(["won", "won", "lost", "abandoned"])


@st.composite
def said(draw: st.DrawFn, nth: int) -> Touchpoint:
    at, id = draw(days), draw(st.sampled_from([f"a{nth}", f"z{nth}"]))
    match draw(st.sampled_from(["opened", "staged", "staged", "closed", "restated", "restated", "restated", "reopened", "other"])):
        case "opened":
            amount = draw(st.sampled_from(["900.00", "900.00", "100.00"]))
            return opened(
                at=at, id=id, pipeline=draw(st.sampled_from(["default", "default", "", "new"])), stage=draw(stages), amount=amount
            )
        case "staged":
            return staged(draw(stages), at, id, stage_outcome=draw(st.sampled_from([None, None, None, "open", "won", "lost"])))
        case "closed":
            return closed(at=at, id=id, outcome=draw(outcomes))
        case "restated":
            return restated(at, draw(days), draw(outcomes), id)
        case "reopened":
            return touch("deal_reopened", at=at, id=id)
        case _:
            other = draw(st.sampled_from(["refund", "refund", "test", "call"]))
            if other == "refund":
                fields = {"refund": draw(st.sampled_from([None, "r"])), "stated_at": draw(st.sampled_from([None, None, iso(on(3))]))}
                fields["currency"] = draw(st.sampled_from(["EUR", "EUR", "USD"]))
                amount = draw(st.sampled_from(["80.00", "600.00"]))
                return touch("refund", at=at, id=id, subject="deal:12", deal="12", order=None, amount=amount, **fields)
            return closed(at=at, id=id, test=True) if other == "test" else touch("call", at=at, id=id, deal="12")


@st.composite
def arrivals(draw: st.DrawFn) -> list[Touchpoint]:
    found = [draw(said(nth)) for nth in range(draw(st.integers(1, 8)))]
    return in_order(found) if draw(st.booleans()) else draw(st.permutations(found))


@settings(max_examples=settings().max_examples * 5, deadline=None)
@given(arrived=arrivals(), at_once=st.integers(1, 4))
def test_any_deal_in_any_order_of_arrival_comes_to_what_the_rules_say_of_the_set(arrived: list[Touchpoint], at_once: int) -> None:
    journey, added = DealJourney("deal:12"), Facts()
    history: list[Touchpoint] = []
    for some in (in_order(arrived[nth : nth + at_once]) for nth in range(0, len(arrived), at_once)):
        before, history = history, in_order([*history, *some])
        if deal.goes_on(BY, journey, some) is None:
            added.subtract(deal.derive(BY, "deal:12", before)[1])
            journey, facts = deal.derive(BY, "deal:12", history)
        else:
            journey, facts = deal.advance(BY, journey, some)
        added.update(facts)
        assert journey == deal.derive(BY, "deal:12", history)[0]
    assert Counter({fact: count for fact, count in added.items() if count}) == stated.stood(BY, "deal:12", history)
