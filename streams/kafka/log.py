"""The topic of touchpoints: how records are published to it, and what a record of it is to us."""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from journey.errors import Refused
from journey.instants import Instant
from journey.tuples import new
from schemas.cloudevents import as_sent, from_headers, is_of_events
from schemas.decode import Decoded, Unreadable
from schemas.incoming import Incoming, WholeRecord
from streams.arrivals import TOO_LARGE, decoded_of
from streams.kafka.client import ENVELOPE_BYTES_MAX, meaning, producer
from streams.kafka.large import OURS, RECORD_BYTES_MAX, Cut, LargeBatch, LargeReading, weight_of
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.placement import UNIT_BYTES_MAX
from streams.units import Recorded

SOURCE, PLACE, RAW, REASON, LETTER = "journey_source", "journey_place", "journey_raw", "journey_reason", "journey_letter"
"""Headers of what `ingest` publishes: which file a record came from and what stood there, so that a dead letter says so; and of what is
sent again: the id of the dead letter that it is sent for, which counts only where that letter is here and goes in so."""

MEANT = "journey_meant"
"""What is known of what a record was meant to be that nothing could be made of: see `schemas.intended`."""

LENGTH, SHA256 = "journey_length", "journey_sha256"
"""Of what was too large to be kept: how many bytes it has, and their hash; the value is its beginning."""

IMPORT = "journey_import"
"""The id of the import that it came in with: a record whose import was retracted is nothing."""

TRACE = "traceparent"
"""The trace that a record came about in, as the W3C writes it: for traces only, and no part of what it says."""

READ_MS_MAX = 500

NAME_LENGTH_MAX = 512
"""Of what a header says of where a record came from: more is left out, and a mark says so."""

_LETTER = re.compile(rb"[0-9a-f]{64}")
_TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_IMPORT = re.compile(rb"[1-9][0-9]{0,17}")


def recorded(record: ConsumerRecord, *, is_decoded: bool = False) -> Recorded:
    """A record of the topic as placement sees it: bytes in either mode of CloudEvents, or the reason why they are none.

    An error of ours is not raised here: placement meets it at that record, and says which it is, or leaves it out where it was set aside.
    """
    decoded: Decoded | Exception | None = None
    try:
        incoming = _incoming(record)
        if is_decoded:
            decoded = decoded_of(incoming)
    except Exception as error:
        incoming, decoded = Incoming(record.value or b"", record.topic, _place(record)), error
    trace = _trace(record.headers) if record.headers else None
    made: Recorded = new(Recorded, (record.partition, record.offset, record.timestamp * 1000, incoming, decoded, trace))
    return made


