"""Deals: each field is what was last said of it, up to any instant; outcome and value are asserted here only."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journey import deal
from journey.facts import DealStood, Facts
from journey.touchpoints import Touchpoint
from tests.journey.builders import (
    FRIDAY,
    MONDAY,
    NEXT_MONDAY,
    SMALL,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    closed,
    in_order,
    on,
    only,
    opened,
    touch,
)


def stood(*history: Touchpoint) -> list[DealStood]:
    """How the deal stood, after each of its changes."""
    _, facts = deal.derive(SMALL, "deal:12", in_order(history))
    return sorted(only(DealStood, facts), key=lambda fact: (fact.at, fact.nth))


def changed(at: int = TUESDAY, **fields: Any) -> Touchpoint:
    nothing = {"stage": None, "amount": None, "currency": None, "expected_close_on": None}
    return touch("deal_updated", at=at, **nothing | fields)


def test_a_deal_opens_with_what_its_opening_says() -> None:
    assert stood(opened(amount="900.00", probability=0.20, team="north", account="acme")) == [
        DealStood(
            "deal:12", MONDAY, on(MONDAY), 0, "open", "new_business", "qualified", 90000, "EUR", "0.2", 18000, 1, 0, "2026-04-30", "ann",
            "north", "acme", "new", "", "", MONDAY, on(MONDAY), 0, "", -1, (),
        )
    ]  # fmt: skip


def test_an_update_changes_what_it_names_and_leaves_the_rest() -> None:
    before, after = stood(opened(), changed(stage="proposal"))
    assert after == before._replace(at=TUESDAY, day=on(TUESDAY), stage="proposal")
    _, after = stood(opened(), changed(amount="1200", currency="USD", owner="bob", probability="0.50"))
    assert after == before._replace(
        at=TUESDAY,
        day=on(TUESDAY),
        amount_minor=120000,
        currency="USD",
        owner="bob",
        probability="0.5",
        weighted_minor=60000,
        is_weighted=1,
    )


def test_changes_of_one_instant_are_told_apart_by_their_place() -> None:
    found = stood(opened(id="1"), changed(MONDAY, id="2", stage="b"), changed(MONDAY, id="3", stage="c"))
    assert [(one.nth, one.stage) for one in found] == [(0, "qualified"), (1, "b"), (2, "c")]


def test_a_deal_is_won_or_lost_at_its_close_for_its_amount_and_reason() -> None:
    won = stood(opened(), closed(amount="800"))[-1]
    assert (won.outcome, won.amount_minor, won.reason, won.closed_at) == ("won", 80000, "", FRIDAY)
    lost = stood(opened(), closed(outcome="lost", reason="price"))[-1]
    assert (lost.outcome, lost.reason) == ("lost", "price")


def test_a_deal_that_is_reopened_is_open_at_the_stage_it_says_until_it_is_closed_again() -> None:
    found = stood(opened(), closed(outcome="lost"), touch("deal_reopened", at=NEXT_MONDAY, stage="proposal"), closed(at=NEXT_MONDAY + 1))
    assert [(one.outcome, one.reason, one.closed_at) for one in found] == [
        ("open", "", 0), ("lost", "price", FRIDAY), ("open", "", 0), ("won", "", NEXT_MONDAY + 1),
    ]  # fmt: skip
    assert found[2].stage == "proposal"


def test_a_deal_is_lost_to_the_competitor_of_its_last_close_and_to_none_while_it_is_open() -> None:
    reopened = touch("deal_reopened", at=NEXT_MONDAY, stage="proposal")
    again = closed(at=NEXT_MONDAY + 1, outcome="lost", reason="price", competitor="other")
    found = stood(opened(), closed(outcome="lost", reason="price", competitor="rival"), reopened, again)
    assert [one.competitor for one in found] == ["", "rival", "", "other"]


def test_a_value_may_change_after_the_close_and_the_date_of_the_close_stays() -> None:
    last = stood(opened(), closed(), changed(NEXT_MONDAY, amount="1", currency="EUR"))[-1]
    assert (last.outcome, last.amount_minor, last.closed_at) == ("won", 100, FRIDAY)


def test_a_win_before_the_opening_stands_and_nobody_knows_how_long_it_took() -> None:
    found = stood(closed(at=MONDAY), opened(at=TUESDAY))
    assert [(one.outcome, one.opened_at, one.closed_at) for one in found] == [("won", 0, MONDAY), ("won", TUESDAY, MONDAY)]


def test_what_only_mentions_a_deal_changes_nothing_of_how_it_stands() -> None:
    for type in ("negotiation", "proposal_sent", "call", "follow_up"):
        assert stood(touch(type, deal="12")) == []


def test_whoever_was_ever_named_takes_part() -> None:
    history = [
        opened(people=["user:1", "user:2"]),
        touch("deal_updated", at=TUESDAY, people=[{"person": "user:3"}]),
        touch("call", at=WEDNESDAY, subject="anon:x", deal="12"),
        touch("deal_updated", at=THURSDAY, people=[]),
    ]
    journey, _ = deal.derive(SMALL, "deal:12", history)
    assert journey.people == {"user:1", "user:2", "user:3", "anon:x"}


def test_a_refund_that_names_the_deal_lowers_its_value_whoever_it_is_about() -> None:
    here = touch("refund", at=TUESDAY, subject="deal:12", deal="12", order=None, amount="5.00")
    theirs = touch("refund", at=WEDNESDAY, deal="12", order=None, amount="7.00")
    assert [(one.at, one.amount_minor) for one in stood(opened(), here, theirs)] == [
        (MONDAY, 90000), (TUESDAY, 89500), (WEDNESDAY, 88800),
    ]  # fmt: skip


def test_an_amount_without_a_currency_is_in_the_deals() -> None:
    assert [(one.amount_minor, one.currency) for one in stood(opened(), changed(TUESDAY, amount="250.00"))][-1] == (25000, "EUR")


def test_tests_change_nothing() -> None:
    assert stood(opened(test=True)) == []


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_advancing_in_any_steps_adds_up_to_the_whole(data: st.DataObject) -> None:
    kinds = st.sampled_from(["open", "stage", "amount", "won", "lost", "reopened", "refund", "call"])
    history = in_order(
        {
            "open": opened(at=MONDAY + n, id=str(n)),
            "stage": changed(MONDAY + n, id=str(n), stage=f"s{n}"),
            "amount": changed(MONDAY + n, id=str(n), amount=str(n), currency="EUR"),
            "won": closed(at=MONDAY + n, id=str(n)),
            "lost": closed(at=MONDAY + n, id=str(n), outcome="lost"),
            "reopened": touch("deal_reopened", at=MONDAY + n, id=str(n)),
            "refund": touch("refund", at=MONDAY + n, id=str(n), subject="deal:12", deal="12", order=None),
            "call": touch("call", at=MONDAY + n, id=str(n), deal="12", subject=f"user:{n}"),
        }[kind]
        for n, kind in enumerate(data.draw(st.lists(kinds, max_size=8)))
    )
    whole, facts = deal.derive(SMALL, "deal:12", history)
    journey, added = deal.DealJourney("deal:12"), Facts()
    rest = history
    while rest:
        some = data.draw(st.integers(1, len(rest)))
        journey, more = deal.advance(SMALL, journey, rest[:some])
        added.update(more)
        rest = rest[some:]
    assert (journey, added) == (whole, facts)
