"""What the record has committed, told to others: changes in unit order, stage transitions with their sign, and who is at which stage.

Reads the record from the last position that it told, and marks it only when Kafka has acknowledged all of it. Told again after a crash,
a message is the same, byte for byte, and no two of a unit are: whoever reads leaves out what it had of a position already. A transition
by a touchpoint is told once it is placed, one by a deadline once it has struck, which is when the record's mark has passed it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Protocol

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from journey import integers
from journey.facts import KINDS, Outlook, StageEntered, Strike, from_row
from journey.instants import Instant, iso
from streams.kafka.client import meaning
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.ports import Change, FactRow, Outbox

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
    async def rebuilt_at(self, position: int) -> int: ...
    async def stages(self, persons: Sequence[str], mark: Instant | None) -> dict[str, tuple[str, Instant]]: ...
    def ids(self) -> AsyncIterator[list[str]]: ...


class Relay:
    """One relay at a time tells what is new: `step` is called again and again."""

    def __init__(self, settings: KafkaSettings, record: Committed, announced: Announced, producer: AIOKafkaProducer) -> None:
        self._topics = Topics(settings)
        self._bootstrap = settings.bootstrap
        self._record = record
        self._announced = announced
        self._producer = producer
        self._since = 0
        """The position of the last unit that derived everything anew: what was told before it is void."""
        self._at = -1
        """The position that was told last, by this one. Others may have been the relay since."""

    async def step(self) -> int:
        """Tell all that is new. Returns how many units that was. Raises Away."""
        units = 0
        try:
            async for change in self._record.changes(await self._record.published()):
                # A send returns once the message is in a buffer; what it returns is done, or fails, once the brokers have it or won't.
                for sent in [await self._producer.send(*message) for message in await self._messages(change)]:
                    await sent
                if change.last:
                    await self._record.mark_published(change.position)
                    units += 1
        except KafkaError as error:
            raise meaning(error, self._bootstrap) from error
        if units:
            await self._record.prune_changes(CHANGES_KEPT)
        return units

    async def _messages(self, change: Change) -> list[Message]:
        facts = [_plain(fact) for fact in change.facts]
        told = {"position": change.position, "rebuilt": change.rebuilt, "last": change.last, "facts": facts}
        messages: list[Message] = [(self._topics.changes, orjson.dumps(told), str(change.position).encode())]
        mark = await self._announced.mark(change.position)
        if change.rebuilt:
            self._since = change.position
        elif not self._at <= change.position <= self._at + 1:
            self._since = await self._announced.rebuilt_at(change.position)
        self._at = change.position
        moved: dict[str, None] = {}
        for transition in self._transitions(change, mark, await self._announced.struck(change.position)):
            moved[transition["person"]] = None
            transition["since"] = self._since
            messages.append((self._topics.transitions, orjson.dumps(transition), transition["person"].encode()))
        messages += await self._stages(change.position, list(moved), mark)
        if change.rebuilt and change.last:
            messages += [message async for message in self._nowhere(mark)]
        return messages

    def _transitions(self, change: Change, mark: Instant | None, struck: list[list[Any]]) -> Iterator[dict[str, Any]]:
        """Stage transitions, as others read them: `count` is 1 for one that holds, -1 for one that no longer does.

        Those of deadlines up to `mark`, and those that the unit itself announces.
        """
        strikes: Counter[tuple[str, Strike]] = Counter()
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
                        if mark is not None and strike.at <= mark:
                            strikes[fact.person, strike] += count
                case _:
                    pass
        strikes.update((person, Strike(*values)) for person, *values in struck)
        for (person, strike), count in strikes.items():
            # Most are taken back and asserted again: nothing to tell.
            if count and strike.cycle == 0:
                yield _strike(change.position, count, person, strike)

    async def _stages(self, position: int, persons: list[str], mark: Instant | None) -> list[Message]:
        """Where everyone stands whose stage changed; nothing, a tombstone, for who is no more."""
        now = await self._announced.stages(persons, mark) if persons else {}
        messages: list[Message] = []
        for person in persons:
            stage, since = now.get(person, ("", 0))
            value = orjson.dumps({"person": person, "stage": stage, "entered_at": iso(since), "position": position}) if stage else None
            messages.append((self._topics.stages, value, person.encode()))
        return messages

    async def _nowhere(self, mark: Instant | None) -> AsyncIterator[Message]:
        """A tombstone for every id that stands nowhere now that all was derived anew: it may have stood somewhere before."""
        async for ids in self._announced.ids():
            now = await self._announced.stages(ids, mark)
            for id in ids:
                if not now.get(id, ("", 0))[0]:
                    yield self._topics.stages, None, id.encode()


def _plain(fact: FactRow) -> FactRow:
    """`fact` with its amount as decimal text where it is one that a reader may round."""
    place = _AMOUNTS.get(fact[0])
    if place is None or fact[place] == (amount := integers.plain(fact[place])):
        return fact
    return [*fact[:place], amount, *fact[place + 1 :]]


_AMOUNTS = {name: 2 + kind._fields.index("amount_minor") for name, kind in KINDS.items() if "amount_minor" in kind._fields}
"""Where the amount stands in a fact as plain values, by kind."""


def _strike(position: int, count: int, person: str, strike: Strike) -> dict[str, Any]:
    return _told(position, count, person, strike.name, strike.left, strike.at, strike.nth, strike.rule) | {"because": []}


def _told(position: int, count: int, person: str, stage: str, left: str, at: Instant, nth: int, rule: str) -> dict[str, Any]:
    return {"position": position, "count": count, "person": person, "stage": stage, "left": left, "at": iso(at), "nth": nth, "rule": rule}
