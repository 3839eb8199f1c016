"""Credit: what each touch of a path has earned of a conversion, in whole units that add up."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from journey.instants import Instant

DIRECT = "Direct"
NO_TOUCH = "(no touch)"
"""The channel and campaign that a conversion is credited to where no touch came before it."""
CREDIT_PARTS = 10**6
"""A conversion is credited in millionths of it; money in its minor units."""


class PathTouch(NamedTuple):
    """A touch of a path, and what its conversion has: its instant and milestones (0: none)."""

    touched_at: Instant
    channel: str
    at: Instant
    lead_at: Instant
    opened_at: Instant


Weights = Callable[[Sequence[PathTouch]], Sequence[int]]
"""The weights of a path's touches, oldest first: not negative, not all 0. Shares are by largest remainder (`journey.money.share`)."""


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
