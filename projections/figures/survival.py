"""Kaplan-Meier (1958): how long something lasts, where of some it is only known that it had not ended yet when they were last seen.

Times are days, begun ones counted whole, so that few numbers come from the database however many people there are. Who was last seen on the
day on which others ended is still at risk that day.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from journey.instants import DAY
from projections.figures.measures import Computed, Measured, Outcome, computed

PARTS = 10**6
"""Shares are rounded to millionths, half to even: exact ones have hundreds of digits."""

Group = tuple[str, ...]


class AtDay(NamedTuple):
    """The share that lasts beyond a day, on which some ended, as a numerator and a denominator."""

    day: int
    part: int
    whole: int


class Lives(NamedTuple):
    """By day, how many `ended` on it and how many were last `seen` on it; `n` are all."""

    ended: dict[int, int]
    seen: dict[int, int]
    n: int

    def lasting(self) -> Iterator[AtDay]:
        """After each day on which some ended, in order."""
        part = whole = 1
        at_risk, before = self.n, sorted(self.seen, reverse=True)
        for day in sorted(self.ended):
            while before and before[-1] < day:
                at_risk -= self.seen[before.pop()]
            part, whole = part * (at_risk - self.ended[day]), whole * at_risk
            at_risk -= self.ended[day]
            yield AtDay(day, part, whole)

    def share_after(self, days: int) -> Fraction | None:
        """None where nobody has been seen for so long."""
        part = whole = 1
        for at in self.lasting():
            if at.day > days:
                break
            part, whole = at.part, at.whole
        if part and max([*self.ended, *self.seen]) < days:
            return None
        return Fraction(round(Fraction(part * PARTS, whole)), PARTS)

    def quantile(self, at: Fraction) -> int | None:
        """The first day after which at most 1 - `at` last; None where more still do."""
        left = 1 - at
        return next((one.day for one in self.lasting() if one.part * left.denominator <= left.numerator * one.whole), None)


def share_after(days: int) -> Computed:
    """The share that lasts for more than so many days, of a view with `days` and `has_ended`."""
    return _measure(lambda lives: lives.share_after(days))


def lasting_quantile(at: str) -> Computed:
    """After what time, in microseconds, the share "1/2" has ended."""

    def outcome(lives: Lives) -> int | None:
        found = lives.quantile(Fraction(at))
        return None if found is None else found * DAY

    return _measure(outcome)


def _measure(value: Callable[[Lives], int | Fraction | None]) -> Computed:
    def of_all(rows: Sequence[Measured]) -> Mapping[Group, Outcome]:
        return {group: Outcome(value(lives), lives.n) for group, lives in _by_group(rows).items()}

    return computed(of_all, "days", "has_ended")


def _by_group(rows: Sequence[Measured]) -> dict[Group, Lives]:
    found: dict[Group, tuple[dict[int, int], dict[int, int]]] = {}
    for group, (day, has_ended), n in rows:
        ended, seen = found.setdefault(group, (defaultdict(int), defaultdict(int)))
        (ended if has_ended else seen)[int(day)] += n
    return {group: Lives(ended, seen, sum(ended.values()) + sum(seen.values())) for group, (ended, seen) in found.items()}
