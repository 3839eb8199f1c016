"""What a compressed batch holds, piece by piece: a few bytes may unpack to gigabytes, and aiokafka's codecs make room for all of them."""

import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile, GzipFile
from io import BytesIO
from typing import Any

import cramjam
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
"""As a batch's attributes name its codec."""

PIECE_BYTES = 1024 * 1024

SNAPPY_BLOCK_BYTES_MAX = 4 * 1024 * 1024
"""A larger block of Snappy's is unpacked by ourselves: cramjam has no way to do it in pieces."""

SNAPPY_REACH = 1024 * 1024
"""How far back a copy in such a block may reach. Those who pack never go beyond 64 KiB."""

_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER_BYTES = 16
_BLOCK = struct.Struct(">i")

_INTO: dict[int, Callable[[memoryview, Any], int]] = {
    GZIP: cramjam.gzip.decompress_into,
    LZ4: cramjam.lz4.decompress_into,
    ZSTD: cramjam.zstd.decompress_into,
}


def unpack_into(codec: int, packed: memoryview, room: memoryview) -> int | None:
    """Unpack `packed` into `room`. Returns how many bytes it is; None where it can't be done, be it for want of room."""
    if codec in _INTO:
        try:
            return _INTO[codec](packed, room)
        except cramjam.DecompressionError:
            return None
    filled = 0
    try:
        for piece in pieces(codec, packed):
            if filled + len(piece) > len(room):
                return None
            room[filled : filled + len(piece)] = piece
            filled += len(piece)
    except CorruptRecordException:
        return None
    return filled


def pieces(codec: int, packed: memoryview) -> Iterator[bytes]:
    """What `packed` unpacks to, in pieces of at most a few megabytes. Raises CorruptRecordException where it is no such thing."""
    try:
        if codec == NONE:
            yield from (bytes(packed[start : start + PIECE_BYTES]) for start in range(0, len(packed), PIECE_BYTES))
        elif codec == GZIP:
            with GzipFile(fileobj=BytesIO(packed)) as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
        elif codec == SNAPPY:
            for block in _snappy_blocks(packed):
                yield from _snappy(block)
        elif codec in _INTO:
            yield from _piped(_INTO[codec], packed)
        else:
            raise UnsupportedCodecError(f"there is no codec {codec}")
    except (BadGzipFile, EOFError, zlib.error, struct.error, IndexError, cramjam.DecompressionError) as error:
        raise CorruptRecordException(f"a compressed batch can't be unpacked: {error}") from error


def _piped(decompress_into: Callable[[memoryview, Any], int], packed: memoryview) -> Iterator[bytes]:
    """Unpacked by a thread into a pipe: cramjam hands out what it has unpacked to a file only, or all at once."""
    ours, theirs = os.pipe()
    failed: list[Exception] = []

    def unpack() -> None:
        try:
            decompress_into(packed, cramjam.File(f"/dev/fd/{theirs}", read=False, write=True, truncate=False))
        except Exception as error:
            # Without its frames: they hold the file, and the pipe would have no end.
            failed.append(error.with_traceback(None))
        finally:
            os.close(theirs)

    thread = threading.Thread(target=unpack, name="unpacking", daemon=True)
    with open(ours, "rb", buffering=0) as pipe:
        thread.start()
        while piece := pipe.read(PIECE_BYTES):
            yield piece
    thread.join()
    if failed:
        raise failed[0]


def _snappy_blocks(packed: memoryview) -> Iterator[memoryview]:
    """The blocks in the frame that Java's library makes, and others after it; what has no such frame is one block."""
    if packed[: len(_XERIAL)] != _XERIAL or len(packed) <= _XERIAL_HEADER_BYTES:
        yield packed
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(packed):
        (length,) = _BLOCK.unpack_from(packed, at)
        at += _BLOCK.size
        if not 0 <= length <= len(packed) - at:
            raise CorruptRecordException(f"a block of Snappy's has {length} bytes, and {len(packed) - at} are there")
        yield packed[at : at + length]
        at += length


def _snappy(block: memoryview) -> Iterator[bytes]:
    length = cramjam.snappy.decompress_raw_len(block)
    if length <= SNAPPY_BLOCK_BYTES_MAX:
        yield bytes(cramjam.snappy.decompress_raw(block))
        return
    at, made = 0, 0
    while block[at] & 0x80:  # the length, again
        at += 1
    at += 1
    reach = bytearray()
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == 0:
            size = (tag >> 2) + 1
            if size > 60:
                more = size - 60
                size = int.from_bytes(block[at : at + more], "little") + 1
                at += more
            if size > len(block) - at:
                raise CorruptRecordException("a block of Snappy's ends in the middle")
            reach += block[at : at + size]
            at += size
        else:
            if tag & 3 == 1:
                size, back = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at]
                at += 1
            else:
                bytes_of_back = 2 if tag & 3 == 2 else 4
                size, back = (tag >> 2) + 1, int.from_bytes(block[at : at + bytes_of_back], "little")
                at += bytes_of_back
            if not 0 < back <= len(reach):
                raise CorruptRecordException(f"a block of Snappy's copies from {back} bytes back, and {len(reach)} are there")
            # Not what is behind it too: such a copy takes five bytes, and there may be millions.
            begin = len(reach) - back
            copied = reach[begin : begin + size]
            reach += copied if back >= size else (copied * (size // back + 1))[:size]
        made += size
        if made > length:
            break
        if len(reach) >= SNAPPY_REACH + PIECE_BYTES:
            yield bytes(reach[:-SNAPPY_REACH])
            del reach[:-SNAPPY_REACH]
    if made != length:
        raise CorruptRecordException(f"a block of Snappy's says that it has {length} bytes, and has others")
    yield bytes(reach)