def _trace(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    for name, text in headers:
        if name == TRACE:
            return text.decode() if text is not None and _TRACE.fullmatch(text) else None
    return None


def _incoming(record: ConsumerRecord) -> Incoming:
    if not record.headers and record.value and type(record.value) is not Cut:
        # Any client that knows nothing of headers: nearly all that comes.
        made: Incoming = new(Incoming, (record.value, record.topic, _place(record), None, None, None, None, None, None, None, None))
        return made
    value = record.value if record.value is not None else b""
    ours: dict[str, bytes] = {name: text for name, text in record.headers if name.startswith(OURS) and text is not None}
    source = _name(ours[SOURCE]) if SOURCE in ours else record.topic
    place = _name(ours[PLACE]) if PLACE in ours else _place(record)
    letter = ours[LETTER].decode() if LETTER in ours and _LETTER.fullmatch(ours[LETTER]) else None
    import_id = int(ours[IMPORT]) if IMPORT in ours and _IMPORT.fullmatch(ours[IMPORT]) else None
    of_events = [(name, text) for name, text in record.headers if is_of_events(name)]
    if isinstance(value, Cut):
        return Incoming(as_sent(of_events, value), source, place, None, value.reason, TOO_LARGE, letter, value.whole, import_id=import_id)
    if SOURCE in ours and not of_events:
        raw, body = (ours[RAW], value) if RAW in ours else (value, None)
        reason = ours[REASON].decode(errors="replace") if REASON in ours else None
        whole, meant = (None, None) if reason is None else (_cut_before(ours), ours.get(MEANT))
        return Incoming(raw, source, place, body, reason, letter=letter, whole=whole, meant=meant, import_id=import_id)
    try:
        body = from_headers(record.headers, record.value)
    except Unreadable as error:
        return Incoming(as_sent(of_events, value), source, place, None, error.reason, error.code, letter, import_id=import_id)
    # In binary mode what the headers say is part of it: kept is the whole event, so that two of them with equal data are two.
    return Incoming(body, source, place, letter=letter, import_id=import_id)


def _place(record: ConsumerRecord) -> str:
    return f"{record.topic}[{record.partition}]@{record.offset}"


def _name(text: bytes) -> str:
    """What a header of ours says, as far as it is told: anybody may have sent it."""
    name = text.decode(errors="replace").replace("\0", "\ufffd")
    return name if len(name) <= NAME_LENGTH_MAX else f"{name[: NAME_LENGTH_MAX - 1]}…"


def _cut_before(ours: Mapping[str, bytes]) -> WholeRecord | None:
    """What `ingest` says of a record that it could not publish whole."""
    length, sha256 = ours.get(LENGTH, b""), ours.get(SHA256, b"")
    if re.fullmatch(rb"[1-9][0-9]{0,17}", length) and re.fullmatch(rb"[0-9a-f]{64}", sha256):
        return WholeRecord(int(length), sha256.decode())
    return None


def published(incoming: Incoming) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of a record. The key is the subject, so that one subject's touchpoints share a partition."""
    headers = [(SOURCE, incoming.source.encode()), (PLACE, incoming.place.encode())]
    if incoming.letter is not None:
        headers.append((LETTER, incoming.letter.encode()))
    if incoming.import_id is not None:
        headers.append((IMPORT, b"%d" % incoming.import_id))
    if incoming.reason is not None:
        headers.append((REASON, incoming.reason.encode()))
    if incoming.meant is not None:
        headers.append((MEANT, incoming.meant))
    if incoming.whole is not None:
        headers += [(LENGTH, b"%d" % incoming.whole.length), (SHA256, incoming.whole.sha256.encode())]
    if incoming.body is None:
        return _subject(incoming.raw), incoming.raw, headers
    return _subject(incoming.body), incoming.body, [*headers, (RAW, incoming.raw)]


def _subject(body: bytes) -> bytes | None:
    """What the body names as subject, as far as it can be read: only where it goes rests on it, never what it means."""
    try:
        subject = orjson.loads(body)["subject"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return subject.encode() if isinstance(subject, str) and subject else None


class TopicRange(NamedTuple):
    """What the topic of touchpoints holds, by partition; partitions in which nothing is to be read are left out."""

    first: dict[int, int]
    last: dict[int, int]


async def held(settings: KafkaSettings) -> TopicRange:
    """The first and the last offset that Kafka holds, now. Raises Away, Refused."""
    topic = Topics(settings).touchpoints
    consumer = AIOKafkaConsumer(topic, **settings.connection(), enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        places = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    except KafkaError as error:
        raise meaning(error, settings.bootstrap) from error
    finally:
        await consumer.stop()
    there = [place for place in places if begins[place] < ends[place]]
    return TopicRange({place.partition: begins[place] for place in there}, {place.partition: ends[place] - 1 for place in there})


class KafkaLog:
    """The log of the distributed runtime. See `streams.ports.Log`. Kafka says when a record was recorded, so `recorded_at` is not sent."""

    def __init__(self, settings: KafkaSettings, trace: Callable[[], str | None] = lambda: None) -> None:
        """`trace` says in which trace a record comes about, where it does in any."""
        self.settings = settings
        self._trace = trace
        self.topic = Topics(settings).touchpoints
        self.reached: dict[int, int] = {}
        """The last offset that was acknowledged to us, by partition."""
        self._producer = producer(settings)
        self._client: AIOKafkaProducer | None = None

    async def __aenter__(self) -> "KafkaLog":
        self._client = await self._producer.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._producer.__aexit__(kind, error, trace)

    async def append(self, batch: Sequence[Incoming], recorded_at: Instant) -> int:
        assert self._client is not None
        records = []
        trace = self._trace()
        for one in batch:
            key, value, headers = published(one)
            size = len(key or b"") + len(value) + sum(len(name) + len(text) for name, text in headers)
            if size > RECORD_BYTES_MAX - ENVELOPE_BYTES_MAX:
                raise Refused(f"{one.place} has {size:,} bytes; a record takes at most {RECORD_BYTES_MAX - ENVELOPE_BYTES_MAX:,}")
            # There is room for it in what is left for the envelope.
            records.append((key, value, headers if trace is None else [*headers, (TRACE, trace.encode())]))
        try:
            # A send returns once the record is in a buffer; what it returns is done once the brokers have it.
            sent = [await self._client.send(self.topic, value, key, headers=headers) for key, value, headers in records]
            for one in sent:
                done = await one
                self.reached[done.partition] = max(done.offset, self.reached.get(done.partition, -1))
        except KafkaError as error:
            raise meaning(error, self.settings.bootstrap) from error
        return max(self.reached.values(), default=-1)

    async def partitions(self) -> Collection[int]:
        consumer = AIOKafkaConsumer(self.topic, **self.settings.connection(), enable_auto_commit=False)
        try:
            await consumer.start()
            return frozenset(consumer.partitions_for_topic(self.topic) or ())
        except KafkaError as error:
            raise meaning(error, self.settings.bootstrap) from error
        finally:
            await consumer.stop()

    async def read(self, partition: int, *, after: int, limit: int) -> Sequence[Recorded]:
        consumer = AIOKafkaConsumer(
            **self.settings.connection(), enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
        )
        try:
            await consumer.start()
            place = TopicPartition(self.topic, partition)
            consumer.assign([place])
            consumer.seek(place, after + 1)
            found: list[ConsumerRecord] = []
            size = 0
            end: Mapping[TopicPartition, int] = await consumer.end_offsets([place])
            while len(found) < limit and size < UNIT_BYTES_MAX and await consumer.position(place) < end[place]:
                for records in (await consumer.getmany(place, timeout_ms=READ_MS_MAX, max_records=limit - len(found))).values():
                    if type(records[-1].value) is LargeBatch:
                        reading = LargeReading(records.pop(), after)
                        records += await asyncio.to_thread(reading.cut, limit - len(found) - len(records), UNIT_BYTES_MAX)
                    found += records
                    size += sum(map(weight_of, records))
            return [recorded(record) for record in found]
        except KafkaError as error:
            raise meaning(error, self.settings.bootstrap) from error
        finally:
            await consumer.stop()
