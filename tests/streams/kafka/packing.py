"""Batches of records as other clients make them: packed by any codec, in frames of any kind, with records of any size."""

import gzip
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import cramjam
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint

from streams.kafka.large import HEAD
from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD

CODECS = {"none": NONE, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}
LENGTH_AT, CRC_AT, CRC_OF = 8, 17, 21
MB = 1024 * 1024

Told = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]
"""Key, value, headers."""


def built(records: Iterable[Told], codec: int = NONE) -> bytes:
    """As aiokafka's producer does."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=2**31 - 1
    )
    for offset, (key, value, headers) in enumerate(records):
        builder.append(offset, 1_000 + offset, key, value, headers)
    return bytes(builder.build())


def batch(packed: bytes, count: int, codec: int) -> bytes:
    """A batch of `count` records that are `packed` already."""
    size = HEAD.size + len(packed) - LENGTH_AT - 4
    raw = bytearray(HEAD.pack(0, size, -1, 2, 0, codec, count - 1, 1_000, 1_000 + count - 1, -1, -1, -1, count) + packed)
    struct.pack_into(">I", raw, CRC_AT, calc_crc32c(bytes(raw[CRC_OF:])))
    return bytes(raw)


def varint(number: int) -> bytes:
    made = bytearray()
    encode_varint(number, made.append)
    return bytes(made)


def record(offset: int, value: bytes, headers: bytes = b"\0", *, filled: int = 0) -> Iterator[bytes]:
    """The bytes of one record, in pieces: its value goes on with `filled` megabytes of blanks. `headers` begin with how many they are."""
    size = len(value) + filled * MB
    head = b"\0" + varint(offset) * 2 + varint(-1) + varint(size) + value
    yield varint(len(head) + filled * MB + len(headers)) + head
    for _ in range(filled):
        yield b" " * MB
    yield headers


def packed(codec: int, pieces: Iterable[bytes]) -> bytes:
    if codec == NONE:
        return b"".join(pieces)
    if codec == SNAPPY:
        return bytes(cramjam.snappy.compress_raw(b"".join(pieces)))
    module: Any = {GZIP: cramjam.gzip, LZ4: cramjam.lz4, ZSTD: cramjam.zstd}[codec]
    made = module.Compressor()
    found = bytearray()
    for piece in pieces:
        made.compress(piece)
        found += bytes(made.flush())
    return bytes(found + bytes(made.finish()))


def in_frames(codec: int, plain: bytes) -> bytes:
    """`plain` in three frames, one after the other, of which the second holds nothing."""
    half = len(plain) // 2
    if codec == GZIP:
        return gzip.compress(plain[:half]) + gzip.compress(b"") + gzip.compress(plain[half:])
    if codec == SNAPPY:
        blocks = [bytes(cramjam.snappy.compress_raw(part)) for part in (plain[:half], b"", plain[half:])]
        return b"\x82SNAPPY\0\0\0\0\1\0\0\0\1" + b"".join(struct.pack(">i", len(one)) + one for one in blocks)
    return packed(codec, [plain[:half]]) + packed(codec, [b""]) + packed(codec, [plain[half:]])
