"""`spoil`: a feed as it really arrives: late, twice, in any order, broken records in between. Nothing good is lost."""

import json
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from random import Random
from typing import Any

import orjson

LATER_MAX = 2_000
"""By how many places a late line, or the second copy of one, comes later at most."""
TOO_LARGE_BYTES = 1_100_000
TOO_LARGE_MAX = 2
TOO_DEEP = 3_000

Event = dict[str, Any]
Kind = Callable[[Event], bytes]


def spoil(
    lines: Iterable[bytes],
    *,
    seed: int,
    late: float = 0,
    duplicates: float = 0,
    shuffled: bool = False,
    broken: float = 0,
) -> Iterator[bytes]:
    """`lines` with these shares of them late, sent again, and followed by a broken one. Same arguments, same bytes."""
    for name, share in (("late", late), ("duplicates", duplicates), ("broken", broken)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}; it is a share, from 0 to 1")
    spoiled = _spoiled(lines, Random(f"{seed}/spoil"), late, duplicates, broken)
    return _shuffled(spoiled, Random(f"{seed}/shuffle")) if shuffled else spoiled


def _shuffled(lines: Iterator[bytes], rng: Random) -> Iterator[bytes]:
    held = list(lines)
    rng.shuffle(held)
    while held:
        yield held.pop()


def _spoiled(lines: Iterable[bytes], rng: Random, late: float, duplicates: float, broken: float) -> Iterator[bytes]:
    waiting: list[tuple[int, int, bytes]] = []  # where it comes, which one it is, the line
    breaking = Breaking()
    kept = 0
    for place, line in enumerate(lines):
        while waiting and waiting[0][0] <= place:
            yield heappop(waiting)[2]
        comes = place
        if rng.random() < late:
            comes += rng.randint(1, LATER_MAX)
            kept += 1
            heappush(waiting, (comes, kept, line))
        else:
            yield line
        if rng.random() < duplicates:
            kept += 1
            again = line if rng.random() < 0.5 else respelled(line, rng)
            # After the first copy, wherever that is now; the number keeps it behind where both come at one place.
            heappush(waiting, (comes + rng.randint(1, LATER_MAX), kept, again))
        if rng.random() < broken:
            yield breaking.like(line)
    while waiting:
        yield heappop(waiting)[2]


def respelled(line: bytes, rng: Random) -> bytes:
    """The same content in other bytes: keys the other way round, other spaces, other escapes."""
    content = _backwards(orjson.loads(line))
    return json.dumps(content, separators=(" , ", " : ") if rng.random() < 0.5 else (", ", ": "), ensure_ascii=rng.random() < 0.5).encode()


def _backwards(value: object) -> object:
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [_backwards(item) for item in value]
    return value


class Breaking:
    """One kind of breakage after the other. Each has an id of its own, so that it never competes with a good one."""

    def __init__(self) -> None:
        self._made = 0
        self._turn = 0
        self._large = 0

    def like(self, line: bytes) -> bytes:
        """A broken record that otherwise looks like `line`."""
        kind = KINDS[self._turn % len(KINDS)]
        if kind is _too_large:
            self._large += 1
            if self._large > TOO_LARGE_MAX:
                self._turn += 1
                kind = KINDS[self._turn % len(KINDS)]
        self._turn += 1
        self._made += 1
        event: Event = orjson.loads(line)
        event["id"] = f"broken-{self._made}"
        return kind(event)


def _not_json(event: Event) -> bytes:
    return b"touchpoint " + str(event["id"]).encode() + b" follows"


def _cut_off(event: Event) -> bytes:
    line = orjson.dumps(event)
    return line[: len(line) * 2 // 3]


def _not_utf8(event: Event) -> bytes:
    return orjson.dumps(event).replace(b"broken", b"br\xff\xfeken")


def _a_list(event: Event) -> bytes:
    return orjson.dumps([[event]])  # A list of events would be what it says, in a file.


def _raw_nul(event: Event) -> bytes:
    return orjson.dumps(event).replace(b"broken", b"bro\0ken")


def _huge_number(event: Event) -> bytes:
    return _with_data("product_used", {"feature": "export", "count": 0})(event).replace(b'"count":0', b'"count":' + b"9" * 400)


def _too_deep(event: Event) -> bytes:
    line = _with_data("profile_updated", {"traits": {"deep": 0}})(event)
    return line.replace(b'"deep":0', b'"deep":' + b"[" * TOO_DEEP + b"]" * TOO_DEEP)


def _too_large(event: Event) -> bytes:
    return _with_data("page_view", {"url": "/", "title": "x" * TOO_LARGE_BYTES})(event)


def _without(name: str) -> Kind:
    return lambda event: orjson.dumps({key: value for key, value in event.items() if key != name})


def _with(name: str, value: object) -> Kind:
    return lambda event: orjson.dumps({**event, name: value})


def _with_data(type: str, data: dict[str, object]) -> Kind:
    """Right in everything but `data`."""
    return lambda event: orjson.dumps({**event, "type": type, "subject": "user:1", "data": data})


KINDS: tuple[Kind, ...] = (
    _not_json,
    _cut_off,
    _not_utf8,
    _raw_nul,
    _a_list,
    _with("type", "telepathy"),
    _without("id"),
    _without("subject"),
    _without("time"),
    _without("type"),
    _with("time", "2025-03-01T10:00:00"),
    _with("time", "yesterday"),
    _with("time", 1740823200),
    _with("id", 17),
    _with("subject", "nobody"),
    _with("subject", "robot:7"),
    _with("data", [1, 2]),
    _with_data("page_view", {}),
    _with_data("page_view", {"url": {"href": "/"}}),
    _with_data("page_view", {"url": "a\0b"}),
    _with_data("page_engaged", {"url": "/", "seconds": -5}),
    _with_data("form_submitted", {"form": "contact", "intent": "mischief"}),
    _with_data("order_placed", {"order": "o1", "amount": "a lot", "currency": "EUR"}),
    _with_data("order_placed", {"order": "o1", "amount": "10.00", "currency": "ZZZ"}),
    _with_data("order_placed", {"order": "o1", "amount": "9" * 400, "currency": "EUR"}),
    _huge_number,
    _too_deep,
    _too_large,
)
