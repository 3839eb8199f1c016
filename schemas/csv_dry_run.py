"""What a map would make of some files, before anything is sent: so that it is put right first."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import orjson

from journey.touchpoints import TYPES, field_names
from schemas.csv_fields import Fields
from schemas.csv_map import CsvMap
from schemas.outside_names import Noticed
from schemas.strict_json import Unreadable

REASONS_MAX = 1000
"""How many different reasons are told apart; what comes after is counted under one."""

OTHER = "other reasons"


@dataclass(slots=True)
class DeadLetters:
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
    counts: Counter[str]
    """Touchpoints by type; a type of the map that no row gave is there with 0."""
    dead: dict[str, DeadLetters] = field(default_factory=dict)
    """The dead letters to be, by reason; where cells have the same one, it is that of the first."""
    unfilled: list[str] = field(default_factory=list)
    """Fields of the map that no row filled, as `type.field`."""
    unnamed: dict[str, str | None] = field(default_factory=dict)
    """Fields that the vocabulary does not name, with the one that may be meant. They are kept, and no figure uses them."""
    warnings: list[str] = field(default_factory=list)
    """What may be read wrong."""
    unknown: list[UnknownTexts] = field(default_factory=list)
    """Texts that no entry of the map's `values` and `starts` knows."""


def dry_run(csv_map: CsvMap, paths: Sequence[Path], decode: Callable[[bytes], object]) -> DryRun:
    """Reads the files to the end. `decode` says whether a touchpoint is one, by raising Unreadable with the reason."""
    found = DryRun(Counter({rule.type: 0 for rule in csv_map.rules()}))
    filled: set[str] = set()
    noticed = Noticed()
    firsts: dict[str, str] = {}
    for incoming in csv_map.read(paths, noticed):
        reason = incoming.reason
        if incoming.body is not None:
            try:
                decode(incoming.body)
            except Unreadable as error:
                reason = str(error)
            else:
                touch = orjson.loads(incoming.body)
                found.counts[touch["type"]] += 1
                filled.update(_paths(touch["type"], touch["data"]))
        if reason is not None:
            kind = (incoming.kind or reason) if incoming.body is None else reason
            kept = firsts.setdefault(kind, reason) if kind in firsts or len(firsts) < REASONS_MAX else OTHER
            found.dead.setdefault(kept, DeadLetters(incoming.place)).count += 1
    found.warnings = noticed.warnings()
    found.unknown = [UnknownTexts(name, known, dict(texts.most_common())) for (name, known), texts in noticed.unknown.items()]
    mapped = {path: None for rule in csv_map.rules() for path in _paths(rule.type, rule.data.root)}
    found.unfilled = [path for path in mapped if path not in filled]
    for rule in csv_map.rules():
        known = field_names(TYPES[rule.type])
        for name in rule.data.root:
            if name not in known:
                near = get_close_matches(name, set(known) - set(rule.data.root), n=1, cutoff=0.8)
                found.unnamed[f"{rule.type}.{name}"] = near[0] if near else None
    return found


def _paths(at: str, fields: Mapping[str, object]) -> Iterator[str]:
    """The names of all fields, those of objects included: `custom.properties.plan`."""
    for name, value in fields.items():
        inner = value.root if isinstance(value, Fields) else value
        if isinstance(inner, Mapping):
            yield from _paths(f"{at}.{name}", inner)
        else:
            yield f"{at}.{name}"
