"""Tells others of deadlines when they strike. It changes no truth: the read models have known the instant all along.

A mark in the record says up to when deadlines are announced. To move it is a unit of its own, which carries what struck in between, so it
has its place among all changes: after a week's outage all that struck in the week is announced, once. A touchpoint that changes a
person's outlook takes back and announces anew what lies before the mark: see `streams.kafka.relay`.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from journey.instants import Instant
from journey.person import PersonJourney
from streams.journeys import load

SCHEDULE_SECONDS = 15.0


class Announcements(Protocol):
    """The record, as far as the scheduler needs it."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """While it is held, nobody else commits."""
        ...

    async def mark(self, position: int | None = None) -> Instant | None:
        """Up to when deadlines are announced; None before the first mark."""
        ...

    def due(self, after: Instant, until: Instant) -> AsyncIterator[tuple[str, bytes]]:
        """The journeys of those for whom something strikes beyond `after` and up to `until`, in order of name."""
        ...

    async def announce(self, struck: Sequence[Sequence[Any]], mark: Instant, recorded_at: Instant) -> int:
        """Commit a unit that announces `struck`, by person, and moves the mark. Returns its position."""
        ...


async def announce(record: Announcements, now: Instant) -> int:
    """Announce what has struck up to `now`. Returns how many deadlines."""
    mark = await record.mark()
    if mark is None:
        # The first start: what lies before it is announced by the units that bring it.
        await record.announce([], now, now)
        return 0
    if [one async for one in record.due(mark, now)]:
        async with record.turn():
            struck = [one async for person, kept in record.due(mark, now) for one in _struck(person, kept, mark, now)]
            await record.announce(struck, now, now)
            return len(struck)
    return 0


def _struck(person: str, kept: bytes, mark: Instant, now: Instant) -> list[tuple[Any, ...]]:
    journey = load(person, kept)
    assert isinstance(journey, PersonJourney)
    strikes = journey.outlook.strikes if journey.outlook is not None else ()
    return [(person, *strike) for strike in strikes if mark < strike.at <= now]
