"""Files as records on their way in: touchpoints as JSON lines, calls of Segment's, rows of a CSV with a map."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from journey.errors import Refused
from schemas.incoming import Incoming

LINE_BYTES_MAX = 16 * 1024 * 1024
"""A longer line is kept in pieces: none of it can be a touchpoint."""

STDIN = "-"


def json_lines(paths: Iterable[Path]) -> Iterator[Incoming]:
    """One record a line; blank lines are nothing."""
    for path in paths:
        for number, line in lines(path):
            yield Incoming(line, str(path), f"{path}:{number}")


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of `path` with their numbers, without line ends and blank ones."""
    if str(path) == STDIN:
        yield from _numbered(sys.stdin.buffer)
        return
    with open_file(path) as file:
        yield from _numbered(file)


def open_file(path: Path) -> BinaryIO:
    """Raises Refused where there is no such file to read."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from error


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(LINE_BYTES_MAX):
        number += 1
        if line.strip():
            yield number, line.rstrip(b"\r\n")
