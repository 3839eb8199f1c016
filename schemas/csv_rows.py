"""The rows of a CSV file, each with its own bytes and line. A row that can't be read is one row with a reason; the rest goes on."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

ROW_BYTES_MAX = 1 << 20
"""A longer line is cut here and is unreadable. (A cell may hold 128 KiB, which is Python's own limit.)"""

_BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    line: int
    raw: bytes
    cells: list[str]
    reason: str | None


class _Lines:
    """Hands lines to the csv reader as text, and keeps the bytes of those that the row at hand is made of."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.read = 0
        self.row: list[bytes] = []
        self.again: deque[bytes] = deque()
        self.reason: str | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self.file.readline(ROW_BYTES_MAX)
        if not line:
            raise StopIteration
        if self.read == 0:
            line = line.removeprefix(_BOM)
        self.read += 1
        self.row.append(line)
        if len(line) == ROW_BYTES_MAX:
            self._skip_rest(line)
        if b"\0" in line:
            self.reason = "holds a NUL byte"
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.reason = "not UTF-8"
            return line.decode("utf-8", "replace")

    def _skip_rest(self, line: bytes) -> None:
        self.reason = f"a line longer than {ROW_BYTES_MAX} bytes"
        while line and not line.endswith(b"\n"):
            line = self.file.readline(ROW_BYTES_MAX)


def read_rows(file: BinaryIO, delimiter: str, skip_lines: int = 0) -> Iterator[Row]:
    """Rows in order, without those in which nothing stands. The file is never held in memory."""
    lines = _Lines(file)
    for _ in range(skip_lines):
        next(lines, None)
    lines.row.clear()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.reason = None
        error = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as unread:
            cells, error = [], _why(unread)
            _only_first(lines)
        raw = lines.row[0] if len(lines.row) == 1 else b"".join(lines.row)
        line = lines.read - len(lines.row) + 1
        lines.row.clear()
        if error or lines.reason or any(map(str.strip, cells)):
            yield Row(line, raw.rstrip(b"\r\n"), cells, error or lines.reason)


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
