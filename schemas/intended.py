"""What a dead letter was meant to be: the names of its touchpoints, as far as they can be known though the rest can't be read.

Of a record that nothing could be made of, who read it says: `{"columns": […], "meant": [{"type": …, "subject": …, "id": …}, …]}`, of each
touchpoint what could be read. Anybody may have sent that, so it is read as warily as anything else.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import orjson

from journey.histories import is_subject
from journey.touchpoints import ID_LENGTH_MAX
from schemas.incoming import Incoming

Name = tuple[str, str, str]
"""(subject, source, id): what one touchpoint is known by for ever."""

RAW_BYTES_MAX = 64 * 1024
"""Of a larger record that nothing could be made of, no more is kept than its bytes: both travel in one message."""

NAMES_MAX = 100
"""Touchpoints of one record. Of what says more, none is awaited."""

_PARTS = ("subject", "source", "id")


def unmade(raw: bytes, touchpoints: Sequence[Mapping[str, str]], columns: Sequence[str] = ()) -> bytes | None:
    """What is known of the touchpoints that a record was meant to be that nothing could be made of."""
    if len(raw) > RAW_BYTES_MAX:
        return None
    try:
        return orjson.dumps({**({"columns": columns} if columns else {}), "meant": touchpoints})
    except orjson.JSONEncodeError:  # Half of a character.
        return None


def names_meant(incoming: Incoming) -> tuple[Name, ...]:
    """The names of all touchpoints that `incoming`, which can't be read, was meant to be; none where one of them can't be known."""
    if incoming.whole is not None:
        return ()
    if incoming.reason is None:
        event = _lenient(incoming.raw if incoming.body is None else incoming.body)
        found = [_name(event)]
    else:
        found = [_name(one) for one in known_of(incoming.meant)]
    names = [name for name in found if name is not None]
    return tuple(dict.fromkeys(names)) if len(names) == len(found) <= NAMES_MAX else ()


def known_of(meant: bytes | None) -> list[dict[str, Any]]:
    """Of each touchpoint that could not be made, what could be read, as `unmade` wrote it."""
    stated = _lenient(meant or b"").get("meant")
    return [one for one in stated if isinstance(one, dict)] if isinstance(stated, list) else []


def columns_of(meant: bytes | None) -> list[str]:
    """The columns of the file that a row came in, as `unmade` wrote them."""
    stated = _lenient(meant or b"").get("columns")
    return stated if isinstance(stated, list) and all(isinstance(one, str) for one in stated) else []


def _name(event: Mapping[str, Any]) -> Name | None:
    subject, source, id = map(event.get, _PARTS)
    if _is_text(subject) and _is_text(source) and _is_text(id) and is_subject(subject):
        return subject, source, id
    return None


def _is_text(value: object) -> TypeGuard[str]:
    # U+FFFD stands for what was no character: which one was meant, nobody knows.
    return isinstance(value, str) and 0 < len(value) <= ID_LENGTH_MAX and "\0" not in value and "\ufffd" not in value


def _lenient(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, also where it is none that we accept."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            found = json.loads(raw.decode(errors="replace"))
            orjson.dumps([found.get(part) for part in _PARTS])
        except (ValueError, RecursionError, AttributeError, TypeError):
            return {}
    return found if isinstance(found, dict) else {}
