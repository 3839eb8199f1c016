"""What the record has committed, told to others: changes in unit order, stage transitions with their sign, and who is at which stage.

Reads the record from the last position that it told, and marks it only when Kafka has committed all of it. Told again after a crash,
a transition is the same, byte for byte, and no two of a unit are: whoever reads leaves out what it had of a position already. One by a
touchpoint is told once it is placed, one by a deadline once it has struck, which is when the record's mark has passed it.

Whoever takes over fences those before it: `docs/decisions/0059-the-relay-is-fenced.md`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import orjson
from aiokafka.errors import IllegalOperation, KafkaError

from journey import integers
from journey.errors import Away
from journey.facts import KINDS, StageEntered
from journey.instants import Instant, iso
from streams.kafka.client import is_fenced, meaning, only_producer
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.ports import Outbox, Pruned
from streams.transitions import net
from streams.units import Change, FactRow

CHANGES_KEPT = 10_000
"""Units whose changes stay in the record after they were told, for read stores that are behind."""

MESSAGES_PER_TRANSACTION_MAX = 5_000
"""And beyond them those of the same unit, but for one that derives everything anew."""

TAKEN_OVER = "another has taken over, or Kafka has taken back what took too long"

POSITION = "journey_position"
"""The header that says what a message is of, tombstones included."""


class RelayMessage(NamedTuple):
    topic: str
    value: bytes | None
    key: bytes
    position: int


class Committed(Outbox, Protocol):
    """The record's changes, as they are to be told."""

    def changes(self, after: int) -> AsyncIterator[Change]: ...


class AnnouncedMoves(Protocol):
    """What is announced of deadlines, and where people stand."""

    async def mark(self, position: int | None = None) -> Instant | None: ...
    async def struck(self, position: int) -> list[list[Any]]: ...
    async def rebuilt_at(self, position: int) -> int: ...
    async def stages(self, persons: Sequence[str]) -> dict[str, tuple[str, Instant]]: ...
    def ids(self) -> AsyncIterator[list[str]]: ...


class Sender(Protocol):
    """See `AIOKafkaProducer`."""

    async def begin_transaction(self) -> None: ...
    async def send(self, topic: str, value: bytes | None, key: bytes, *, headers: list[tuple[str, bytes]]) -> "asyncio.Future[Any]": ...
    async def commit_transaction(self) -> None: ...


@asynccontextmanager
async def telling(settings: KafkaSettings, record: Committed, announced: AnnouncedMoves) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """The relay from now on: gives its `step`, which ends for good with the first error. Whoever was it before can tell nothing more.

    Raises Away, Refused.
    """
    async with only_producer(settings, f"{settings.prefix}.relay") as producer:
        yield Relay(settings, record, announced, producer).step


