"""Times and dates as exports write them: in which formats, and on whose clock.

A local time that the clocks skip or repeat when they change is read as on the side before the change (PEP 495, `fold=0`): of two
readings of 02:30 the first; a 02:30 that never was, as if the clocks had not changed yet, an hour later in the new time.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator

from journey.errors import Refused
from journey.instants import length
from journey.problems import meant
from schemas.csv_yaml import Texts

READ_TIMES_KEPT_MAX = 4096
"""How many texts that were read already are remembered, per format: exports repeat days."""

NAMED = {"iso": 0, "epoch_s": 6, "epoch_ms": 3}
"""Formats with a name; for epochs, how many decimals make microseconds."""

_DIRECTIVES = frozenset("aAbBdfHIjmMpSyYz%")
_EVERYDAY = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "yyyy": "%Y", "yy": "%y"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unread(ValueError):
    """A cell does not hold what the map says it holds; the text is the reason."""


def _format(text: str) -> str:
    if text in NAMED:
        return str(text)
    used = re.findall(r"%(.)", text, re.DOTALL)
    if not used:
        raise ValueError(f"{text!r} is no format{_everyday(text)}")
    for letter in used:
        if letter not in _DIRECTIVES:
            raise ValueError(f"%{letter} in {text!r} is no part of a time format; known: %{', %'.join(sorted(_DIRECTIVES))}")
    has = set(used)
    if not (has & {"Y", "y"} and (("d" in has and has & {"m", "b", "B"}) or "j" in has)):
        raise ValueError(f"{text!r} names no whole date: it needs the year (%Y), the month (%m, %b or %B) and the day (%d)")
    return str(text)


def _everyday(text: str) -> str:
    """A hint for one who wrote DD/MM/YYYY, or misspelt a name."""
    written = text
    for theirs, ours in _EVERYDAY.items():
        written = written.replace(theirs, ours)
    if "%" in written:
        return f"; did you mean {written!r}?"
    return meant(text, NAMED) or f'; write one such as "%d/%m/%Y %H:%M", or {", ".join(NAMED)}'


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = meant(name, available_timezones()) or "; write one such as Europe/Berlin"
        raise ValueError(f"{name!r} is no time zone{near}") from error
    return str(name)


def _length(text: str) -> str:
    try:
        length(text)
    except Refused as error:
        raise ValueError(str(error)) from error
    return str(text)


Formats = Annotated[Texts, AfterValidator(lambda formats: tuple(map(_format, formats)))]
ZoneName = Annotated[str, AfterValidator(_zone)]
Length = Annotated[str, AfterValidator(_length)]


def states_zone(formats: tuple[str, ...]) -> bool:
    """Whether all of `formats` may carry the zone: ISO times may, and then each cell has to."""
    return all(one in NAMED or "%z" in one for one in formats)


def time_reader(formats: tuple[str, ...], zone: str | None, plus: str | None = None) -> Callable[[str], str]:
    """Reads a cell as an instant: RFC 3339 in UTC. Raises Unread."""
    moment = _moment_reader(formats, zone)
    later = timedelta(microseconds=length(plus) if plus else 0)

    @lru_cache(maxsize=READ_TIMES_KEPT_MAX)
    def read(text: str) -> str:
        found = moment(text)
        if found.tzinfo is None:
            raise Unread("a time without a zone: state `zone:` in the map")
        try:
            return (found.astimezone(UTC) + later).isoformat().replace("+00:00", "Z")
        except OverflowError as error:
            raise Unread("a time beyond the year 9999") from error

    return read


def date_reader(formats: tuple[str, ...], zone: str | None) -> Callable[[str], str]:
    """Reads a cell as a date, YYYY-MM-DD: in `zone` where the cell states an offset. Raises Unread."""
    moment = _moment_reader(formats, None)
    own = ZoneInfo(zone) if zone else None

    @lru_cache(maxsize=READ_TIMES_KEPT_MAX)
    def read(text: str) -> str:
        found = moment(text)
        if found.tzinfo is not None and own is not None:
            found = found.astimezone(own)
        return found.date().isoformat()

    return read


def _moment_reader(formats: tuple[str, ...], zone: str | None) -> Callable[[str], datetime]:
    own = ZoneInfo(zone) if zone else None
    readers = [_reader(one) for one in formats]

    def read(text: str) -> datetime:
        for reader in readers:
            try:
                found = reader(text)
            except (ValueError, OverflowError):
                continue
            return found.replace(tzinfo=own) if found.tzinfo is None else found
        raise Unread(f"no time in the format {' or '.join(formats)}")

    return read


def _reader(one: str) -> Callable[[str], datetime]:
    if one == "iso":
        return datetime.fromisoformat
    if one in NAMED:
        return lambda text: _since_epoch(text, NAMED[one])
    return lambda text: datetime.strptime(text, one)  # noqa: DTZ007 - the map's zone is put on by the caller


def _since_epoch(text: str, decimals: int) -> datetime:
    if "e" in text.lower():
        raise ValueError("a spreadsheet has rounded it")
    try:
        return _EPOCH + timedelta(microseconds=int(Decimal(text).scaleb(decimals)))
    except InvalidOperation as error:
        raise ValueError(text) from error
