"""Files as records on their way in: touchpoints as JSON lines, calls of Segment's. (Rows of CSV are read with a map, in `schemas`.)"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.simulation.feed import SIMULATED
from journey.errors import Refused
from schemas.incoming import LINE_BYTES_MAX, Incoming, Whole, rest_of_line, too_large, without_end

STDIN = "-"

PIECE_BYTES = 1024 * 1024

TOLD_EVERY = 1_000
"""Records between two steps of a progress bar."""

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


class Line(NamedTuple):
    number: int
    raw: bytes
    whole: Whole | None
    """Where `raw` is but the beginning."""


def json_lines(paths: Iterable[Path]) -> Iterator[Incoming]:
    """One record a line, its bytes as they stand there; blank lines are nothing."""
    for path in paths:
        name = named(path)
        # The name is UTF-8; a folder's need not be.
        place = name if str(path) == STDIN else str(path).encode(errors="backslashreplace").decode()
        for number, raw, whole in lines(path):
            if whole is not None:
                yield Incoming(raw, name, f"{place}:{number}", reason=too_large(whole.length, LINE_BYTES_MAX), whole=whole)
            elif raw.strip():
                yield Incoming(raw, name, f"{place}:{number}")


def lines(path: Path) -> Iterator[Line]:
    """The lines of `path` with their numbers, without the line ends. (What is compressed is refused by `check`: it has no bounds here.)"""
    if str(path) == STDIN:
        yield from _numbered(sys.stdin.buffer)
        return
    with _opened(path) as file:
        yield from _numbered(file)


def named(path: Path) -> str:
    """What dead letters call the source: the file's name, wherever it lies and however its path was written."""
    return "standard input" if str(path) == STDIN else path.name


def check(path: Path) -> None:
    """Raises Refused where nothing can be read from `path`, before anything else is done."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise Refused(f"the name of the file {str(path)!r} is not UTF-8; rename it") from None
    # A pipe can be opened only once, and what is read of it is gone.
    if str(path) != STDIN and not path.is_fifo():
        with _opened(path) as file:
            if path.is_file() and file.read(len(_GZIP)) == _GZIP:
                raise Refused(f"{path} is compressed; try: gzip -dc {path} | journey ingest -")


class Watched:
    """Records on their way in: tells about their bytes now and then, and notices what is simulated."""

    def __init__(self, incoming: Iterable[Incoming], tell: Callable[[int], None]) -> None:
        self._incoming = incoming
        self._tell = tell
        self.simulated = False

    def __iter__(self) -> Iterator[Incoming]:
        weight = 0
        mark = f'"{SIMULATED}/'.encode()
        for count, one in enumerate(self._incoming, start=1):
            weight += one.length + 1
            self.simulated = self.simulated or mark in one.raw
            if count % TOLD_EVERY == 0:
                self._tell(weight)
                weight = 0
            yield one
        self._tell(weight)


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from error


def _numbered(file: BinaryIO) -> Iterator[Line]:
    number = 0
    while line := file.readline(PIECE_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.endswith(b"\n") or len(line) < PIECE_BYTES - len(_BOM):
            yield Line(number, without_end(line), None)
        else:
            yield Line(number, *rest_of_line(line, file, PIECE_BYTES))
