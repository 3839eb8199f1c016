"""Credit: what each touch of a path has earned of a conversion, in whole units that add up."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from typing import NamedTuple

from journey.instants import Instant, Micros

DIRECT = "Direct"
NO_TOUCH = "(no touch)"
"""The channel and campaign that a conversion is credited to where no touch came before it."""
NO_MILESTONE = "(no milestone)"
"""The channel and campaign that the part of a milestone is credited to which a conversion does not have."""
CREDIT_PARTS = 10**6
"""A conversion is credited in millionths of it; money in its minor units."""


class PathTouch(NamedTuple):
    """A touch of a path, and what its conversion has: its instant and milestones (0: none). `half_life` is that of the question. A path
    that did not convert is one whose `has_converted` is 0: it has earned nothing, and tells models of a set what does not convert."""

    touched_at: Instant
    channel: str
    at: Instant
    lead_at: Instant
    opened_at: Instant
    half_life: Micros
    has_converted: int = 1


Weights = Callable[[Sequence[PathTouch]], Sequence[int]]
"""The weights of a path's touches, oldest first, and after them, where one more is given, that of NO_MILESTONE: not negative, not all 0.
Shares are by largest remainder (`journey.money.share`)."""


def first(path: Sequence[PathTouch]) -> Sequence[int]:
    return [1, *[0] * (len(path) - 1)]


def last(path: Sequence[PathTouch]) -> Sequence[int]:
    return [*[0] * (len(path) - 1), 1]


def last_non_direct(path: Sequence[PathTouch]) -> Sequence[int]:
    """To the last touch that is not direct; to the last where all are."""
    chosen = max((place for place, touch in enumerate(path) if touch.channel != DIRECT), default=len(path) - 1)
    return [int(place == chosen) for place in range(len(path))]


def linear(path: Sequence[PathTouch]) -> Sequence[int]:
    return [1] * len(path)


_HALVES, _EXACT = 2**40, Context(prec=30)
"""Weights that fade are whole numbers of 2^-40 of the last touch's; decimals, unlike floats, are the same on every machine."""


def time_decay(path: Sequence[PathTouch]) -> Sequence[int]:
    """Half as much for each half-life that a touch is older."""
    newest, half_life = path[-1].touched_at, path[0].half_life
    weights = []
    for touch in path:
        halvings, rest = divmod(newest - touch.touched_at, half_life)
        part = _EXACT.power(Decimal(2), _EXACT.divide(Decimal(-rest), Decimal(half_life)))
        weights.append(int(part * _HALVES) >> halvings)
    return weights


def position_based(path: Sequence[PathTouch]) -> Sequence[int]:
    """40 % to the first touch, 40 % to the last, 20 % to those between."""
    return _placed(path, 40, [0, len(path) - 1], 20)


def u_shaped(path: Sequence[PathTouch]) -> Sequence[int]:
    """40 % to the first touch, 40 % to that of the lead's creation, 20 % to the others."""
    return _placed(path, 40, [0, _touch_at(path, path[0].lead_at)], 20)


def w_shaped(path: Sequence[PathTouch]) -> Sequence[int]:
    """30 % each to the first touch, that of the lead's creation and that of the deal's opening, 10 % to the others."""
    return _placed(path, 30, [0, _touch_at(path, path[0].lead_at), _touch_at(path, path[0].opened_at)], 10)


def full_path(path: Sequence[PathTouch]) -> Sequence[int]:
    """22.5 % each to the first touch, that of the lead's creation, that of the deal's opening and the last, 10 % to the others."""
    return _placed(path, 45, [0, _touch_at(path, path[0].lead_at), _touch_at(path, path[0].opened_at), len(path) - 1], 20)


def _touch_at(path: Sequence[PathTouch], milestone: Instant) -> int:
    """The place of the last touch at or before a milestone, the first if there is none; past the end where there is no milestone."""
    if not milestone:
        return len(path)
    return max((place for place, touch in enumerate(path) if touch.touched_at <= milestone), default=0)


def _placed(path: Sequence[PathTouch], part: int, places: Sequence[int], others: int) -> Sequence[int]:
    """`part` to each of `places`, which adds up where they are the same, and `others` in equal parts to all other touches; where there are
    none, it goes to `places` in proportion."""
    times = Counter(places)
    number = sum(place not in times for place in range(len(path)))
    weights = [part * times[place] * max(number, 1) or others for place in range(len(path) + 1)]
    return weights if len(path) in times else weights[:-1]
