"""What would come of some records, before anything is sent: so that what is wrong is put right first."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import orjson

from journey.touchpoints import NAMES, TYPES, field_names
from schemas.decode import Decoded
from schemas.incoming import Incoming
from schemas.noticed import Noticed
from schemas.strict_json import Unreadable

REASONS_MAX = 1000
"""How many different reasons are told apart; what comes after is counted under one."""

OTHER = "other reasons"

UNNAMED_MAX = 1000
"""How many fields that no type names are told."""


@dataclass(slots=True)
class FoundDeadLetters:
    """How many records have one reason, and where the first of them is."""

    first: str
    count: int = 0


@dataclass(slots=True)
class UnknownTexts:
    field: str
    known: str
    """Which key of the map does not know them."""
    texts: dict[str, int]
    """With how many cells hold them, the most frequent first."""


@dataclass(slots=True)
class DryRun:
    counts: Counter[str] = field(default_factory=Counter)
    """Touchpoints by type; a type of a map that no row gave is there with 0."""
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The first touchpoint of each type, as it would be sent."""
    dead: dict[str, FoundDeadLetters] = field(default_factory=dict)
    """The dead letters to be, by reason; where cells have the same one, it is that of the first."""
    filled: set[str] = field(default_factory=set)
    """Fields of the vocabulary that some touchpoint has, as `type.field`."""
    unfilled: list[str] = field(default_factory=list)
    """Fields of a map that no row filled, as `type.field`."""
    unnamed: dict[str, str | None] = field(default_factory=dict)
    """Fields that the vocabulary does not name, with the one that may be meant. They are kept, and no figure uses them."""
    files: dict[str, str] = field(default_factory=dict)
    """What each file was taken for."""
    unknown: list[UnknownTexts] = field(default_factory=list)
    """Texts that no entry of a map's `values` and `starts` knows."""
    noticed: Noticed = field(default_factory=Noticed)

    def add(self, incoming: Iterable[Incoming], decode: Callable[[bytes], Decoded]) -> None:
        """Reads the records to the end. `decode` says whether a touchpoint is one, by raising Unreadable with the reason."""
        firsts: dict[str, str] = {}
        for one in incoming:
            reason = one.reason
            if reason is None:
                try:
                    self._count(decode(one.raw if one.body is None else one.body))
                except Unreadable as error:
                    reason = str(error)
            if reason is not None:
                kind = one.kind or reason
                kept = firsts.setdefault(kind, reason) if kind in firsts or len(firsts) < REASONS_MAX else OTHER
                self.dead.setdefault(kept, FoundDeadLetters(one.place)).count += 1

    def name_unknown(self, type: str, names: Iterable[str], stated: Iterable[str]) -> None:
        """Note which of `names` are no fields of `type`; one that may be meant is none of `stated`."""
        known = field_names(TYPES[type])
        for name in names:
            if name not in known and f"{type}.{name}" not in self.unnamed and len(self.unnamed) < UNNAMED_MAX:
                near = get_close_matches(name, set(known) - set(stated), n=1, cutoff=0.8)
                self.unnamed[f"{type}.{name}"] = near[0] if near else None

    def _count(self, decoded: Decoded) -> None:
        type = NAMES[decoded.touch.data.__class__]
        self.counts[type] += 1
        event = orjson.loads(decoded.body)
        known = field_names(TYPES[type])
        self.filled.update(f"{type}.{name}" for name, value in event["data"].items() if value is not None and name in known)
        if type not in self.examples or decoded.unknown:
            self.examples.setdefault(type, event)
            self.name_unknown(type, decoded.unknown, event["data"])
