"""Header names that are no UTF-8. Kafka, Java and librdkafka let them through; aiokafka reads neither such a record nor what comes after.

A batch that aiokafka gives up on is read again by the slower one of its two readers, with such names as Python has those of files
(surrogateescape), so that no byte is lost. See docs/decisions/0047.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

LENGTH = struct.Struct(">8xi")
"""How many bytes of a batch come after these two: its first offset, and this. The same in all of Kafka's formats."""


class LenientRecords:
    """What a fetch brought of one partition, as aiokafka's fetcher asks for it: in place of its own MemoryRecords."""

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
        count = 0
        try:
            for record in self._batch:
                yield record
                count += 1
        except (UnicodeDecodeError, CorruptRecordException):
            # What is corrupt indeed raises again.
            yield from islice(_AnyNames(self._raw), count, None)


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is not typed
    _buffer: Any

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Lenient(self._buffer)


class _Lenient(bytes):
    """Bytes whose parts decode to something, whatever they are."""

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return part if isinstance(part, int) else _Lenient(part)

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return super().decode(encoding, errors)
