"""Header names that are no UTF-8. Kafka, Java and librdkafka let them through; aiokafka reads neither such a record nor what comes after.

A batch that aiokafka gives up on is read again by the slower one of its two readers, with such names as Python has those of files
(surrogateescape), so that no byte is lost. See docs/decisions/0047.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy


def with_any_names(batch: Any, plain: bytes | bytearray | memoryview) -> Iterator[Any]:
    """The records of `batch`; `plain` are its bytes, without compression."""
    count = 0
    try:
        for record in batch:
            yield record
            count += 1
    except (UnicodeDecodeError, CorruptRecordException):
        # What is corrupt indeed raises again.
        yield from islice(_AnyNames(plain), count, None)


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
