"""Batches that unpack to more than most: read record by record, with no more of them in memory than a record may have.

Of a record that is larger than that, the beginning, the length and the hash are kept; and so of a batch that goes on beyond all bounds.
Whatever a sender's own headers hold is passed over, however much it is.
"""

import hashlib
import struct
import time
from collections.abc import Callable, Generator, Iterator
from math import inf
from typing import NamedTuple

from aiokafka import ConsumerRecord
from aiokafka.errors import CorruptRecordException

from schemas.cloudevents import is_of_events
from schemas.incoming import BEGINNING_BYTES, Keeper, WholeRecord, too_large
from streams.kafka.unpacking import pieces

RECORD_BYTES_MAX = 20 * 1024 * 1024
"""Far more than a touchpoint may have, so that what is too large still arrives and is kept as a dead letter: any line of a file."""

UNPACKED_BYTES_MAX = 2 * 1024**3
"""What is unpacked of one batch: as much as the format lets one record have."""

HEADERS_MAX = 100_000
"""Headers of one record. Of a record with more of them none is read: each takes its time, however little it says."""

OURS = "journey_"
"""What the names of our own headers begin with."""

HEADER_BYTES = 150
"""What a header takes in memory, beside what it says."""

NAME_BYTES_MAX = 64 * 1024
_VARINT_BYTES_MAX = 10

HEAD = struct.Struct(">qiibIhiqqqhii")
"""What a batch in format 2 begins with: first offset, length, leader's epoch, magic, CRC, attributes, last offset, first and last time,
producer, its epoch, its sequence, number of records. Offsets and times of records count from the first."""

_CODEC, _IS_APPEND_TIME = 0x07, 0x08


class Cut(bytes):
    """The beginning of a value that is too large to be kept."""

    whole: WholeRecord
    reason: str

    @classmethod
    def of(cls, beginning: bytes, whole: WholeRecord, reason: str) -> "Cut":
        made = cls(beginning)
        made.whole, made.reason = whole, reason
        return made


class LargeBatch(bytes):
    """A batch as it came. aiokafka hands it out as if it were one record's value; `LargeReading` reads it."""


class Large(NamedTuple):
    """A large batch as the one record that aiokafka takes it for."""

    offset: int
    value: LargeBatch
    timestamp: int = -1
    timestamp_type: int = 0
    key: None = None
    checksum: None = None
    headers: tuple[()] = ()


class LargeReading:
    """A large batch that is being read. It takes its time: in a thread."""

    def __init__(self, record: ConsumerRecord, after: int) -> None:
        self._records = _read(record, after)
        self.last = record.offset
        self.is_done = False

    def cut(self, records_max: int, bytes_max: int, seconds_max: float = inf) -> list[ConsumerRecord]:
        """The next of its records, in order: up to one of the bounds, or to its end. Raises CorruptRecordException."""
        taken: list[ConsumerRecord] = []
        weight, began = 0, time.monotonic()
        while len(taken) < records_max and weight < bytes_max and time.monotonic() - began < seconds_max:
            record = next(self._records, None)
            if record is None:
                self.is_done = True
                break
            taken.append(record)
            weight += weight_of(record)
            if record.offset == self.last:
                # Not at the next call: it holds the batch.
                self.is_done = True
                self._records.close()
                break
        return taken


def weight_of(record: ConsumerRecord) -> int:
    """What a record takes in memory, about."""
    weight = len(record.value or b"") + len(record.key or b"")
    for name, text in record.headers:
        weight += HEADER_BYTES + len(name) + len(text or b"")
    return weight


def _read(record: ConsumerRecord, after: int) -> Generator[ConsumerRecord, None, None]:
    """The records beyond offset `after` of the large batch that `record` stands for."""
    raw = record.value
    first, _, _, _, _, attributes, last, since, until, _, _, _, count = HEAD.unpack_from(raw)
    is_append_time = bool(attributes & _IS_APPEND_TIME)
    stream = _Stream(pieces(attributes & _CODEC, memoryview(raw)[HEAD.size :]))
    reached = first - 1
    try:
        for nth in range(1, count + 1):
            told = _record(stream, after - first)
            if nth == count and not stream.is_at_end():
                raise CorruptRecordException("a batch goes on after its last record")
            if told is not None:
                reached = first + told.offset
                yield _made(record, reached, until if is_append_time else since + told.timestamp, is_append_time, told)
    except _TooMuch:
        if first + last > after:
            beginning, whole = _beginning(raw)
            why = (
                f"in a batch that unpacks to more than {UNPACKED_BYTES_MAX:,} bytes: what comes after offset {max(reached, after)} in it is"
                f" not read, and of the batch as it came, {whole.length:,} bytes, the first {len(beginning):,} are kept"
            )
            yield _made(record, first + last, until, is_append_time, _Told(0, 0, None, Cut.of(beginning, whole, why), ()))


class _Told(NamedTuple):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def _made(record: ConsumerRecord, offset: int, timestamp: int, is_append_time: bool, told: _Told) -> ConsumerRecord:
    sizes = (-1 if part is None else len(part) for part in (told.key, told.value))
    return ConsumerRecord(
        record.topic, record.partition, offset, timestamp, int(is_append_time), told.key, told.value, None, *sizes, told.headers
    )  # fmt: skip


