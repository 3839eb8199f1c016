"""Facts as bytes: a line for each kind, so that who wants some kinds reads no others.

What was stored before there were lines is one JSON list of facts of all kinds, and is read as well.
"""

from collections.abc import Collection

import orjson

from streams.units import FactRow

_BETWEEN = b"\t"
"""Between a kind and its facts. JSON has no tab or line break of its own, and no kind has one in its name."""


def dump(facts: list[FactRow]) -> bytes:
    """`facts` by kind."""
    by_kind: dict[str, list[FactRow]] = {}
    for fact in facts:
        by_kind.setdefault(fact[0], []).append(fact)
    return b"\n".join(kind.encode() + _BETWEEN + orjson.dumps(some, default=tuple) for kind, some in by_kind.items())


def load(body: bytes, kinds: Collection[str] | None = None) -> list[FactRow]:
    """The facts that `dump` was given: all of them, or those of `kinds`."""
    if body.startswith(b"["):
        every: list[FactRow] = orjson.loads(body)
        return every if kinds is None else [fact for fact in every if fact[0] in kinds]
    found: list[FactRow] = []
    for line in body.splitlines():
        kind, _, some = line.partition(_BETWEEN)
        if kinds is None or kind.decode() in kinds:
            found += orjson.loads(some)
    return found
