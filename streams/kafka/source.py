"""Batches from the topic of touchpoints, from where the record stands. Nothing rests on offsets of Kafka's own.

A rebalance only marks that everything has to be read anew: aiokafka swallows what is raised in its callbacks, so no work is done there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from math import ceil

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from journey.errors import Refused
from streams.kafka.client import meaning
from streams.kafka.large import LargeBatch, LargeReading, weight_of
from streams.kafka.log import recorded
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics, topic_id
from streams.placement import UNIT_BYTES_MAX, UNIT_RECORDS_MAX
from streams.units import Recorded

FETCH_WAIT_MS = 10
"""How long the broker may hold a fetch that finds nothing. One node answers one fetch at a time, so a longer wait is latency for all."""

QUIET_WAIT_MS = 100
"""The same where nothing came for POLL_MS: all partitions are in that fetch, so what comes first in any of them is answered at once."""

FETCH_BYTES_MAX = 8 * 1024 * 1024
"""Of one partition, at a time."""

FETCH_OF_ALL_BYTES_MAX = 16 * 1024 * 1024
"""Of all partitions of a broker, at a time."""

READING_SECONDS_MAX = 5.0
"""How long records are taken from batches that take their time before those that were found are placed."""

POLL_MS = 200
SESSION_MS = 6_000
HEARTBEAT_MS = 1_500
REBALANCE_MS = 10_000
METADATA_MS = 10_000
"""After this, partitions that were added and a topic that was made anew are noticed."""

QUIET_SECONDS = 5.0
"""After so long without a record it is asked whether the broker is there: aiokafka tries again and again, and says nothing."""

DECODED_AT_ONCE = 50
"""Records that are decoded before other tasks get their turn: half a millisecond. The record's answers to the batch that is being placed
are not to be kept waiting."""


@dataclass(slots=True)
class RecordBatch:
    """Records of some partitions, and where the record has to stand in each for them to come next."""

    epoch: int
    records: list[Recorded] = field(default_factory=list)
    after: dict[int, int] = field(default_factory=dict)


class Source(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Hands out batches of the partitions that are this worker's. `instance` makes its membership static: a restart is no rebalance."""

    def __init__(self, settings: KafkaSettings, instance: str, topic_id: str, offsets: Callable[[], Awaitable[dict[int, int]]]) -> None:
        self.settings = settings
        self.topic_id = topic_id
        self.topic = Topics(settings).touchpoints
        self.epoch = 0
        self._offsets = offsets
        self._reset = True
        self._next_after: dict[int, int] = {}
        self._read_to: dict[int, int] = {}
        """Where the client stands, by partition: beyond the last record by what is none, such as the marks of transactions."""
        self._large: dict[TopicPartition, LargeReading] = {}
        """Large batches in the middle of which we are: the client stands beyond them."""
        self._turn = 0
        self._instance = instance
        self._heard_at = time.monotonic()
        self.looked_at = time.monotonic()
        """When it last looked for records, found or not."""
        self._has_asked = False
        """Whether it has asked for partitions once more, since it was given none."""
        self.found_nothing = False
        """Whether there was none to be found, since it last began where the record stands."""

    async def start(self) -> None:
        """Join the group. Raises Away, Refused; may then be tried again."""
        self._consumer = AIOKafkaConsumer(
            **self.settings.connection(),
            group_id=self.settings.placement_group,
            group_instance_id=self._instance,
            enable_auto_commit=False,
            # Offsets that retention has taken away are a loss to be told, not to be skipped over.
            auto_offset_reset="none",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            max_poll_interval_ms=600_000,
            metadata_max_age_ms=METADATA_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            # What a transaction of the sender's took back was never sent.
            isolation_level="read_committed",
            # Of records that are larger than this, one is fetched at a time.
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_bytes=FETCH_OF_ALL_BYTES_MAX,
        )
        self._consumer.subscribe([self.topic], listener=self)
        try:
            await self._consumer.start()
        except KafkaError as error:
            # One that could not be started can't be started again: the next try makes another.
            await self._consumer.stop()
            raise meaning(error, self.settings.bootstrap) from error

    async def stop(self) -> None:
        try:
            await self._consumer.stop()
        except asyncio.CancelledError:
            # It lets out that it has cancelled a fetch of its own, where the broker is away.
            if (task := asyncio.current_task()) and task.cancelling():
                raise

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Only note it: see the module."""
        self.again()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Only note it: see the module."""
        self.again()

    def again(self) -> None:
        """Read everything anew from where the record stands. Batches handed out before are of an older epoch."""
        self.epoch += 1
        self._reset = True
        self.found_nothing = False

    async def check(self) -> None:
        """Raises Away where what is fetched, or where the record stands, could not be read now; Refused as `next` does."""
        await self._check_topic()
        await self._offsets()

    async def next(self) -> RecordBatch:
        """The next records, in order within each partition. Waits for some. Raises Away, Refused."""
        while True:
            self.looked_at = time.monotonic()
            if self._reset:
                await self._seek()
                continue
            epoch = self.epoch
            places = [place for place in self._consumer.assignment() if place.partition in self._next_after]
            if not places:
                await asyncio.sleep(POLL_MS / 1000)
                if await self._check_quiet() and not self._has_asked:
                    # Kafka gives a returning static member its old partitions, which may be none, without asking us. Its topic may be
                    # back as well.
                    self._has_asked = True
                    self._consumer.subscribe([self.topic], listener=self)
                continue
            try:
                found = await self._fetch(places)
                async with asyncio.timeout(POLL_MS / 1000):
                    for place in places:
                        self._read_to[place.partition] = await self._consumer.position(place)
            except (NoOffsetForPartitionError, TimeoutError):
                # Assigned a moment ago: nobody has told the client yet where to read, and it waits for that, for ever.
                self.again()
                continue
            except OffsetOutOfRangeError as error:
                why = (
                    "its retention is shorter than the time without a worker, and what it took is lost; docs/operating.md has how to go on"
                )
                raise Refused(f"Kafka no longer holds what comes next in {await self._gone(error)}: {why}") from error
            except IllegalStateError:
                # Taken away from us meanwhile.
                self.again()
                continue
            except KafkaError as error:
                raise meaning(error, self.settings.bootstrap) from error
            # aiokafka asks for it with each fetch, and has no way to say so but when it is made.
            self._consumer._fetcher._fetch_max_wait_ms = FETCH_WAIT_MS if found else QUIET_WAIT_MS
            if not found:
                self.found_nothing = epoch == self.epoch
                await self._check_quiet()
                continue
            self._heard_at = time.monotonic()
            if epoch != self.epoch:
                continue
            batch = RecordBatch(epoch)
            for place, records in found.items():
                batch.after[place.partition] = self._next_after[place.partition]
                for start in range(0, len(records), DECODED_AT_ONCE):
                    batch.records.extend([recorded(record, is_decoded=True) for record in records[start : start + DECODED_AT_ONCE]])
                    await asyncio.sleep(0)
                self._next_after[place.partition] = records[-1].offset
            if epoch == self.epoch:
                return batch

    async def _fetch(self, places: list[TopicPartition]) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Up to UNIT_RECORDS_MAX records and UNIT_BYTES_MAX, and of a backlog from each partition its share of what waits.

        So all partitions come to their ends together, and what happened at one time is placed at about one time: what is read partition
        by partition comes late to everybody who has ids or deals in several, and what comes late is derived again.
        """
        waiting = {place: self._waiting(place) for place in places}
        backlog = sum(waiting.values())
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        if not self._large:
            # Waits for the first that comes, of any of them.
            for place, records in (await self._consumer.getmany(*places, timeout_ms=POLL_MS, max_records=1)).items():
                found[place] = self._opened(place, records)
            if not found:
                return found
        until = time.monotonic() + READING_SECONDS_MAX
        records_left, bytes_left = UNIT_RECORDS_MAX, UNIT_BYTES_MAX
        # Where a few are as much as a unit may have, each partition is the first in its turn.
        self._turn += 1
        for place in [*places[self._turn % len(places) :], *places[: self._turn % len(places)]]:
            share = 1.0 if backlog <= UNIT_RECORDS_MAX else waiting[place] / backlog
            records_max, bytes_max = min(records_left, ceil(UNIT_RECORDS_MAX * share)), min(bytes_left, ceil(UNIT_BYTES_MAX * share))
            taken = found.setdefault(place, [])
            taken += await self._take(place, records_max - len(taken), bytes_max, until)
            records_left -= len(taken)
            bytes_left -= sum(map(weight_of, taken))
        return {place: records for place, records in found.items() if records}

    async def _take(self, place: TopicPartition, records_max: int, bytes_max: int, until: float) -> list[ConsumerRecord]:
        """What comes next in a partition, and is here: up to one of the bounds."""
        taken: list[ConsumerRecord] = []
        weight = 0
        while len(taken) < records_max and weight < bytes_max:
            if (large := self._large.get(place)) is not None:
                if (seconds := until - time.monotonic()) <= 0:
                    break
                some = await asyncio.to_thread(large.cut, records_max - len(taken), bytes_max - weight, seconds)
                self.looked_at = time.monotonic()
                if large.is_done:
                    del self._large[place]
            else:
                got = await self._consumer.getmany(place, timeout_ms=0, max_records=records_max - len(taken))
                if not got:
                    break
                some = self._opened(place, got[place])
            taken += some
            weight += sum(map(weight_of, some))
        return taken

    def _opened(self, place: TopicPartition, records: list[ConsumerRecord]) -> list[ConsumerRecord]:
        """`records` without the large batch that may come last, which is read from now on."""
        if type(records[-1].value) is LargeBatch:
            self._large[place] = LargeReading(records.pop(), self._next_after[place.partition])
        return records

    async def _check_quiet(self) -> bool:
        """Where nothing has come for QUIET_SECONDS, see whether the broker is there. Returns whether it was so. Raises Away, Refused."""
        if time.monotonic() - self._heard_at <= QUIET_SECONDS:
            return False
        await self._check_topic()
        self._heard_at = time.monotonic()
        return True

    async def _check_topic(self) -> None:
        if await topic_id(self.settings) != self.topic_id:
            # By the old offsets, what is new would be skipped.
            raise Refused(f"the topic {self.topic} was deleted and made anew; a worker that is started now reads it from its beginning")

    async def _seek(self) -> None:
        """Go to where the record stands, in every partition that is ours. Raises Away, Refused."""
        epoch, assigned = self.epoch, self._consumer.assignment()
        self._next_after = {}
        self._large = {}
        if assigned:
            self._has_asked = False
            await self._check_topic()
        stored = await self._offsets()
        fresh = [place for place in assigned if place.partition not in stored]
        try:
            first = await self._consumer.beginning_offsets(fresh) if fresh else {}
        except KafkaError as error:
            raise meaning(error, self.settings.bootstrap) from error
        if epoch != self.epoch:
            return
        for place in assigned:
            after = stored.get(place.partition, -1)
            self._read_to[place.partition] = after + 1 if place.partition in stored else first[place]
            try:
                self._consumer.seek(place, self._read_to[place.partition])
            except IllegalStateError:
                # Taken away from us, and we are about to be told.
                return
            self._next_after[place.partition] = after
        self._reset = False

    async def _gone(self, error: OffsetOutOfRangeError) -> str:
        (asked, *_) = error.args
        try:
            first = await self._consumer.beginning_offsets(list(asked))
        except KafkaError:
            first = {}
        told = []
        for place, offset in sorted(asked.items()):
            there = f" (the first that is there: {first[place]})" if place in first else ""
            told.append(f"{place.topic}[{place.partition}] from offset {offset}{there}")
        return ", ".join(told)

    def lag(self) -> int:
        """Records that are known to wait in our partitions."""
        return sum(self.waiting().values())

    def waiting(self) -> dict[int, int]:
        """Those, by partition."""
        places = [place for place in self._consumer.assignment() if place.partition in self._next_after]
        return {place.partition: self._waiting(place, unknown=0) for place in places}

    def _waiting(self, place: TopicPartition, *, unknown: int = UNIT_RECORDS_MAX) -> int:
        """How many records wait in a partition; `unknown` before its first fetch has told."""
        try:
            # What an open transaction of a sender's holds back does not wait for us.
            end = self._consumer.last_stable_offset(place)
        except AssertionError:
            # Taken away from us meanwhile: the watchdog looks from a thread of its own.
            return 0
        if (large := self._large.get(place)) is not None:
            return max(1, int(large.last) - self._next_after.get(place.partition, -1))
        return unknown if end is None else max(0, end - self._read_to[place.partition])
