"""Rates of exchange, as facts that a question joins by day: each pair has one rate a day, or none.

A rate holds from the day that it is stated for until the next one of the pair, and no longer than RATE_DAYS_MAX. A pair is stated either
way: what is stated of it the other way round counts too, exactly inverted, unless the same day has one of its own.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from journey.facts import Facts, Rate
from journey.instants import Instant
from journey.money import DECIMALS
from journey.touchpoints import FxRate, Touchpoint

RATE_DAYS_MAX = 7
"""How many days on a rate holds where no later one is stated."""

RATE_PART_MAX = 10**9
"""The largest part of a fraction: a decimal of nine digits is exact, and amounts times it fit into 64 bits up to nine billion minor units.
What has more digits is the nearest fraction that there is."""


class Quote(NamedTuple):
    """A stated rate, between minor units."""

    version: tuple[Instant, str, str]
    base: str
    num: int
    den: int


@dataclass(slots=True)
class Pair:
    """The rates that are stated between two currencies, by day."""

    quotes: dict[str, tuple[Quote, ...]] = field(default_factory=dict)
    days: list[str] = field(default_factory=list)
    """Of `quotes`, in order."""


Rates = dict[tuple[str, str], Pair]
"""By both currencies, the smaller name first."""


def quoted(touch: Touchpoint, version: tuple[Instant, str, str]) -> Quote | None:
    """The rate that `touch` states; None where no amount can be converted by it."""
    data = touch.data
    assert isinstance(data, FxRate)
    if data.base == data.quote or data.base not in DECIMALS or data.quote not in DECIMALS:
        return None
    rate = _within(Fraction(data.rate) * Fraction(10 ** DECIMALS[data.quote], 10 ** DECIMALS[data.base]))
    return None if rate is None else Quote(version, data.base, rate.numerator, rate.denominator)


def _within(rate: Fraction) -> Fraction | None:
    """`rate`, or the nearest to it whose parts are not too large; None where none is near."""
    if max(rate.numerator, rate.denominator) <= RATE_PART_MAX:
        return rate
    is_small = rate < 1
    near = (rate if is_small else 1 / rate).limit_denominator(RATE_PART_MAX)
    return None if near == 0 else near if is_small else 1 / near


def copied(rates: Rates) -> Rates:
    return {pair: Pair(one.quotes.copy(), one.days.copy()) for pair, one in rates.items()}


def restate(facts: Facts, rates: Rates, touch: Touchpoint, quote: Quote | None, *, is_taken_back: bool = False) -> None:
    """Take in what `touch` states, or take it back, and add the signed facts that this changes: those of its day and of the one before."""
    data = touch.data
    assert isinstance(data, FxRate)
    if quote is None:
        return
    names = (data.base, data.quote) if data.base < data.quote else (data.quote, data.base)
    pair, on = rates.setdefault(names, Pair()), data.on.isoformat()
    place = bisect_left(pair.days, on)
    near = [pair.days[place - 1], on] if place else [on]
    facts.subtract(rate for one in near for rate in _rates(names, pair, one))
    quotes = pair.quotes.pop(on, ())
    others = tuple(one for one in quotes if one != quote)
    pair.quotes[on] = others if is_taken_back else (*others, quote)
    if not quotes:
        insort(pair.days, on)
    if not pair.quotes[on]:
        del pair.quotes[on]
        pair.days.remove(on)
    facts.update(rate for one in near for rate in _rates(names, pair, one))


def _rates(names: tuple[str, str], pair: Pair, on: str) -> Iterator[Rate]:
    """The rates that hold from the day `on`, both ways."""
    quotes = pair.quotes.get(on)
    if not quotes:
        return
    until = _until(on, pair.days[place] if (place := bisect_left(pair.days, on) + 1) < len(pair.days) else None)
    for base, other in (names, names[::-1]):
        own = [quote for quote in quotes if quote.base == base]
        if own:
            last = max(own)
            yield Rate(base, other, on, until, last.num, last.den)
        else:
            last = max(quotes)
            yield Rate(base, other, on, until, last.den, last.num)


def _until(on: str, following: str | None) -> str:
    """The last day on which a rate of the day `on` holds, where the next one is of the day `following`."""
    first = date.fromisoformat(on)
    last = first + min(timedelta(days=RATE_DAYS_MAX), date.max - first)
    if following is not None:
        last = min(last, date.fromisoformat(following) - timedelta(days=1))
    return last.isoformat()
