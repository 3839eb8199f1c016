"""The canonical content of a read model: the same bytes for the same rows, whichever database holds them."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from journey.integers import INTEGER_MAX, all_plain
from projections.read_model import Ask, ReadModel


async def digest(model: ReadModel, ask: Ask) -> str:
    """SHA-256 over all rows of `model`, as 64 hexadecimal digits. The lines are put in order here, never by a database."""
    hashed = hashlib.sha256()
    for table in sorted(model.tables, key=lambda one: one.name):
        rows = await ask(f"SELECT {', '.join(table.columns)} FROM {table.name}")
        hashed.update(json.dumps(table.name).encode() + b"\n")
        hashed.update(b"".join(sorted(line(row) for row in rows)))
    return hashed.hexdigest()


def line(row: Sequence[Any]) -> bytes:
    """One row. Texts and integers only, and those of any size: nothing here may be spelled in two ways."""
    spelled = row
    for value in row:
        if not isinstance(value, str):
            assert isinstance(value, int), row
            if not -INTEGER_MAX <= value <= INTEGER_MAX:
                spelled = all_plain(row)
    return json.dumps(spelled, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
