"""What somebody knows who follows our topics as `docs/distributed.md` says, and what there is to be known by the record."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from journey.facts import Outlook, StageEntered, from_row
from journey.instants import iso
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.record import PostgresRecord

Entry = tuple[Any, ...]
"""(person, stage, left, at, nth, rule)"""


class Told(NamedTuple):
    key: bytes
    value: bytes | None
    position: int
    """As its header says."""


def summed(messages: Iterable[Told]) -> Counter[Entry]:
    """The stage entries that hold, by the transitions of one partition."""
    position = since = 0
    here = set[bytes]()
    found: Counter[Entry] = Counter()
    for message in messages:
        if message.position > position:
            position, here = message.position, set()
        if message.position < position or message.value is None or message.value in here:
            continue
        here.add(message.value)
        one = orjson.loads(message.value)
        if one["since"] > since:
            since = one["since"]
            found.clear()
        found[one["person"], one["stage"], one["left"], one["at"], one["nth"], one["rule"]] += one["count"]
    return Counter({entry: count for entry, count in found.items() if count})


def stands(messages: Iterable[Told], *, is_careful: bool = False) -> dict[str, str]:
    """Who is at which stage by the last message of each; or by the last one that says no older position than those before it."""
    last: dict[bytes, Told] = {}
    for message in messages:
        if not (is_careful and message.key in last and message.position < last[message.key].position):
            last[message.key] = message
    return {one.key.decode(): orjson.loads(one.value)["stage"] for one in last.values() if one.value is not None}


async def entries(record: PostgresRecord, announcements: PostgresAnnouncements) -> Counter[Entry]:
    """The stage entries that the facts hold, of deadlines those up to the mark."""
    mark = await announcements.mark()
    total: Counter[Entry] = Counter()
    anew = 0
    async for change in record.changes(0):
        if change.rebuilt and change.position != anew:
            anew = change.position
            total.clear()
        for row in change.facts:
            if row[0] not in ("stage_entered", "outlook"):
                continue
            fact, count = from_row(row)
            if isinstance(fact, StageEntered):
                total[fact.person, fact.stage, fact.left_stage, iso(fact.at), fact.nth, fact.rule] += count
            elif isinstance(fact, Outlook):
                for one in fact.strikes:
                    if isinstance(one, StageEntered) and mark is not None and one.at <= mark:
                        total[fact.person, one.stage, one.left_stage, iso(one.at), one.nth, one.rule] += count
    return Counter({entry: count for entry, count in total.items() if count})
