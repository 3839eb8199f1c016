"""The rows of a CSV file, each with its own bytes and line. A row that can't be read is one row with a reason; the rest goes on."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice, pairwise, takewhile
from typing import BinaryIO, NamedTuple

from schemas.incoming import LINE_BYTES_MAX, Keeper, WholeRecord
from schemas.unpacked import BEFORE, unpacked

ROW_BYTES_MAX = 1 << 20
"""A longer row is unreadable. (A cell may hold 128 KiB, which is Python's own limit.)"""

SAVE = "save the file as CSV UTF-8"
"""What to do where a file is in an encoding of which nobody knows which it is."""

_BOM = b"\xef\xbb\xbf"
_SEP = re.compile(r'"?sep=([^"\w\r\n])"?[\r\n]*', re.IGNORECASE)
"""The first line of a file for Excel: by which sign its cells are apart."""

_GROUP = re.compile(r"[-+(]?\d{1,3}", re.ASCII)
_GROUP_BEHIND = re.compile(r"\d{3}(?:\.\d+)?\)?", re.ASCII)
"""What `1,000.50` becomes in a file whose cells are apart by commas, where it stands in no quotes."""

_SHIFTED = "a cell may hold the delimiter without quotes, and all behind it would stand under the wrong columns"
_CUT = "the file may be cut off here (if it is not, end its last line)"

_BEHIND_CR = re.compile(rb"(?<=\r)(?![\r\n])")


class CsvRow(NamedTuple):
    line: int
    raw: bytes
    cells: list[str]
    reason: str | None
    whole: WholeRecord | None = None
    """Where `raw` is but the beginning."""
    is_ended: bool = True
    """Whether a line end is behind it, as is behind each but the last of a file."""


class _TooLong(Exception):
    """A row that goes on beyond what a row may have. Its lines until then are one row with a reason; the next begins after them."""


class _Lines:
    """Hands lines to the csv reader as text, and keeps the bytes of those that the row at hand is made of.

    A line ends with \\n, \\r\\n, or \\r alone. The last ends the rows of old Macintoshes; elsewhere it may stand within a cell, and the
    lines that are counted are those that end with \\n.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.packed = unpacked(file)
        self.row: list[bytes] = []
        self.before = 0
        """How many lines there are before the row."""
        self.ends_with_cr: bool | None = None
        """Whether the first row does; nobody knows before it was read."""
        self.again: deque[bytes] = deque()
        self.begun = b""
        """The beginning of a line, of which the rest is yet to be read."""
        self.size = 0
        self.reason: str | None = None
        self.whole: WholeRecord | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.read()
        if not line:
            raise StopIteration
        goes_on = len(line) >= ROW_BYTES_MAX and not line.endswith((b"\n", b"\r"))
        if goes_on and self.row:
            self.again.appendleft(line)
            raise _TooLong
        self.size += len(line)
        if goes_on:
            line, self.whole = self._rest(line)
        self.row.append(line)
        if goes_on or self.size > ROW_BYTES_MAX:
            raise _TooLong
        if b"\0" in line:
            self.reason = "holds a NUL byte"
        if line.startswith(_BOM) and len(self.row) == 1:  # Files with a mark each were joined.
            line = line[len(_BOM) :]
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.reason = f"not UTF-8; {SAVE}" if self.packed.encoding == "UTF-8" else f"not {self.packed.encoding}"
            return line.decode("utf-8", "replace")

    def read(self) -> bytes:
        """The next line with its end; of a long one its first bytes, so many as a row may have. Nothing at the end of the file."""
        if self.again:
            return self.again.popleft()
        line = self.file.readline(ROW_BYTES_MAX)
        if self.begun:
            line, self.begun = self.begun + line, b""
        # In most files the only \r is the one before \n.
        if b"\r" not in line or (line.find(b"\r", 0, -2) < 0 and line.endswith(b"\n")):
            return line
        if line.endswith(b"\r"):
            behind = self.file.read(1)
            if behind == b"\n":
                line += behind
            else:
                self.begun = behind
        pieces: list[bytes] = [piece for piece in _BEHIND_CR.split(line) if piece]
        if len(pieces) > 1 and not pieces[-1].endswith((b"\n", b"\r")):
            self.begun = pieces.pop()
        self.again.extend(pieces[1:])
        return pieces[0]

    def _rest(self, line: bytes) -> tuple[bytes, WholeRecord | None]:
        """A line that begins with `line` and goes on, without its end, as `Keeper` keeps it."""
        keeper = Keeper(LINE_BYTES_MAX)
        while not line.endswith((b"\n", b"\r")) and (more := self.read()):
            keeper.add(line)
            line = more
        keeper.add(line.rstrip(b"\r\n"))
        return keeper.kept()

    def end_row(self) -> tuple[int, bytes]:
        """The line and the bytes of the row, which ends here."""
        line, row = self.before + 1, self.row
        if len(row) == 1 and self.ends_with_cr is False:
            self.before = line
            return line, row.pop()
        if self.ends_with_cr is None and row:
            self.ends_with_cr = row[-1].endswith(b"\r")
        if self.ends_with_cr:
            self.before += sum(one.count(b"\r") or 1 for one in row)
        else:
            self.before += sum(one.endswith(b"\n") for one in row[:-1]) + 1
        raw = b"".join(row)
        row.clear()
        return line, raw


def read_rows(file: BinaryIO, delimiter: str, skip_lines: int = 0) -> Iterator[CsvRow]:
    """Rows in order, without those in which nothing stands. The file is never held in memory.

    A first line such as `sep=;` says the delimiter; it is one of the lines to skip. Where gzip packed the file, and it can't be unpacked to
    its end, the row in which that is found has the reason.
    """
    lines = _Lines(file)
    told = False
    first = lines.read()
    if said := _SEP.fullmatch(first.decode("utf-8", "replace")):
        delimiter = said[1]
        lines.row.append(first)
        lines.end_row()
        skip_lines -= 1
        first = lines.read().removeprefix(_BOM)
    lines.again.appendleft(first)
    for _ in range(skip_lines):
        with suppress(_TooLong):
            next(lines, None)
        lines.end_row()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.reason = lines.whole = error = None
        lines.size = 0
        try:
            cells = next(reader)
        except StopIteration:
            if lines.packed.fault is not None and not told:
                yield CsvRow(lines.before + 1, b"", [], f"{lines.packed.fault}; {BEFORE}")
            return
        except _TooLong:
            cells, error = [], f"a row longer than {ROW_BYTES_MAX} bytes"
        except csv.Error as unread:
            cells, error = [], _why(unread)
            _only_first(lines)
        line, raw = lines.end_row()
        if lines.packed.fault is not None and not raw.endswith((b"\n", b"\r")):
            error, told = f"{lines.packed.fault}; {BEFORE}", True
        if error or lines.reason or any(map(str.strip, cells)):
            bare = raw if lines.whole else raw.rstrip(b"\r\n")
            yield CsvRow(line, bare, cells, error or lines.reason, lines.whole, len(bare) < len(raw))


def fitting(rows: Iterator[CsvRow]) -> Iterator[CsvRow]:
    """The header and the rows below it; with a reason, where nobody knows whether each cell stands under its own column."""
    header = next(rows, None)
    if header is None:
        return
    yield header
    columns = len(header.cells)
    named = columns - _blank_end(header.cells)
    beginning = list(islice(rows, 2))
    usual = _usual_surplus([row for row in beginning if row.reason is None], columns)
    others_are_short = False
    for row in chain(beginning, rows):
        if (cells := len(row.cells)) != columns and row.reason is None:
            if cells > columns + usual and _blank_end(row.cells) >= cells - columns:
                row = row._replace(reason=f"{cells} cells, where the header has {columns} columns: {_SHIFTED}")
            elif cells < named and not row.is_ended and not others_are_short:
                row = row._replace(reason=f"{cells} of {named} cells, and no line end behind them: {_CUT}; {BEFORE}")
            others_are_short = others_are_short or cells < named
        yield row


def _usual_surplus(rows: Sequence[CsvRow], columns: int) -> int:
    """How many blank cells more than the header has end each row, as the first rows show it; none where they may be of a number's parts."""
    if not rows or all(_has_parted_number(row.cells) for row in rows):
        return 0
    return max(0, min(min(_blank_end(row.cells), len(row.cells) - columns) for row in rows))


def _has_parted_number(cells: Sequence[str]) -> bool:
    return any(_GROUP.fullmatch(one) and _GROUP_BEHIND.fullmatch(behind) for one, behind in pairwise(map(str.strip, cells)))


def _blank_end(cells: Sequence[str]) -> int:
    """How many blank cells are at the end."""
    return len(list(takewhile(lambda cell: not cell.strip(), reversed(cells))))


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
