"""A file of text as it comes, read as UTF-8: unpacked where gzip packed it, and brought out of UTF-16, which Windows writes.

Both are told by the first bytes, whatever the file is called. Nothing is held but the piece at hand.
"""

import codecs
import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1024 * 1024
"""How much is read at a time, and how much comes of unpacking at a time."""

PACKED_BYTES = 64 * 1024
"""How much is unpacked at a time. Where many small files were joined, what is left of it is copied for each."""

HEAD_BYTES = 4

BEFORE = "what came before was taken in; ingest the whole file once you have it, and that counts once"

GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

_UTF_8 = b"\xef\xbb\xbf"
# No JSON and no CSV has a NUL: where the first letter has one beside it, the mark is missing, and nothing else is.
_UTF_16 = {
    b"\xff\xfe": "utf-16-le", b"{\0": "utf-16-le", b"[\0": "utf-16-le",
    b"\xfe\xff": "utf-16-be", b"\0{": "utf-16-be", b"\0[": "utf-16-be",
}  # fmt: skip

_OTHER_PACKINGS = {b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zX": "xz"}


def packing(head: bytes) -> str | None:
    """By what a file that begins with `head` is packed, where that is nothing that we unpack."""
    return next((name for magic, name in _OTHER_PACKINGS.items() if head.startswith(magic)), None)


def unpacked_name(path: Path) -> str:
    """What a file is called once it is unpacked."""
    return path.name.removesuffix(".gz")


class Unpacked(io.RawIOBase):
    """The bytes of `file` in UTF-8, without a byte order mark.

    One that can't be unpacked to its end ends where that is found; `fault` says why, once all before it is read.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.fault: str | None = None
        self.encoding = "UTF-8"
        self._pieces = self._in_utf_8(self._unpacked(file))
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        target = memoryview(into)  # type: ignore[arg-type]  # it is a buffer
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        head = file.read(len(GZIP))
        if head != GZIP:
            yield head
            while piece := _some(file):
                yield piece
            return
        unpacking = zlib.decompressobj(_GZIP_WINDOW)
        packed = head
        while True:
            before = unpacking.copy()
            try:
                piece = unpacking.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                yield from _until_fault(before, packed)
                self.fault = f"it is packed with gzip, and damaged here ({error})"
                return
            if piece:
                yield piece
            packed = unpacking.unconsumed_tail
            if unpacking.eof:
                # Files packed one by one and then joined are one file; zeros at the end are what tapes and disks leave.
                packed = unpacking.unused_data.lstrip(b"\0") or _some(file, PACKED_BYTES).lstrip(b"\0")
                while not packed and (more := _some(file, PACKED_BYTES)):
                    packed = more.lstrip(b"\0")
                if not packed:
                    return
                unpacking = zlib.decompressobj(_GZIP_WINDOW)
            elif not packed and not (packed := _some(file, PACKED_BYTES)):
                # What is left in the window comes out only now.
                yield unpacking.flush()
                self.fault = "it is packed with gzip, and ends before its end: it was not sent or written whole"
                return

    def _in_utf_8(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        head = b""
        while len(head) < HEAD_BYTES and (more := next(pieces, b"")):
            head += more
        encoding = _UTF_16.get(head[:2])
        if encoding is None:
            yield head.removeprefix(_UTF_8)
            yield from pieces
            return
        self.encoding = "UTF-16"
        # Half of a character stays what it is, and makes the line that it is in unreadable.
        decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        text = decoder.decode(head).removeprefix("\ufeff")
        yield text.encode("utf-8", "surrogatepass")
        for piece in pieces:
            yield decoder.decode(piece).encode("utf-8", "surrogatepass")
        if decoder.getstate()[0]:
            yield b"\xff"  # Half of a letter: no UTF-8 either.


def unpacked(file: BinaryIO) -> tuple[BinaryIO, Unpacked]:
    """`file` to be read in UTF-8, and what knows whether it could be read to its end."""
    raw = Unpacked(file)
    return io.BufferedReader(raw, PIECE_BYTES), raw


def _until_fault(unpacking: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """What `packed` gives up to the byte that can't be unpacked, with which zlib withholds all that comes before."""
    with suppress(zlib.error):
        for at in range(len(packed)):
            yield unpacking.decompress(packed[at : at + 1])


def _some(file: BinaryIO, bytes_max: int = PIECE_BYTES) -> bytes:
    """What is there, at least a byte where the file goes on: who writes into a pipe may be slow."""
    return file.read1(bytes_max)  # type: ignore[attr-defined, no-any-return]  # of all that `open(…, "rb")` gives
