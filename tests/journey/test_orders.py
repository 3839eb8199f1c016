"""An order counts once, and refunds lower it, by no more than there is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey import orders, person_fold
from journey.facts import Converted, Facts, LeftOut, Lowered, Ordered, Touched, subtract
from journey.instants import DAY, Instant, iso
from journey.person import PersonJourney
from journey.touchpoints import Touchpoint
from tests.journey.builders import MONDAY, TUESDAY, WEDNESDAY, definition, derived, in_order, on, only, touch
from tests.streams import stated

BY = definition(
    attribution={"touches": ["ad_click"], "conversions": [{"name": "order", "when": {"types": "order_placed"}}]},
    activity=["page_view", "order_placed"],
)


def order(at: Instant = MONDAY, id: str = "", amount: str = "50.00", name: str = "7", **fields: Any) -> Touchpoint:
    return touch("order_placed", at=at, id=id, order=name, amount=amount, **fields)


def refund(at: Instant = TUESDAY, id: str = "", amount: str = "20.00", name: str = "7", **fields: Any) -> Touchpoint:
    return touch("refund", at=at, id=id, order=name, amount=amount, **fields)


def worth(*history: Touchpoint, until: Instant = MONDAY + 99 * DAY) -> int:
    facts = derived(*history, by=BY)[1]
    return sum(one.amount_minor for one in [*only(Ordered, facts), *only(Lowered, facts)] if one.at <= until)


def left_out(*history: Touchpoint) -> list[str]:
    return [one.why for one in only(LeftOut, derived(*history, by=BY)[1])]


def test_an_order_of_two_sources_and_spellings_is_one_and_its_conversion_is_of_it() -> None:
    history = [order(id="63", source="web"), order(TUESDAY, "64", source="shop", name="#7")]
    facts = derived(*history, by=BY)[1]
    assert only(Ordered, facts) == [Ordered("user:7", "7", MONDAY, on(MONDAY), "EUR", 5000, ("shoes",))]
    assert [(one.of_what, one.at, one.amount_minor) for one in only(Converted, facts)] == [("order:7", MONDAY, 5000)]
    assert left_out(*history) == ["sent again"]


def test_of_statements_the_last_counts_whatever_the_others_say() -> None:
    first, again = order(id="a"), order(TUESDAY, "b", "60.00", stated_at=iso(TUESDAY))
    assert worth(first, again) == 6000
    assert worth(first, again, order(WEDNESDAY, "c", "70.00", stated_at=iso(MONDAY))) == 6000


def test_its_products_are_those_of_the_statement_that_counts() -> None:
    first, again = order(id="a", products=("desk", "lamp")), order(TUESDAY, "b", products=("desk",), stated_at=iso(TUESDAY))
    assert [one.products for one in only(Ordered, derived(first, by=BY)[1])] == [("desk", "lamp")]
    assert [one.products for one in only(Ordered, derived(first, again, by=BY)[1])] == [("desk",)]


def test_a_refund_before_its_order_leaves_it_worth_nothing_at_every_instant() -> None:
    history = [refund(MONDAY, amount="50.00"), order(TUESDAY)]
    assert [worth(*history, until=at) for at in (MONDAY, TUESDAY, WEDNESDAY)] == [0, 0, 0]
    assert left_out(*history) == []
    (lowered,) = only(Lowered, derived(*history, by=BY)[1])
    assert (lowered.at, lowered.order_at) == (TUESDAY, TUESDAY)


def test_what_a_refund_can_not_take_is_listed() -> None:
    assert left_out(refund()) == ["refund without its order"]
    assert left_out(order(), refund(currency="USD")) == ["refund in another currency"]
    assert left_out(order(), refund(), refund(WEDNESDAY, amount="50.00")) == ["refund of more than is left"]
    assert left_out(order(), refund(refund="r"), refund(WEDNESDAY, refund="r")) == ["sent again"]
    assert worth(order(), refund(refund="r"), refund(WEDNESDAY, refund="r")) == 3000
    assert worth(order(), refund(), refund(WEDNESDAY)) == 1000


def test_what_was_sent_again_is_no_activity_either() -> None:
    journey, facts = derived(order(), order(TUESDAY, "again"), by=BY)
    assert journey.active_at == MONDAY
    assert only(Touched, facts) == []


@st.composite
def money(draw: st.DrawFn, nth: int) -> Touchpoint:
    at, id, name = (
        MONDAY + draw(st.integers(0, 5)) * DAY,
        draw(st.sampled_from([f"a{nth}", f"z{nth}"])),
        draw(st.sampled_from(["7", "#7", "8"])),
    )
    said: dict[str, Any] = {"stated_at": draw(st.sampled_from([None, None, None, iso(TUESDAY), iso(WEDNESDAY)]))}
    said["currency"] = draw(st.sampled_from(["EUR", "EUR", "EUR", "USD"]))
    amount = draw(st.sampled_from(["50.00", "20.00", "0.00"]))
    if draw(st.booleans()):
        return order(at, id, amount, name, **said)
    return refund(at, id, amount, name, refund=draw(st.sampled_from([None, "r", "s"])), **said)


@settings(max_examples=settings().max_examples * 3, deadline=None)
@given(data=st.data(), remembered=st.sampled_from([1, 500]))
def test_in_any_order_of_arrival_money_is_what_the_rules_say_of_the_set(data: st.DataObject, remembered: int) -> None:
    arrived = [data.draw(money(nth)) for nth in range(data.draw(st.integers(1, 8)))]
    if data.draw(st.booleans()):
        arrived = in_order(arrived)
    journey, added, history = PersonJourney("user:7", ("user:7",)), Facts(), list[Touchpoint]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "ORDERS_MAX", remembered)
        for one in arrived:
            before, history = history, in_order([*history, one])
            is_late = journey.seen is not None and one.order <= journey.seen
            silent = None if is_late else person_fold.goes_on(BY, journey, [one])
            if silent is None:
                journey, whole = derived(*history, by=BY)
                added.update(subtract(whole, derived(*before, by=BY)[1]))
            else:
                journey, facts = person_fold.advance(BY, journey, [one], silent)
                added.update(facts)
            assert journey == derived(*history, by=BY)[0]
    money_only = {fact: count for fact, count in added.items() if count and isinstance(fact, stated.MONEY)}
    assert money_only == dict(stated.orders(BY, "user:7", history)[0])
