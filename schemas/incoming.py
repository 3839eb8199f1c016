"""A record on its way in: its bytes as they came, and where they came from."""

import hashlib
from typing import BinaryIO, NamedTuple

LINE_BYTES_MAX = 16 * 1024 * 1024
"""Of a longer line of a file, the beginning, the length and the hash are kept."""

BEGINNING_BYTES = 64 * 1024
"""What is kept of the bytes of a record that is too large to be kept whole."""


class WholeRecord(NamedTuple):
    """What is known of all bytes of a record of which only the beginning is kept."""

    length: int
    sha256: str


class Incoming(NamedTuple):
    raw: bytes  # what the sender sent; kept when it can't be read
    source: str  # the file's name, or the topic
    place: str  # where in it: "crm.csv:17"
    body: bytes | None = None  # the CloudEvents JSON made of it, where `raw` is not that itself
    reason: str | None = None  # why nothing could be made of it
    code: str | None = None  # a short name of that reason
    letter: str | None = None  # the id of the dead letter that it is sent again for
    whole: WholeRecord | None = None  # where `raw` is but the beginning
    kind: str | None = None  # the reason without what only this record says, where it says that
    meant: bytes | None = None  # where nothing could be made of it, what is known of what it was meant to be: see `schemas.intended`
    import_id: int | None = None  # the import that it came in with

    @property
    def length(self) -> int:
        """How many bytes the sender sent."""
        return len(self.raw) if self.whole is None else self.whole.length

    @property
    def size(self) -> int:
        """How many bytes of it are held."""
        return len(self.raw) + len(self.body or b"") + len(self.meant or b"")


class Keeper:
    """Takes the bytes of a record piece by piece: keeps them all up to a bound, beyond it the beginning, the length and the hash."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held = bytearray()
        self._hash = hashlib.sha256()
        self.length = 0

    @property
    def is_over(self) -> bool:
        return self.length > self._bytes_max

    def add(self, piece: bytes) -> None:
        was_over = self.is_over
        self.length += len(piece)
        if was_over:
            self._hash.update(piece)
            return
        self._held += piece
        if self.is_over:
            self._hash.update(self._held)
            self._held = self._held[:BEGINNING_BYTES]

    def kept(self) -> tuple[bytes, WholeRecord | None]:
        return bytes(self._held), WholeRecord(self.length, self._hash.hexdigest()) if self.is_over else None


def rest_of_line(line: bytes, file: BinaryIO, piece_bytes: int) -> tuple[bytes, WholeRecord | None]:
    """A line of `file` that begins with `line` and goes on, without its end; read by so many bytes at a time, and kept as `Keeper` does."""
    keeper = Keeper(LINE_BYTES_MAX)
    # A line end may lie across two pieces.
    while not line.endswith(b"\n") and (more := file.readline(piece_bytes)):
        keeper.add(line[:-1])
        line = line[-1:] + more
    keeper.add(without_end(line))
    return keeper.kept()


def without_end(line: bytes) -> bytes:
    """`line` without its line end."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


def too_large(length: int, bytes_max: int) -> str:
    """The reason why only the beginning of a record is kept."""
    return f"{length:,} bytes; a record of more than {bytes_max:,} is no touchpoint, and of this one the first {BEGINNING_BYTES:,} are kept"
