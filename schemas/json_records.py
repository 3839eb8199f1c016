"""A file of JSON as records, one event each: its lines, the elements of an array, or values that are written over several lines.

A record's place is its line, `calls.jsonl:7`; of an array, its line and which element it is, counted from 0 as jq does: `array.json:12[3]`.
"""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from schemas.incoming import LINE_BYTES_MAX, WholeRecord, rest_of_line, too_large, without_end
from schemas.json_values import JsonValue, is_whole, values
from schemas.unpacked import BEFORE, PIECE_BYTES, unpacked

AHEAD_MAX = 100
"""Lines that are read to see how the first goes on; all but the last of them are blank."""

CUT_OFF = f"the file ends here, in the middle of its array; {BEFORE}"


class JsonRecord(NamedTuple):
    source: str
    """The file's name."""
    file: str
    """Where the file lies."""
    line: int
    elements: tuple[int, ...]
    """Which element of an array it is, and of an array in that."""
    raw: bytes
    """What is in UTF-16 in the file is in UTF-8 here."""
    whole: WholeRecord | None = None
    """Where `raw` is but the beginning."""
    reason: str | None = None
    """Why it is no event, where that is known without reading it."""

    @property
    def place(self) -> str:
        line = f"{self.file}:{self.line}" if self.line else self.file
        return line + "".join(f"[{element}]" for element in self.elements) if self.elements else line


def records(file: BinaryIO, source: str, place: str) -> Iterator[JsonRecord]:
    """The records of `file`, which is called `source` and lies at `place`, in order. Blank lines are none. What is held is one record."""
    text, packed = unpacked(file)
    told = False
    for value in _values(text):
        reason = None
        if value.whole is not None:
            reason = too_large(value.whole.length, LINE_BYTES_MAX)
        elif not value.is_ended and packed.fault is not None:
            reason, told = f"{packed.fault}; {BEFORE}", True
        elif not value.is_ended and value.element is not None:
            reason = CUT_OFF
        yield JsonRecord(source, place, value.line, () if value.element is None else (value.element,), value.raw, value.whole, reason)
    if packed.fault is not None and not told:
        yield JsonRecord(source, place, 0, (), b"", reason=f"{packed.fault}; {BEFORE}")


def _values(text: BinaryIO) -> Iterator[JsonValue]:
    number = 1
    while (line := text.readline(PIECE_BYTES)) and not line.strip():
        number += line.count(b"\n")
    ahead = deque([line] if line else [])
    is_spread = line.lstrip().startswith(b"[") or (line.startswith(b"{") and len(line) == PIECE_BYTES and not line.endswith(b"\n"))
    # Whoever writes into a pipe may wait for us after a whole line: so the next is asked for only where it has to be.
    if line.endswith(b"\n") and (is_spread or (line.lstrip().startswith(b"{") and not is_whole(line))):
        after = b""
        while not after.strip() and len(ahead) < AHEAD_MAX and (after := text.readline(PIECE_BYTES)):
            ahead.append(after)
        is_spread = _goes_on(line, after) if after.strip() else is_spread
    if is_spread:
        return values(chain(ahead, iter(lambda: text.read1(PIECE_BYTES), b"")), number)  # type: ignore[attr-defined]  # it is buffered
    return _of_lines(text, ahead, number)


def _goes_on(line: bytes, after: bytes) -> bool:
    """Whether `after` is the next line of the value that begins in `line`, and no record that follows on it; it may be cut off."""
    if is_whole(line):
        return False
    last, first = line.rstrip()[-1:], after.lstrip()[:1]
    match last:
        case b"{":
            return first in (b'"', b"}")
        case b"[":
            return True
        case b"," | b":":
            is_of_list = line.lstrip().startswith(b"[") or b'"batch"' in line
            return is_of_list or first != b"{" or not is_whole(after)
        case _:
            return first in (b",", b"]", b"}")


def _of_lines(text: BinaryIO, ahead: deque[bytes], number: int) -> Iterator[JsonValue]:
    """A value each; of a line that is an array, its elements, and of one that holds several values with nothing between, all of these."""
    while line := ahead.popleft() if ahead else text.readline(PIECE_BYTES):
        is_ended = line.endswith(b"\n")
        if not is_ended and len(line) == PIECE_BYTES:
            yield JsonValue(number, None, *rest_of_line(line, text, PIECE_BYTES))
        elif (line.lstrip().startswith(b"[") and is_whole(line) and (found := list(values([line], number)))) or (
            b"}{" in line and is_whole(line) and len(found := list(values([line], number))) > 1
        ):
            yield from found
        elif line.strip():
            yield JsonValue(number, None, without_end(line), None, is_ended or is_whole(line))
        number += 1
