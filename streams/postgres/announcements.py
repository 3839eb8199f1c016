"""Deadlines that struck, and up to when they were announced: a mark that a unit carries, so that it has its place among all changes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson

from journey.facts import Outlook, StageEntered, ahead_of
from journey.instants import Instant
from streams.postgres.record import PostgresRecord
from streams.units import Unit

PERSONS_PER_QUERY_MAX = 1_000

_MARK = (
    "SELECT mark FROM journey.units WHERE mark IS NOT NULL AND position <= COALESCE($1::BIGINT, position) ORDER BY position DESC LIMIT 1"
)
_STANDING = (
    "SELECT subject, body, (SELECT mark FROM journey.units WHERE mark IS NOT NULL ORDER BY position DESC LIMIT 1) AS mark"
    " FROM journey.journeys WHERE subject = ANY($1::TEXT[])"
)

_AHEAD = Outlook._fields.index("ahead")


class PostgresAnnouncements:
    """See `streams.scheduler.Announcements`."""

    def __init__(self, record: PostgresRecord) -> None:
        self.record = record

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self.record.turn()

    async def mark(self, position: int | None = None) -> Instant | None:
        """Up to when deadlines are announced as of `position`; None before the first mark."""
        async with self.record.database.connection() as db:
            mark: int | None = await db.fetchval(_MARK, position)
        return mark

    async def rebuilt_at(self, position: int) -> int:
        """The position of the last unit up to `position` that derived everything anew; 0 where there is none."""
        async with self.record.database.connection() as db:
            found: int = await db.fetchval(
                "SELECT COALESCE(MAX(position), 0) FROM journey.units WHERE rebuilt AND position <= $1", position
            )
        return found

    async def struck_at(self, nth: int, after: Instant, until: Instant) -> Instant | None:
        """When the `nth` deadline (0: the first) beyond `after` and up to `until` strikes; None where there are not so many."""
        async with self.record.database.connection() as db:
            found: int | None = await db.fetchval(
                "SELECT at FROM journey.journeys, unnest(due) AS at WHERE at > $1 AND at <= $2 ORDER BY at OFFSET $3 LIMIT 1",
                after,
                until,
                nth,
            )
        return found

    async def due(self, after: Instant, until: Instant) -> AsyncIterator[tuple[str, bytes]]:
        """The journeys of those for whom something strikes beyond `after` and up to `until`, in order of name."""
        last = ""
        while True:
            async with self.record.database.connection() as db:
                rows = await db.fetch(
                    "SELECT subject, body FROM journey.journeys WHERE subject > $1"
                    " AND EXISTS (SELECT FROM unnest(due) AS at WHERE at > $2 AND at <= $3) ORDER BY subject LIMIT $4",
                    last,
                    after,
                    until,
                    PERSONS_PER_QUERY_MAX,
                )
            if not rows:
                return
            for subject, body in rows:
                yield subject, body
            last = rows[-1][0]

    async def announce(self, struck: Sequence[Sequence[Any]], mark: Instant, recorded_at: Instant) -> int:
        return await self.record.commit(
            Unit(after={}, reached={}, recorded_at=recorded_at, mark=mark, struck=[list(one) for one in struck])
        )

    async def struck(self, position: int) -> list[list[Any]]:
        """What the unit of `position` announced."""
        async with self.record.database.connection() as db:
            rows = await db.fetch(
                "SELECT c.struck FROM journey.units AS u JOIN journey.changes AS c ON c.unit = u.unit"
                " WHERE u.position = $1 AND c.struck IS NOT NULL",
                position,
            )
        return [one for row in rows for one in orjson.loads(row[0])]

    async def ids(self) -> AsyncIterator[list[str]]:
        """All ids of persons that the record knows of, some at a time."""
        last = ""
        while True:
            async with self.record.database.connection() as db:
                rows = await db.fetch(
                    "SELECT key FROM journey.subjects WHERE key > $1 AND person IS NOT NULL ORDER BY key LIMIT $2",
                    last,
                    PERSONS_PER_QUERY_MAX,
                )
            if not rows:
                return
            last = rows[-1][0]
            yield [id for (id,) in rows]

    async def stages(self, persons: Sequence[str]) -> dict[str, tuple[str, Instant]]:
        """The stage of each of `persons` now, by the deadlines that are announced, and since when; who is no more is not in it.

        Not as of a position: a relay that takes over may tell again of one after which others were told, and what it tells is to be the
        last word about a person all the same.
        """
        async with self.record.database.connection() as db:
            rows = await db.fetch(_STANDING, list(persons))
        found: dict[str, tuple[str, Instant]] = {}
        for subject, body, mark in rows:
            # Three fields of a journey: to read it as one takes twenty times as long.
            journey = orjson.loads(body)
            found[subject] = (journey["stage"], journey["entered_at"])
            outlook = journey["outlook"]
            for values in outlook[_AHEAD] if outlook is not None else ():
                fact = ahead_of(values)
                if mark is not None and fact.at <= mark and isinstance(fact, StageEntered):
                    found[subject] = (fact.stage, fact.at)
        return found
