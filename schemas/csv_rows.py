"""The rows of a CSV file, each with its own bytes and line. A row that can't be read is one row with a reason; the rest goes on."""

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from schemas.incoming import Whole, rest_of_line

ROW_BYTES_MAX = 1 << 20
"""A longer row is unreadable. (A cell may hold 128 KiB, which is Python's own limit.)"""

_BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    line: int
    raw: bytes
    cells: list[str]
    reason: str | None
    whole: Whole | None = None
    """Where `raw` is but the beginning."""


class _TooLong(Exception):
    """A row that goes on beyond what a row may have. Its lines until then are one row with a reason; the next begins after them."""


class _Lines:
    """Hands lines to the csv reader as text, and keeps the bytes of those that the row at hand is made of."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.read = 0
        self.row: list[bytes] = []
        self.again: deque[bytes] = deque()
        self.size = 0
        self.reason: str | None = None
        self.whole: Whole | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self.file.readline(ROW_BYTES_MAX)
        if not line:
            raise StopIteration
        goes_on = len(line) == ROW_BYTES_MAX and not line.endswith(b"\n")
        if goes_on and self.row:
            self.again.appendleft(line)
            raise _TooLong
        if self.read == 0:
            line = line.removeprefix(_BOM)
        self.read += 1
        self.size += len(line)
        if goes_on:
            line, self.whole = rest_of_line(line, self.file, ROW_BYTES_MAX)
        self.row.append(line)
        if goes_on or self.size > ROW_BYTES_MAX:
            raise _TooLong
        if b"\0" in line:
            self.reason = "holds a NUL byte"
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.reason = "not UTF-8"
            return line.decode("utf-8", "replace")


def read_rows(file: BinaryIO, delimiter: str, skip_lines: int = 0) -> Iterator[Row]:
    """Rows in order, without those in which nothing stands. The file is never held in memory."""
    lines = _Lines(file)
    for _ in range(skip_lines):
        with suppress(_TooLong):
            next(lines, None)
        lines.row.clear()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.reason = lines.whole = error = None
        lines.size = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLong:
            cells, error = [], f"a row longer than {ROW_BYTES_MAX} bytes"
        except csv.Error as unread:
            cells, error = [], _why(unread)
            _only_first(lines)
        raw = lines.row[0] if len(lines.row) == 1 else b"".join(lines.row)
        line = lines.read - len(lines.row) + 1
        lines.row.clear()
        if error or lines.reason or any(map(str.strip, cells)):
            yield Row(line, raw if lines.whole else raw.rstrip(b"\r\n"), cells, error or lines.reason, lines.whole)


def _why(unread: csv.Error) -> str:
    said = str(unread)
    if "end of data" in said or "field limit" in said:
        return "not CSV: a quote is opened and not closed, or a cell is longer than 128 KiB"
    return f"not CSV: {said}"


def _only_first(lines: _Lines) -> None:
    """After a quote that never closes, only the line that opened it is lost: what was read beyond it is read again."""
    back = lines.row[1:]
    del lines.row[1:]
    lines.again.extendleft(reversed(back))
    lines.read -= len(back)