def _record(stream: "_Stream", after: int) -> _Told | None:
    """The next record; None where it is not beyond `after`, which is counted from the first offset of the batch."""
    length = stream.varint()
    end = stream.read + length
    stream.cut(1)
    timestamp, offset = stream.varint(), stream.varint()
    if offset <= after:
        stream.pass_over(end - stream.read)
        return None
    # Nothing rests on the key.
    key = stream.kept_or_none(NAME_BYTES_MAX)
    value = stream.kept_or_none(RECORD_BYTES_MAX)
    headers = _headers(stream, value, end)
    if stream.read != end:
        raise CorruptRecordException(f"a record says that it has {length} bytes, and has {stream.read - end} more")
    if isinstance(headers, Cut):
        return _Told(offset, timestamp, key, headers, ())
    return _Told(offset, timestamp, key, value, headers)


def _headers(stream: "_Stream", value: bytes | None, end: int) -> tuple[tuple[str, bytes | None], ...] | Cut:
    """The headers that say something to us. Where they are too many or too large, what stands for the value instead.

    That is the event as a dead letter has it: its headers as in HTTP, an empty line, and the value.
    """
    count = stream.varint()
    if count <= 0:
        if count < 0:
            raise CorruptRecordException(f"a record says that it has {count} headers")
        return ()
    keeper = Keeper(RECORD_BYTES_MAX)
    found: list[tuple[str, bytes | None]] = []
    if count > HEADERS_MAX:
        stream.pass_over(end - stream.read, keeper.add)
    else:
        for _ in range(count):
            _header(stream, keeper, found)
        if not keeper.is_over:
            return tuple(found)
    if isinstance(value, Cut):
        return value
    keeper.add(b"\r\n")
    keeper.add(value or b"")
    beginning, whole = keeper.kept()
    if whole is None:
        beginning, whole = _beginning(beginning)
    why = f"{count:,} headers and a value of {whole.length:,} bytes together: more than is read, and the first {len(beginning):,} are kept"
    return Cut.of(beginning, whole, why)


def _header(stream: "_Stream", keeper: Keeper, found: list[tuple[str, bytes | None]]) -> None:
    """Read a header into `keeper`, and into `found` while there is room. A sender's own is passed over."""
    size = stream.varint()
    if size < 0:
        raise CorruptRecordException(f"a header says that its name has {size} bytes")
    start = stream.cut(min(size, NAME_BYTES_MAX))
    name = start.decode(errors="surrogateescape")
    if not (is_of_events(name) or name.startswith(OURS)):
        stream.pass_over(size - len(start))
        stream.pass_over(stream.varint())
        return
    if keeper.length + size <= RECORD_BYTES_MAX:
        start += stream.cut(size - len(start))
        name = start.decode(errors="surrogateescape")
    keeper.add(start)
    stream.pass_over(size - len(start), keeper.add)
    keeper.add(b": ")
    length = stream.varint()
    if keeper.length + length > RECORD_BYTES_MAX:
        found.clear()
        stream.pass_over(length, keeper.add)
    else:
        text = stream.cut(length) if length >= 0 else None
        keeper.add(text or b"")
        found.append((name, text))
    keeper.add(b"\r\n")


def _beginning(held: bytes) -> tuple[bytes, WholeRecord]:
    return held[:BEGINNING_BYTES], WholeRecord(len(held), hashlib.sha256(held).hexdigest())


class _TooMuch(Exception):
    """More was unpacked of a batch than may be."""


class _Stream:
    """The bytes that a batch unpacks to, one after the other. No more than a piece of them is held."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0
        self._before = 0
        """How many bytes the pieces before this one had."""

    @property
    def read(self) -> int:
        return self._before + self._at

    def is_at_end(self) -> bool:
        while self._at == len(self._piece):
            self._before += len(self._piece)
            self._at = 0
            self._piece = b""
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._piece = piece
            if self._before + len(piece) > UNPACKED_BYTES_MAX:
                raise _TooMuch
        return False

    def _more(self) -> None:
        if self.is_at_end():
            raise CorruptRecordException("a batch ends in the middle of a record")

    def varint(self) -> int:
        value = shift = 0
        for _ in range(_VARINT_BYTES_MAX):
            if self._at == len(self._piece):
                self._more()
            byte = self._piece[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
        raise CorruptRecordException("a number in a batch does not end")

    def cut(self, size: int) -> bytes:
        """The next `size` bytes, which are few enough to be held."""
        end = self._at + size
        if end <= len(self._piece):
            part = self._piece[self._at : end]
            self._at = end
            return part
        held = bytearray()
        self.pass_over(size, held.extend)
        return bytes(held)

    def pass_over(self, size: int, keep: Callable[[bytes], None] | None = None) -> None:
        while size > 0:
            if self._at == len(self._piece):
                self._more()
            part = self._piece[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            if keep is not None:
                keep(part)

    def kept_or_none(self, bytes_max: int) -> bytes | None:
        """A key or a value: whole, where it is not larger than `bytes_max`."""
        size = self.varint()
        if size < 0:
            return None
        if size <= bytes_max:
            return self.cut(size)
        keeper = Keeper(BEGINNING_BYTES)
        self.pass_over(size, keeper.add)
        beginning, whole = keeper.kept()
        assert whole is not None, "it is larger than what is kept"
        return Cut.of(beginning, whole, too_large(size, bytes_max))
