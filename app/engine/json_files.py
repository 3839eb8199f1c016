"""Files of JSON as records on their way in. (Rows of CSV are read with a map, in `schemas`.)"""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from app.simulation.feed import SIMULATED
from app.text.printing import note
from journey.definition import Definition
from journey.errors import Refused
from schemas.incoming import Incoming
from schemas.json_formats import NAMES, Format, look, read_as, settled
from schemas.json_records import JsonRecord, records
from schemas.noticed import Noticed
from schemas.unpacked import HEAD_BYTES, packing

STDIN = "-"

WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xlsb", ".numbers", ".ods"})
"""Spreadsheets, which are folders packed by zip."""

TOLD_EVERY = 1_000
"""Records between two steps of a progress bar."""


class JsonFile:
    """A file of JSON: what it is taken for is settled before anything of it is taken in."""

    def __init__(self, path: Path, asked: Format, place: str | None = None) -> None:
        self.path = path
        # The name is UTF-8; a folder's need not be.
        self._place = place or str(path).encode(errors="backslashreplace").decode()
        self.format = asked
        self._asked = asked
        self._looked: Iterator[JsonRecord] | None = None

    @property
    def is_stream(self) -> bool:
        """Whether it can be read but once: a pipe, a terminal, or standard input."""
        return str(self.path) == STDIN or not self.path.is_file()

    def settle(self) -> None:
        """Look what it is. Raises Refused where it is not what was asked for."""
        if self.is_stream:
            rest = self._records()
            found = look(rest)
            self._looked = chain(found.records, rest)
        else:
            with closing(self._records()) as beginning:
                found = look(beginning)
        self.format = settled(found, self._asked, named(self.path))

    def read(self, definition: Definition, noticed: Noticed) -> Iterator[Incoming]:
        if self._asked is Format.auto and self.format is not Format.auto:
            note(f"{named(self.path)}: {NAMES[self.format]}")
        return read_as(self.format, self._looked or self._records(), definition, noticed)

    def _records(self) -> Generator[JsonRecord, None, None]:
        if str(self.path) == STDIN:
            yield from records(sys.stdin.buffer, named(self.path), named(self.path))
            return
        with _opened(self.path) as file:
            yield from records(file, named(self.path), self._place)


def json_files(paths: Iterable[Path], asked: Format, *, named_only: bool = False) -> list[JsonFile]:
    """The files, those that can be read twice settled already. Where they lie is told, or their name only. Raises Refused."""
    files = [JsonFile(path, asked, named(path) if named_only else None) for path in paths]
    for file in files:
        if not file.is_stream:
            file.settle()
    return files


def read_files(files: Sequence[JsonFile], definition: Definition, noticed: Noticed) -> Iterator[Incoming]:
    """The touchpoints of all, in order; of each, what it is taken for is said. What could not be settled before is settled now: raises
    Refused before the first is read.
    """
    for file in files:
        if file.is_stream:
            file.settle()
    return chain.from_iterable([file.read(definition, noticed) for file in files])


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
            head = file.read(HEAD_BYTES) if path.is_file() else b""
        if (packed_by := packing(head)) is not None:
            if path.suffix.lower() in WORKBOOKS:
                raise Refused(f"{path} is a workbook, which is saved as CSV first, a file for each sheet")
            raise Refused(f"{path} is packed by {packed_by}; unpack it first")


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
