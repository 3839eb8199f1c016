"""What the record has committed, told to others: changes in unit order, stage transitions with their sign, and who is at which stage.

Reads the record from the last position that it told, and marks it only when Kafka has acknowledged all of it. Told again after a crash,
a message has the same key and position, so that whoever reads can leave it out. Told is what is dated up to the record's mark.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Protocol

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from journey.facts import Outlook, StageEntered, Strike, from_row
from journey.instants import Instant, iso
from streams.kafka.client import meaning
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.ports import Change, Outbox

CHANGES_KEPT = 10_000
"""Units whose changes stay in the record after they were told, for read stores that are behind."""

Message = tuple[str, bytes | None, bytes]


class Committed(Outbox, Protocol):
    """The record's changes, as they are to be told."""

    def changes(self, after: int) -> AsyncIterator[Change]: ...


class Announced(Protocol):
    """What is announced of deadlines, and where people stand."""

    async def mark(self, position: int | None = None) -> Instant | None: ...
    async def struck(self, position: int) -> list[list[Any]]: ...
    async def stages(self, persons: Sequence[str], mark: Instant | None) -> dict[str, tuple[str, Instant]]: ...


class Relay:
    """One relay at a time tells what is new: `step` is called again and again."""

    def __init__(self, settings: KafkaSettings, record: Committed, announced: Announced, producer: AIOKafkaProducer) -> None:
        self._topics = Topics(settings)
        self._bootstrap = settings.bootstrap
        self._record = record
        self._announced = announced
        self._producer = producer

    async def step(self) -> int:
        """Tell all that is new. Returns how many units that was. Raises Away."""
        units = 0
        try:
            async for change in self._record.changes(await self._record.published()):
                for message in await self._messages(change):
                    await self._producer.send(*message)
                if change.last:
                    await self._producer.flush()
                    await self._record.mark_published(change.position)
                    units += 1
        except KafkaError as error:
            raise meaning(error, self._bootstrap) from error
        if units:
            await self._record.prune_changes(CHANGES_KEPT)
        return units

    async def _messages(self, change: Change) -> list[Message]:
        told = {"position": change.position, "rebuilt": change.rebuilt, "last": change.last, "facts": change.facts}
        messages: list[Message] = [(self._topics.changes, orjson.dumps(told), str(change.position).encode())]
        mark = await self._announced.mark(change.position)
        moved: dict[str, None] = {}
        for transition in self._transitions(change, mark, await self._announced.struck(change.position)):
            moved[transition["person"]] = None
            messages.append((self._topics.transitions, orjson.dumps(transition), transition["person"].encode()))
        return messages + await self._stages(change.position, list(moved), mark)

    def _transitions(self, change: Change, mark: Instant | None, struck: list[list[Any]]) -> Iterator[dict[str, Any]]:
        """Stage transitions dated up to `mark`, as others read them: `count` is 1 for one that holds, -1 for one that no longer does."""
        for plain in change.facts:
            if plain[0] not in ("stage_entered", "outlook"):
                continue
            fact, count = from_row(plain)
            match fact:
                case StageEntered():
                    told = _told(change.position, count, fact.person, fact.stage, fact.left, fact.at, fact.nth, fact.rule)
                    told["because"] = [{"source": source, "id": id, "subject": subject} for source, id, subject in fact.because]
                    yield told
                case Outlook():
                    for strike in fact.strikes:
                        if mark is not None and strike.at <= mark and strike.cycle == 0:
                            yield _strike(change.position, count, fact.person, strike)
                case _:
                    pass
        for person, *values in struck:
            strike = Strike(*values)
            if strike.cycle == 0:
                yield _strike(change.position, 1, person, strike)

    async def _stages(self, position: int, persons: list[str], mark: Instant | None) -> list[Message]:
        """Where everyone stands whose stage changed; nothing, a tombstone, for who is no more."""
        now = await self._announced.stages(persons, mark) if persons else {}
        messages: list[Message] = []
        for person in persons:
            stage, since = now.get(person, ("", 0))
            value = orjson.dumps({"person": person, "stage": stage, "entered_at": iso(since), "position": position}) if stage else None
            messages.append((self._topics.stages, value, person.encode()))
        return messages


def _strike(position: int, count: int, person: str, strike: Strike) -> dict[str, Any]:
    return _told(position, count, person, strike.name, strike.left, strike.at, strike.nth, strike.rule) | {"because": []}


def _told(position: int, count: int, person: str, stage: str, left: str, at: Instant, nth: int, rule: str) -> dict[str, Any]:
    return {"position": position, "count": count, "person": person, "stage": stage, "left": left, "at": iso(at), "nth": nth, "rule": rule}
