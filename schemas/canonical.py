"""One text for one value: canonical JSON (RFC 8785), so that what says the same hashes the same, however it was written."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import rfc8785

from journey.integers import INTEGER_MAX


def canonical(value: object) -> bytes:
    """`value` as canonical JSON. A decimal is a string there, without zeros at its end: as a number it would be rounded.

    Raises ValueError for what has no exact form: integers beyond ±2^53, NaN, lone surrogates, keys that are no strings.
    """
    return rfc8785.dumps(_plain(value))


def content_hash(body: bytes) -> bytes:
    """SHA-256 of what `body` says, its time apart. Bodies that differ only in how a number is written (1.0 or 1) have the same."""
    event = json.loads(body)
    event.pop("time", None)
    return hashlib.sha256(canonical(event)).digest()


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return _digits(value)
        case int() if abs(value) == INTEGER_MAX:
            return float(value)  # rfc8785 stops one below, though this one is exact too.
        case dict():
            return {key: _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    return value


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"there is no canonical form of {value}")
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
