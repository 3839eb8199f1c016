"""Deadlines that struck, and up to when they were announced, in the embedded record."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import orjson

from journey.instants import Instant
from streams.units import Unit

if TYPE_CHECKING:
    from streams.sqlite.record import SqliteRecord


class SqliteAnnouncements:
    """See `streams.scheduler.Announcements`."""

    def __init__(self, record: "SqliteRecord") -> None:
        self.record = record

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self.record.turn()

    async def mark(self, position: int | None = None) -> Instant | None:
        """Up to when deadlines are announced as of `position`; None before the first mark."""
        found: tuple[Instant] | None = self.record.db.execute(
            "SELECT mark FROM units WHERE mark IS NOT NULL AND position <= COALESCE(?, position) ORDER BY position DESC LIMIT 1",
            (position,),
        ).fetchone()
        return found and found[0]

    async def struck_at(self, nth: int, after: Instant, until: Instant) -> Instant | None:
        """When the `nth` deadline (0: the first) beyond `after` and up to `until` strikes; None where there are not so many."""
        found: tuple[Instant] | None = self.record.db.execute(
            "SELECT at FROM deadlines WHERE at > ? AND at <= ? ORDER BY at LIMIT 1 OFFSET ?", (after, until, nth)
        ).fetchone()
        return found and found[0]

    async def due(self, after: Instant, until: Instant) -> AsyncIterator[tuple[str, bytes]]:
        """The journeys of those for whom something strikes beyond `after` and up to `until`, in order of name."""
        rows = self.record.db.execute(
            "SELECT subject, body FROM journeys WHERE subject IN (SELECT subject FROM deadlines WHERE at > ? AND at <= ?) ORDER BY subject",
            (after, until),
        )
        for subject, body in rows:
            yield subject, body

    async def announce(self, struck: Sequence[Sequence[Any]], mark: Instant, recorded_at: Instant) -> int:
        return await self.record.commit(
            Unit(after={}, reached={}, recorded_at=recorded_at, mark=mark, struck=[list(one) for one in struck])
        )

    async def struck(self, position: int) -> list[list[Any]]:
        """What the unit of `position` announced."""
        rows = self.record.db.execute("SELECT struck FROM changes WHERE position = ? AND struck IS NOT NULL", (position,)).fetchall()
        return [one for (struck,) in rows for one in orjson.loads(struck)]
