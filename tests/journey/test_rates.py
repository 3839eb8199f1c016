"""Rates: of each pair there is one a day, stated or exactly inverted, and for seven days at the most."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey import dimension
from journey.facts import Facts, Rate
from journey.touchpoints import Touchpoint
from tests.journey.builders import MONDAY, SMALL, TUESDAY, in_order, only, touch

SELF = "company:self"


def rate(rate: str = "0.5", *, base: str = "USD", quote: str = "EUR", on: str = "2026-03-02", **fields: Any) -> Touchpoint:
    return touch("fx_rate", base=base, quote=quote, rate=rate, on=on, **{"id": f"{base}{quote}{on}{rate}"} | fields)


def rates(*history: Touchpoint) -> list[Rate]:
    return only(Rate, dimension.derive(SMALL, SELF, in_order(history))[1])


def test_a_rate_is_between_minor_units_in_lowest_terms_both_ways() -> None:
    assert rates(rate("0.9137")) == [
        Rate("EUR", "USD", "2026-03-02", "2026-03-09", 10000, 9137),
        Rate("USD", "EUR", "2026-03-02", "2026-03-09", 9137, 10000),
    ]
    assert [(one.num, one.den) for one in rates(rate("160.25", base="EUR", quote="JPY"))] == [(641, 400), (400, 641)]
    assert [(one.num, one.den) for one in rates(rate("3", base="KWD", quote="EUR"))] == [(10, 3), (3, 10)]


def test_a_rate_holds_until_the_day_before_the_next_one_of_its_pair_either_way() -> None:
    found = rates(rate(on="2026-03-02"), rate("2.5", base="EUR", quote="USD", on="2026-03-04"), rate(on="2026-03-30"))
    assert [(one.day, one.until_day, Fraction(one.num, one.den)) for one in found if one.base == "USD"] == [
        ("2026-03-02", "2026-03-03", Fraction(1, 2)),
        ("2026-03-04", "2026-03-11", Fraction(2, 5)),
        ("2026-03-30", "2026-04-06", Fraction(1, 2)),
    ]


def test_a_pair_that_is_stated_both_ways_on_a_day_has_each_as_it_was_stated() -> None:
    found = rates(rate("0.5"), rate("1.9", base="EUR", quote="USD"))
    assert {one.base: Fraction(one.num, one.den) for one in found} == {"USD": Fraction(1, 2), "EUR": Fraction(19, 10)}


def test_a_rate_stated_again_or_for_another_day_is_not_there_twice() -> None:
    assert {(one.num, one.den) for one in rates(rate("0.5"), rate("0.25", at=TUESDAY))} == {(1, 4), (4, 1)}
    moved = rates(rate(statement="x"), rate(statement="x", at=TUESDAY, on="2026-03-20"))
    assert {one.day for one in moved} == {"2026-03-20"}
    by_two = rates(rate("0.5", statement="x"), rate("0.25", statement="y", at=TUESDAY))
    assert {(one.num, one.den) for one in by_two} == {(1, 4), (4, 1)}


@pytest.mark.parametrize(("base", "quote"), [("EUR", "EUR"), ("XXX", "EUR"), ("EUR", "BTC")])
def test_between_what_is_no_money_there_is_no_rate(base: str, quote: str) -> None:
    assert not rates(rate(base=base, quote=quote))


@pytest.mark.parametrize("stated", ["1.0834567890123456789", "0.0000108345678901", "12345678.90123"])
def test_a_rate_of_many_digits_is_the_nearest_fraction_whose_parts_are_not_too_large(stated: str) -> None:
    euros, dollars = rates(rate(stated))
    assert (euros.num, euros.den) == (dollars.den, dollars.num)
    assert max(dollars.num, dollars.den) <= 10**9
    assert abs(Fraction(dollars.num, dollars.den) / Fraction(stated) - 1) < Fraction(1, 10**8)


@pytest.mark.parametrize("stated", ["12345678901", "0.00000000012", "1e-20"])
def test_a_rate_that_no_such_fraction_is_near_to_is_none(stated: str) -> None:
    assert not rates(rate(stated))


def test_the_last_day_that_there_is_has_a_rate_too() -> None:
    assert {one.until_day for one in rates(rate(on="9999-12-30"))} == {"9999-12-31"}


days = st.integers(0, 20).map(lambda n: (date(2026, 3, 1) + timedelta(days=n)).isoformat())
stated = st.tuples(days, st.integers(1, 9), st.booleans(), st.sampled_from(["", "x", "y"]), st.integers(0, 3))


@settings(max_examples=200, deadline=None)
@given(st.lists(stated, max_size=8), st.data())
def test_any_steps_come_to_the_rates_that_the_words_say(drawn: list[tuple[str, int, bool, str, int]], data: st.DataObject) -> None:
    history = in_order(
        rate(
            str(n), on=on, at=MONDAY + late, id=str(nth), base="EUR" if turned else "USD", quote="USD" if turned else "EUR",
            **({"statement": key} if key else {}),
        )
        for nth, (on, n, turned, key, late) in enumerate(drawn)
    )  # fmt: skip
    journey, added, rest = dimension.DimensionJourney(SELF), Facts(), history
    while rest:
        some = data.draw(st.integers(1, len(rest)))
        journey, more = dimension.advance(SMALL, journey, rest[:some])
        added.update(more)
        rest = rest[some:]
    added = Facts({fact: n for fact, n in added.items() if n})
    assert (journey, added) == dimension.derive(SMALL, SELF, history)
    assert set(added.values()) <= {1}
    counting: dict[tuple[str, ...], Touchpoint] = {}
    for one in history:
        assert one.type == "fx_rate"
        key = (one.data.statement,) if one.data.statement else (one.data.base, str(one.data.on))  # type: ignore[union-attr]
        counting[key] = max(counting.get(key, one), one, key=lambda one: (one.occurred_at, one.source, one.id))
    for n in range(30):
        on = date(2026, 3, 1) + timedelta(days=n)
        known = [one for one in counting.values() if 0 <= (on - one.data.on).days <= 7]  # type: ignore[union-attr]
        last = [one for one in known if one.data.on == max(one.data.on for one in known)]  # type: ignore[union-attr]
        for base in ("USD", "EUR"):
            own = [one for one in last if one.data.base == base] or last  # type: ignore[union-attr]
            found = [fact for fact in added if isinstance(fact, Rate) and fact.base == base and fact.day <= str(on) <= fact.until_day]
            assert len(found) == bool(own)
            if own:
                it = max(own, key=lambda one: (one.occurred_at, one.source, one.id)).data
                expected = Fraction(it.rate) if it.base == base else 1 / Fraction(it.rate)  # type: ignore[union-attr]
                assert Fraction(found[0].num, found[0].den) == expected
