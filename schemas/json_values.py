"""The JSON values of a text one by one, each with its own bytes: those of an array, or several after one another. The text is never held.

What is no JSON costs as little as can be: a text ends at the end of its line, as JSON wants it, and a bracket of the wrong kind closes
what is around it, or nothing. So an element that is broken is one value, to be refused by whoever reads it, and the rest goes on.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from schemas.incoming import LINE_BYTES_MAX, Keeper, WholeRecord

_BLANK = re.compile(rb"[ \t\r\n]*+")
_NESTED = re.compile(rb'(?:[^\[\]{}"]++|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")*+')
_LEVEL = re.compile(rb'(?:[^\[\]{}",\n]++|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")*+')
_TEXT = re.compile(rb'(?:[^"\\\n]++|\\.)*+')
_BATCH = re.compile(rb'"batch"[ \t\r\n]*:[ \t\r\n]*\Z')

_OPENS, _CLOSES = b"[{", {ord("]"): ord("["), ord("}"): ord("{")}
_ARRAY, _ARRAY_END, _COMMA, _QUOTE, _BACKSLASH, _NEWLINE = b'[],"\\\n'

_KEY_BYTES_MAX = 64
"""How far before a bracket its key may begin."""


class JsonValue(NamedTuple):
    line: int
    """Where it begins."""
    element: int | None
    """Which element of an array it is, from 0."""
    raw: bytes
    whole: WholeRecord | None
    """Where `raw` is but the beginning."""
    is_ended: bool = True
    """False for the last one of a text that ends within it, and for what stands for an array that is not closed."""


class _Values:
    """Where we are in the text."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.begun = line
        self.element: int | None = None
        self.keeper: Keeper | None = None
        self.open = bytearray()  # the brackets within the value at hand
        self.in_text = False
        self.escaped = False
        self.end = 0  # where the last array closed, in the piece in which it did

    def of(self, piece: bytes, at: int = 0, *, one_array: bool = False) -> Iterator[JsonValue]:
        while at < len(piece) and not (one_array and self.end):
            if self.keeper is None:
                at = self._between(piece, at)
                continue
            start, is_over = at, False
            at, is_over = self._within(piece, at)
            self.line += piece.count(b"\n", start, at)
            self.keeper.add(piece[start:at])
            if is_over:
                yield self._value()

    def rest(self) -> Iterator[JsonValue]:
        """What a text that ends here leaves."""
        if self.keeper is not None:
            is_ended = self.element is None and not self.open and not self.in_text
            yield self._value()._replace(is_ended=is_ended)
        elif self.element is not None:
            yield JsonValue(self.line, self.element, b"", None, is_ended=False)

    def _value(self) -> JsonValue:
        assert self.keeper is not None
        raw, whole = self.keeper.kept()
        value = JsonValue(self.begun, self.element, raw if whole else raw.rstrip(), whole)
        self.keeper, self.in_text, self.escaped = None, False, False
        self.open.clear()
        if self.element is not None:
            self.element += 1
        return value

    def _between(self, piece: bytes, at: int) -> int:
        """The place of the next value's first byte, or of what is between two."""
        match = _BLANK.match(piece, at)
        assert match is not None
        self.line += piece.count(b"\n", at, match.end())
        at = match.end()
        if at == len(piece):
            return at
        sign = piece[at]
        if sign == _COMMA:
            return at + 1
        if sign == _ARRAY and self.element is None:
            self.element = 0
            return at + 1
        if sign == _ARRAY_END and self.element is not None:
            self.element = None
            self.end = at + 1
            return at + 1
        self.keeper, self.begun = Keeper(LINE_BYTES_MAX), self.line
        return at

    def _within(self, piece: bytes, at: int) -> tuple[int, bool]:
        """How far the value at hand goes, up to the next sign that matters; and whether it is over."""
        if self.escaped:
            self.escaped = False
            return (at, False) if piece[at] == _NEWLINE else (at + 1, False)
        match = (_TEXT if self.in_text else _NESTED if self.open else _LEVEL).match(piece, at)
        assert match is not None
        at = match.end()
        if at == len(piece):
            return at, False
        sign = piece[at]
        if self.in_text:
            self.in_text = False
            if sign == _BACKSLASH:
                self.in_text = self.escaped = at + 1 == len(piece)
            return (at, False) if sign == _NEWLINE else (at + 1, False)
        if sign == _QUOTE:
            self.in_text = True
            return at + 1, False
        if sign in _OPENS:
            self.open.append(sign)
            return at + 1, False
        if sign in _CLOSES:
            return self._closed(sign, at)
        # A comma or the end of a line, outside of all brackets.
        is_over = sign == _COMMA or self.element is None
        return (at, True) if is_over else (at + 1, False)

    def _closed(self, sign: int, at: int) -> tuple[int, bool]:
        opened = self.open.rfind(_CLOSES[sign])
        if opened >= 0:
            del self.open[opened:]
            return at + 1, not self.open
        # It closes nothing; or, right after a number or a word, the array that this is in.
        return (at, True) if sign == _ARRAY_END and self.element is not None and not self.open else (at + 1, not self.open)


def values(pieces: Iterable[bytes], line: int = 1) -> Iterator[JsonValue]:
    """The elements of arrays and what stands beside them, in order. The text begins on `line`."""
    found = _Values(line)
    for piece in pieces:
        yield from found.of(piece)
    yield from found.rest()


class ValueBatch(NamedTuple):
    """A body that holds calls, as the libraries of Segment, RudderStack and PostHog post them."""

    head: bytes
    """The body with no calls in it."""
    calls: list[JsonValue]


def batch(raw: bytes, line: int = 1, calls_max: int | None = None) -> ValueBatch | None:
    """The calls of `raw`, a JSON object that has them in the list `batch`; None where it is something else. No more than `calls_max` are
    looked for: where there are so many, there may be more, and `head` is not to be used.
    """
    if b'"batch"' not in raw:
        return None
    at = depth = 0
    while (match := _NESTED.match(raw, at)) is not None and (at := match.end()) < len(raw):
        sign = raw[at]
        if sign == _ARRAY and depth == 1 and (key := _BATCH.search(raw, max(0, at - _KEY_BYTES_MAX), at)):
            found = _Values(line + raw.count(b"\n", 0, at))
            calls = list(islice(found.of(raw, at, one_array=True), calls_max))
            calls += [] if found.end else found.rest()
            return ValueBatch(raw[: key.start()] + b'"batch":[]' + (raw[found.end :] if found.end else b""), calls)
        depth += (sign in _OPENS) - (sign in _CLOSES)
        at += 1
    return None


def is_whole(raw: bytes) -> bool:
    """Whether as many brackets are closed in `raw` as are opened, and no text is left open."""
    depth = at = 0
    while (match := _NESTED.match(raw, at)) is not None and (at := match.end()) < len(raw):
        if raw[at] == _QUOTE:
            return False
        depth += 1 if raw[at] in _OPENS else -1
        at += 1
    return depth == 0