class Relay:
    """One relay at a time tells what is new: `step` is called again and again, until it fails. `sender` is new as well: what it told is
    what was read since Kafka takes nothing from those before.
    """

    def __init__(self, settings: KafkaSettings, record: Committed, announced: AnnouncedMoves, sender: Sender) -> None:
        self._topics = Topics(settings)
        self._bootstrap = settings.bootstrap
        self._record = record
        self._announced = announced
        self._sender = sender
        self._sent: list[asyncio.Future[Any]] = []
        """In the transaction that is open; there is none where this is empty."""
        self._since: int | None = None
        """The position of the last unit that derived everything anew: what was told before it is void."""

    async def step(self) -> int:
        """Tell all that is new. Returns how many units that was. Raises Away, Refused."""
        try:
            units = await self._tell()
        except (KafkaError, IllegalOperation) as error:
            raise self._meaning(error) from error
        except Pruned as error:
            # Only what is told is pruned.
            raise Away(TAKEN_OVER) from error
        finally:
            # Of what has failed asyncio would log each, with a traceback.
            for sent in self._sent:
                sent.add_done_callback(_heard)
        if units:
            await self._record.prune_changes(CHANGES_KEPT)
        return units

    def _meaning(self, error: Exception) -> Exception:
        # Of a transaction that has failed aiokafka says only that there is none; why, it says of what was sent.
        failed = [sent.exception() for sent in self._sent if sent.done() and not sent.cancelled()]
        why = next((one for one in failed if one is not None), error)
        if is_fenced(why):
            return Away(TAKEN_OVER)
        return meaning(why, self._bootstrap) if isinstance(why, KafkaError) else error

    async def _tell(self) -> int:
        units, whole = 0, 0
        async for change in self._record.changes(await self._record.published()):
            # All that a unit tells is sent in one go: Kafka is asked once to let the partitions into the transaction.
            for message in await self._messages(change):
                await self._send(message)
            if change.rebuilt and change.last:
                async for message in self._nowhere(change.position):
                    await self._send(message)
                    if len(self._sent) >= MESSAGES_PER_TRANSACTION_MAX:
                        await self._commit(whole)
            if change.last:
                units, whole = units + 1, change.position
            if len(self._sent) >= MESSAGES_PER_TRANSACTION_MAX:
                await self._commit(whole)
        await self._commit(whole)
        return units

    async def _send(self, message: RelayMessage) -> None:
        if not self._sent:
            await self._sender.begin_transaction()
        topic, value, key, position = message
        # Returns once it is in a buffer; what it returns is done, or fails, once the brokers have it or won't.
        self._sent.append(await self._sender.send(topic, value, key, headers=[(POSITION, b"%d" % position)]))

    async def _commit(self, whole: int) -> None:
        """What was sent is told from now on; `whole` is the last unit of which all is."""
        if not self._sent:
            return
        # aiokafka would commit without what has failed.
        await asyncio.wait(self._sent)
        for sent in self._sent:
            sent.result()
        await self._sender.commit_transaction()
        self._sent.clear()
        await self._record.mark_published(whole)

    async def _messages(self, change: Change) -> list[RelayMessage]:
        position = change.position
        facts = [_plain(fact) for fact in change.facts]
        told = {"position": position, "rebuilt": change.rebuilt, "last": change.last, "facts": facts}
        messages = [RelayMessage(self._topics.changes, orjson.dumps(told), str(position).encode(), position)]
        mark = await self._announced.mark(position)
        if change.rebuilt:
            self._since = position
        elif self._since is None:
            self._since = await self._announced.rebuilt_at(position)
        moved: dict[str, None] = {}
        for transition in self._transitions(change, mark, await self._announced.struck(position)):
            moved[transition["person"]] = None
            transition["since"] = self._since
            messages.append(RelayMessage(self._topics.transitions, orjson.dumps(transition), transition["person"].encode(), position))
        return messages + await self._stages(position, list(moved))

    def _transitions(self, change: Change, mark: Instant | None, struck: list[list[Any]]) -> Iterator[dict[str, Any]]:
        """Stage transitions, as others read them: `count` is 1 for one that holds, -1 for one that no longer does.

        Those of deadlines up to `mark`, and those that the unit itself announces.
        """
        for one, count in net(change.facts, (StageEntered,), mark, struck).items():
            assert isinstance(one, StageEntered), "no others were asked for"
            yield _told(change.position, count, one)

    async def _stages(self, position: int, persons: list[str]) -> list[RelayMessage]:
        """Where everyone stands whose stage changed; nothing, a tombstone, for who is no more."""
        now = await self._announced.stages(persons) if persons else {}
        messages: list[RelayMessage] = []
        for person in persons:
            stage, since = now.get(person, ("", 0))
            value = orjson.dumps({"person": person, "stage": stage, "entered_at": iso(since), "position": position}) if stage else None
            messages.append(RelayMessage(self._topics.stages, value, person.encode(), position))
        return messages

    async def _nowhere(self, position: int) -> AsyncIterator[RelayMessage]:
        """A tombstone for every id that stands nowhere now that all was derived anew: it may have stood somewhere before."""
        async for ids in self._announced.ids():
            now = await self._announced.stages(ids)
            for id in ids:
                if not now.get(id, ("", 0))[0]:
                    yield RelayMessage(self._topics.stages, None, id.encode(), position)


def _heard(sent: "asyncio.Future[Any]") -> None:
    if not sent.cancelled():
        sent.exception()


def _plain(fact: FactRow) -> FactRow:
    """`fact` with its amounts as decimal text where they are such that a reader may round."""
    places = [place for place in _AMOUNTS.get(fact[0], ()) if place < len(fact)]
    if all(fact[place] == integers.plain(fact[place]) for place in places):
        return fact
    return [integers.plain(value) if place in places else value for place, value in enumerate(fact)]


_AMOUNTS = {name: tuple(2 + place for place, field in enumerate(kind._fields) if field.endswith("_minor")) for name, kind in KINDS.items()}
"""Where amounts stand in a fact as plain values, by kind."""


def _told(position: int, count: int, fact: StageEntered) -> dict[str, Any]:
    return {
        "position": position, "count": count, "person": fact.person, "stage": fact.stage, "left": fact.left_stage, "at": iso(fact.at),
        "nth": fact.nth, "rule": fact.rule,
        "because": [{"source": source, "id": id, "subject": subject} for source, id, subject in fact.because],
    }  # fmt: skip
