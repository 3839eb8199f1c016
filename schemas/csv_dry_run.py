"""What a map would make of some files."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from schemas.csv_fields import Fields
from schemas.csv_map import CsvMap
from schemas.decode import Decoded
from schemas.dry_run import DryRun, UnknownTexts


def dry_run(csv_map: CsvMap, paths: Sequence[Path], decode: Callable[[bytes], Decoded]) -> DryRun:
    """Reads the files to the end. `decode` says whether a touchpoint is one, by raising Unreadable with the reason."""
    found = DryRun(Counter({rule.type: 0 for rule in csv_map.rules()}))
    for rule in csv_map.rules():
        found.name_unknown(rule.type, rule.data.root, rule.data.root)
    filled: set[str] = set()

    def decoded(body: bytes) -> Decoded:
        touch = decode(body)
        made = orjson.loads(body)
        filled.update(_paths(made["type"], made["data"]))
        return touch

    found.add(csv_map.read(paths, found.noticed), decoded)
    found.unknown = [UnknownTexts(name, known, dict(texts.most_common())) for (name, known), texts in found.noticed.unknown.items()]
    mapped = {path: None for rule in csv_map.rules() for path in _paths(rule.type, rule.data.root)}
    found.unfilled = [path for path in mapped if path not in filled]
    return found


def _paths(at: str, fields: Mapping[str, object]) -> Iterator[str]:
    """The names of all fields, those of objects included: `custom.properties.plan`."""
    for name, value in fields.items():
        inner = value.root if isinstance(value, Fields) else value
        if isinstance(inner, Mapping):
            yield from _paths(f"{at}.{name}", inner)
        else:
            yield f"{at}.{name}"
