"""What a fetch brings, as aiokafka's fetcher asks for it: with bounds while it is unpacked, and whatever the names of headers are.

A batch that unpacks to little is read by aiokafka's own reader; one that unpacks to more is handed on as it came, as if it were one record
(`streams.kafka.large` reads it), so that no fetcher stands still or holds more than it can. See docs/decisions/0057.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka import ConsumerRecord
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from streams.kafka.header_names import with_any_names
from streams.kafka.large import HEAD, Large, LargeBatch, weight_of
from streams.kafka.unpacking import unpack_into

SMALL_BYTES_MAX = 2 * 1024 * 1024
"""What the records of a batch may have, unpacked, that aiokafka's own reader reads all at once."""

USUAL_RATIO = 16

TAKEN_BYTES_MAX = 4 * 1024 * 1024
"""How much is taken of one partition at a time; a record more, where the last one is larger than what is left."""

LENGTH = struct.Struct(">8xi")
"""How many bytes of a batch come after these two: its first offset, and this. The same in all of Kafka's formats."""

_MAGIC_AT, _ATTRIBUTES_AT, _CODEC = 16, 22, 0x07


class Records:
    """What a fetch brought of one partition: in place of aiokafka's MemoryRecords."""

    def __init__(self, data: bytes) -> None:
        self._records = MemoryRecords(data)
        self._rest = memoryview(data)
        self.has_next = self._records.has_next
        self.size_in_bytes = self._records.size_in_bytes

    def next_batch(self) -> "_Batch":
        batch = self._records.next_batch()
        (length,) = LENGTH.unpack_from(self._rest)
        raw, self._rest = self._rest[: LENGTH.size + length], self._rest[LENGTH.size + length :]
        return _Batch(batch, raw)


class _Batch:
    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch, self._raw = batch, raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        if self._raw[_MAGIC_AT] < 2:
            # Only what was written before Kafka 3 is in an older format; nobody can write it any more.
            yield from self._batch
        elif (plain := self._plain()) is None:
            yield Large(self._batch.next_offset - 1, LargeBatch(self._raw))
        else:
            yield from with_any_names(DefaultRecordBatch(plain), plain)

    def _plain(self) -> bytes | bytearray | memoryview | None:
        """The batch without its compression; None where it is large."""
        codec = self._raw[_ATTRIBUTES_AT] & _CODEC
        if not codec:
            return self._raw if len(self._raw) <= HEAD.size + SMALL_BYTES_MAX else None
        packed = self._raw[HEAD.size :]
        # Nearly all is text that unpacks to a few times its size: to make room for more takes longer than to unpack it.
        for size in (min(USUAL_RATIO * len(packed), SMALL_BYTES_MAX), SMALL_BYTES_MAX):
            room = bytearray(HEAD.size + size)
            with memoryview(room) as view:
                filled = unpack_into(codec, packed, view[HEAD.size :])
            if filled is not None:
                del room[HEAD.size + filled :]
                room[: HEAD.size] = self._raw[: HEAD.size]
                room[_ATTRIBUTES_AT] &= ~_CODEC
                return room
        return None


class FetchShare(FetchResult):  # type: ignore[misc]  # aiokafka is not typed
    """Records of one partition that wait to be taken: no more at once than may be held, and nothing after a large batch."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[ConsumerRecord]:
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        taken: list[ConsumerRecord] = []
        weight = 0
        for record in self._partition_records:
            taken.append(record)
            weight += weight_of(record)
            if len(taken) == max_records or weight >= TAKEN_BYTES_MAX or type(record.value) is LargeBatch:
                self._update_position()
                break
        else:
            self._update_position()
            self._partition_records = None
        return taken
