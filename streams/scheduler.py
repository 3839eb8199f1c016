"""Tells others of deadlines when they strike. It changes no truth: the read models have known the instant all along.

A mark in the record says up to when deadlines are announced. To move it is a unit of its own, which carries what struck in between, so it
has its place among all changes: after a week's outage all that struck in the week is announced, once. A touchpoint that changes a
person's outlook takes back and announces anew what lies before the mark: see `streams.kafka.relay`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from journey.instants import Instant
from journey.integers import INTEGER_MAX
from journey.person import PersonJourney
from streams.journeys import load

SCHEDULE_SECONDS = 15.0

STRUCK_MAX = 10_000
"""Deadlines that one unit announces, and beyond them only those of the same instant as the last."""

EVER: Instant = -(2**62)
"""Before every instant: before the first mark, nothing was announced."""


class Announcements(Protocol):
    """The record, as far as the scheduler needs it."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """While it is held, nobody else commits."""
        ...

    async def mark(self, position: int | None = None) -> Instant | None:
        """Up to when deadlines are announced; None before the first mark."""
        ...

    async def struck_at(self, nth: int, after: Instant, until: Instant) -> Instant | None:
        """When the `nth` deadline (0: the first) beyond `after` and up to `until` strikes; None where there are not so many."""
        ...

    def due(self, after: Instant, until: Instant) -> AsyncIterator[tuple[str, bytes]]:
        """The journeys of those for whom something strikes beyond `after` and up to `until`, in order of name."""
        ...

    async def announce(self, struck: Sequence[Sequence[Any]], mark: Instant, recorded_at: Instant) -> int:
        """Commit a unit that announces `struck`, by person, and moves the mark. Returns its position."""
        ...


async def announce(record: Announcements, now: Instant, struck_max: int | None = None) -> int:
    """Announce what has struck up to `now`, or the first `struck_max` (STRUCK_MAX) of it. Returns how many deadlines."""
    if await record.struck_at(0, await _announced(record), now) is None:
        return 0
    async with record.turn():
        # Read in turn: another scheduler may have been here while we were frozen.
        after = await _announced(record)
        until = await record.struck_at((struck_max or STRUCK_MAX) - 1, after, now) or now
        struck = [one async for person, kept in record.due(after, until) for one in _struck(person, kept, after, until)]
        if struck:
            await record.announce(struck, until, now)
        return len(struck)


async def next_strike(record: Announcements) -> Instant | None:
    """When the first deadline strikes that is not announced; None where there is none."""
    return await record.struck_at(0, await _announced(record), INTEGER_MAX)


async def _announced(record: Announcements) -> Instant:
    mark = await record.mark()
    return EVER if mark is None else mark


def _struck(person: str, kept: bytes, after: Instant, until: Instant) -> list[tuple[Any, ...]]:
    journey = load(person, kept)
    assert isinstance(journey, PersonJourney)
    strikes = journey.outlook.strikes if journey.outlook is not None else ()
    return [tuple(fact) for fact in strikes if after < fact.at <= until]
