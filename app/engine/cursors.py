"""Where the next page begins, as text that whoever asks gives back as it is."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, TypeGuard

import orjson

from projections.read_model import Value

WHOLE_MAX = 2**63 - 1
"""What a database takes for a whole number."""


def cursor_of(values: Sequence[Value]) -> str:
    return urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def values_of(cursor: str) -> Any:
    """What a cursor says, whatever it is; None where it is none."""
    try:
        return orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        return None


def is_like(found: Any, types: Sequence[str]) -> TypeGuard[list[Value]]:
    """Whether it is values of columns of these types: somebody may have written it, and a database takes no others."""
    return isinstance(found, list) and len(found) == len(types) and all(map(_is_of, found, types))


def _is_of(value: Any, type_: str) -> bool:
    if type_ == "TEXT":
        return isinstance(value, str) and "\0" not in value
    return type(value) is int and -WHOLE_MAX <= value <= WHOLE_MAX
