"""The table `switches`: what each rebuilt read model changed when it took the place of the live one. Both stores keep it alike."""

from collections.abc import Iterable
from typing import Any

import orjson

from projections.read_model import Differs, Switched

COLUMNS = "position, before, after, tables"


def to_row(switched: Switched) -> tuple[int, str, str, str]:
    """In the order of `COLUMNS`."""
    return (*switched[:3], orjson.dumps(switched.tables, default=tuple).decode())


def of_row(row: Iterable[Any] | None) -> Switched | None:
    if row is None:
        return None
    position, before, after, tables = row
    return Switched(position, before, after, {name: Differs(*numbers) for name, numbers in orjson.loads(tables).items()})
