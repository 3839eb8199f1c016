"""What the record behind a server has."""

from typing import Any, NamedTuple

import orjson

from app.engine.ports import Engine
from app.server.served import ServedFolder
from journey.instants import Instant

LETTERS_MAX = 1_000


class Kept(NamedTuple):
    source: str
    id: str
    subject: str
    type: str
    at: Instant
    data: dict[str, Any]


async def touchpoints(served: ServedFolder) -> dict[str, Kept]:
    """All touchpoints by id, each at the earliest time that it was said to have happened; once all that was published is placed."""

    async def look(engine: Engine) -> list[tuple[Any, ...]]:
        asked = "SELECT source, id, subject, MIN(occurred_at), body FROM touchpoints GROUP BY source, id, subject, digest"
        return engine.record.db.execute(asked).fetchall()  # type: ignore[attr-defined]  # it is SQLite's

    found: dict[str, Kept] = {}
    for source, id, subject, at, body in await served.change(look):
        assert id not in found, f"{id} is in the record twice"
        event = orjson.loads(body)
        found[id] = Kept(source, id, subject, event["type"], at, event["data"])
    return found


async def letters(served: ServedFolder) -> list[tuple[str, bytes]]:
    """Where each dead letter came from, and its bytes, in the order in which they came."""

    async def look(engine: Engine) -> list[tuple[str, bytes]]:
        kept = await engine.desk.kept(after=0, limit=LETTERS_MAX)
        shown = [await engine.desk.show(one.number) for one in kept]
        return [(one.kept.place, one.raw) for one in shown if one is not None]

    return await served.change(look)
