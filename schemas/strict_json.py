"""JSON as it may come in: read fast, and refused where another reader, or we ourselves later, would read something else."""

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Never

import orjson

from journey.integers import INTEGER_MAX

BODY_BYTES_MAX = 1_000_000
DEPTH_MAX = 32

_DIGITS_SAFE = 15
"""So many digits are below 2^53, whatever they are."""

_ALIKE = bytes.maketrans(b"123456789{", b"000000000[")
"""Any digit as 0 and any opening as [, so that both are looked for with one pass of each."""
_BACKSLASH = ord("\\")
_LONG = b"0" * (_DIGITS_SAFE + 1)
_LONG_NUMBER = re.compile(rb"[:,\[\s]-?\d{%d}" % (_DIGITS_SAFE + 1))


class Unreadable(Exception):
    """Bytes that are no touchpoint; they are kept, with the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


def read(raw: bytes) -> Any:
    """The JSON value in `raw`, its numbers as integers and floats. Raises Unreadable."""
    if len(raw) > BODY_BYTES_MAX:
        raise Unreadable("too-large", f"{len(raw):,} bytes; a touchpoint has at most {BODY_BYTES_MAX:,}")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _why_not(raw, error) from error
    alike = raw.translate(_ALIKE)
    if alike.count(b"[") > DEPTH_MAX and _deeper(value, DEPTH_MAX):
        raise Unreadable("too-deep", f"objects and lists nest deeper than {DEPTH_MAX} levels")
    # A backslash that is itself escaped is no start of an escape.
    if _BACKSLASH in raw and b"\\u0000" in raw.replace(b"\\\\", b""):
        raise _nul()
    # orjson reads an integer beyond 64 bits as a float, so this has to be seen in the text. Long ids are common:
    # first whether there is any run of digits so long, then whether it stands where a number does, then the number.
    if _LONG in alike and _LONG_NUMBER.search(raw):
        json.loads(raw, parse_int=_integer)
    return value


def read_exactly(raw: bytes) -> Any:
    """What `read` read, with the numbers that it read as floats as decimals."""
    return json.loads(raw, parse_float=_decimal)


def _deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_deeper(part, levels - 1) for part in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper(part, levels - 1) for part in value)
    return False


def _why_not(raw: bytes, error: orjson.JSONDecodeError) -> Unreadable:
    """The reason why orjson did not read `raw`; the slower reader of the standard library finds it out."""
    if not raw.strip():
        return Unreadable("empty", "there is nothing in it")
    if b"\0" in raw:
        return _nul()
    try:
        text = raw.decode()
    except UnicodeDecodeError as undecodable:
        return Unreadable("not-utf-8", f"byte {undecodable.start} is not UTF-8: {undecodable.reason}; send it as UTF-8")
    try:
        json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_constant)
    except Unreadable as unreadable:
        return unreadable
    except RecursionError:
        return Unreadable("too-deep", f"objects and lists nest deeper than {DEPTH_MAX} levels")
    except json.JSONDecodeError as not_json:
        return Unreadable("not-json", f"not JSON: {not_json.msg.removesuffix(' at')} at line {not_json.lineno}, column {not_json.colno}")
    if re.search(r"\\u[dD][89a-fA-F]", text):
        return Unreadable("lone-surrogate", "a text has half of a surrogate pair; both halves, or neither, make a character")
    return Unreadable("not-json", f"not JSON: {error.msg}")


def _nul() -> Unreadable:
    return Unreadable("nul", "there is a NUL character, which databases cannot store; leave it out")


def _too_large(text: str) -> Unreadable:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return Unreadable("number-too-large", f"{shown} is beyond ±2^53, where readers round; send it as a string")


def _integer(text: str) -> int:
    if len(text) > _DIGITS_SAFE + 2 or abs(int(text)) > INTEGER_MAX:
        raise _too_large(text)
    return int(text)


def _float(text: str) -> float:
    if math.isinf(float(text)):
        raise _too_large(text)
    return float(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise _too_large(text) from error


def _constant(text: str) -> Never:
    raise Unreadable("not-json", f"not JSON: {text} is no number there; leave the field out")
