"""Times and dates as exports write them: in which formats, and on whose clock.

A local time that the clocks skip or repeat when they change is read as on the side before the change (PEP 495, `fold=0`): of two
readings of 02:30 the first; a 02:30 that never was, as if the clocks had not changed yet, an hour later in the new time.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Annotated, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from journey.errors import Refused
from journey.instants import length
from journey.problems import meant
from schemas.csv_cell import Unread
from schemas.csv_yaml import Texts
from schemas.csv_zone import in_zone

READ_TIMES_KEPT_MAX = 4096
"""How many texts that were read already are remembered, per format: exports repeat days."""

TIME_LETTERS_MAX = 40
"""A longer text is looked at no further for how it may be read."""

YEAR_MIN = 1990
"""An epoch before is a number that means something else."""

NAMED = {"iso": 0, "epoch_s": 6, "epoch_ms": 3}
"""Formats with a name; for epochs, how many decimals make microseconds."""

_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p")
_WAYS = tuple(day + clock for clock in _CLOCKS for day in _DAYS)
"""How times are written, where the formats of a map do not fit."""

_DIRECTIVES = frozenset("aAbBdfHIjmMpSyYzZ%")
_EVERYDAY = {"YYYY": "%Y", "YY": "%y", "MM": "%m", "DD": "%d", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "yyyy": "%Y", "yy": "%y"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS = re.compile(r"[A-Za-z][A-Za-z_]*(?:/[\w+-]+)*(?:[-+\u2212]\d{1,2}(?::?\d{2})?)?|[-+\u2212]\d{1,2}(?::?\d{2})?", re.ASCII)
"""What may be the zone in a time: PST, Europe/Berlin, UTC+2, +02:00."""


_UTC = re.compile(r"(?<=%[HMSf])Z$")
_UTC_IN_LETTERS = re.compile(r"(?<=%[HMSf] )(?:UTC|GMT)$")
"""A zone at the end of a format that is written out and no directive: it is one all the same, and the map's own would be wrong."""


def _format(text: str) -> str:
    if text in NAMED:
        return str(text)
    text = _UTC.sub("%z", _UTC_IN_LETTERS.sub("%Z", text))
    used = re.findall(r"%(.)", text, re.DOTALL)
    if not used:
        raise ValueError(f"{text!r} is no format{_everyday(text)}")
    for letter in used:
        if letter not in _DIRECTIVES:
            raise ValueError(f"%{letter} in {text!r} is no part of a time format; known: %{', %'.join(sorted(_DIRECTIVES))}")
    has = set(used)
    if not (has & {"Y", "y"} and (("d" in has and has & {"m", "b", "B"}) or "j" in has)):
        raise ValueError(f"{text!r} names no whole date: it needs the year (%Y), the month (%m, %b or %B) and the day (%d)")
    if {"H", "p"} <= has:
        raise ValueError(f"%H in {text!r} is an hour of 24, and %p would say nothing: write %I, the hour of 12 before AM and PM")
    if "I" in has and "p" not in has:
        raise ValueError(f"%I in {text!r} is an hour of 12, and nothing says of which half of the day: write %H, or add %p for AM and PM")
    return str(text)


def _everyday(text: str) -> str:
    """A hint for one who wrote DD/MM/YYYY, or misspelt a name."""
    written = text
    for theirs, ours in _EVERYDAY.items():
        written = written.replace(theirs, ours)
    if "%" in written:
        return f"; did you mean {written!r}?"
    return meant(text, NAMED) or f'; write one such as "%d/%m/%Y %H:%M", or {", ".join(NAMED)}'


def _length(text: str) -> str:
    try:
        length(text)
    except Refused as error:
        raise ValueError(str(error)) from error
    return str(text)


Formats = Annotated[Texts, AfterValidator(lambda formats: tuple(map(_format, formats)))]
Length = Annotated[str, AfterValidator(_length)]


def states_zone(formats: tuple[str, ...]) -> bool:
    """Whether all of `formats` may carry the zone: ISO times may, and then each cell has to."""
    return all(one in NAMED or "%z" in one or "%Z" in one for one in formats)


class Read(NamedTuple):
    """What a cell says."""

    text: str
    """An instant in UTC, or a date."""
    twice: str = ""
    """What else it may say, where another format of the rule fits it too and says something else."""


class Reader(Protocol):
    """Reads a cell, with the text of the cell that says its zone, where there is one. Raises Unread."""

    def __call__(self, text: str, zone_text: str = "", /) -> Read: ...


def time_reader(formats: tuple[str, ...], zone: str | None, plus: str | None = None, zone_column: str = "", key: str = "format") -> Reader:
    """Reads a cell as an instant: RFC 3339 in UTC. `zone` is that of times whose row says none, in `zone_column` or themselves.

    `key` is what `formats` stand under in the map.
    """
    own = ZoneInfo(zone) if zone else None
    moments = _moments_reader(formats, own, key)
    later = timedelta(microseconds=length(plus) if plus else 0)

    def instant(text: str, moment: datetime, zone_text: str) -> str:
        if moment.tzinfo is None and zone_text:
            try:
                moment = in_zone(moment, zone_text, own)
            except Unread as unread:
                raise unread.at(zone_column) from unread
        elif moment.tzinfo is None:
            moment = moment.replace(tzinfo=own)
        if moment.tzinfo is None:
            cure = f", and {zone_column} is blank" if zone_column else ""
            raise Unread.cell(text, "is a time without a zone", f"{cure}: state `zone:` in the map")
        try:
            return (moment.astimezone(UTC) + later).isoformat().replace("+00:00", "Z")
        except OverflowError as error:
            raise Unread.cell(text, "is a time beyond the year 9999") from error

    @lru_cache(maxsize=READ_TIMES_KEPT_MAX)
    def read(text: str, zone_text: str = "") -> Read:
        found = moments(text)
        by, moment = found[0]
        twice = [_twice(by, _shown(moment), other, _shown(also)) for other, also in found[1:] if also != moment]
        return Read(instant(text, moment, zone_text), twice[0] if twice else "")

    return read


def date_reader(formats: tuple[str, ...], zone: str | None) -> Reader:
    """Reads a cell as a date, YYYY-MM-DD: in `zone` where the cell states an offset."""
    own = ZoneInfo(zone) if zone else None
    moments = _moments_reader(formats, own, "date")

    @lru_cache(maxsize=READ_TIMES_KEPT_MAX)
    def read(text: str, zone_text: str = "") -> Read:
        found = [(by, _day(text, moment, own)) for by, moment in moments(text)]
        by, day = found[0]
        return Read(day, next((_twice(by, day, other, also) for other, also in found[1:] if also != day), ""))

    return read


def _day(text: str, moment: datetime, own: ZoneInfo | None) -> str:
    if moment.tzinfo is not None and own is not None:
        try:
            moment = moment.astimezone(own)
        except OverflowError as error:
            raise Unread.cell(text, "is a time beyond the year 9999") from error
    return moment.date().isoformat()


def _twice(by: str, read_as: str, other: str, also: str) -> str:
    return f"is read as {read_as} by {by}, and {also} fits {other} too"


def _shown(moment: datetime) -> str:
    return moment.isoformat(" ").removesuffix(" 00:00:00")


def _moments_reader(formats: tuple[str, ...], own: ZoneInfo | None, key: str) -> Callable[[str], list[tuple[str, datetime]]]:
    """Gives what each of `formats` that fits a text makes of it, one at least."""
    readers = [(one, _reader(one, own)) for one in formats]
    wrong = f"is no time in the format {' or '.join(formats)}"

    def read(text: str) -> list[tuple[str, datetime]]:
        found = []
        zone_unread: Unread | None = None
        for one, reader in readers:
            try:
                found.append((one, reader(text)))
            except Unread as error:
                zone_unread = error
            except (ValueError, OverflowError):
                continue
        if not found:
            raise zone_unread or Unread.cell(text, wrong, _cure(text, key))
        return found

    return read


def _shape(text: str) -> str:
    """`9/9/9 9:9 a` of `07/31/2026 2:05 PM`."""
    return re.sub(r"[^\W\d]+", "a", re.sub(r"\d+", "9", text))


@cache
def _ways_by_shape() -> dict[str, list[str]]:
    """To try them all takes milliseconds, and a million cells may be wrong."""
    found: dict[str, list[str]] = {"9": ["epoch_s", "epoch_ms"]}
    for way in _WAYS:
        found.setdefault(_shape(re.sub("%[bBp]", "a", re.sub("%[dmYHMSI]", "9", way))), []).append(way)
    return found


@lru_cache(maxsize=READ_TIMES_KEPT_MAX)
def _cure(text: str, key: str) -> str:
    """What the map could say so that `text` is read. Where two readings are possible, both."""
    found: dict[datetime, str] = {}
    for way in ("iso", *_ways_by_shape().get(_shape(text), ())) if len(text) <= TIME_LETTERS_MAX else ():
        with suppress(ValueError, OverflowError):
            moment = _reader(way, None)(text)
            if way == "iso" or moment.year >= YEAR_MIN:
                found.setdefault(moment.replace(tzinfo=None), way)
    which = len(found) > 1
    said = (f'`{key}: "{way}"` reads it{f" as {_shown(moment)}" * which}' for moment, way in found.items())
    return "; " + ", ".join(said) if found else ""


def _reader(one: str, own: ZoneInfo | None) -> Callable[[str], datetime]:
    if one == "iso":
        return datetime.fromisoformat
    if one in NAMED:
        return lambda text: _since_epoch(text, NAMED[one])
    if "%Z" in one.replace("%%", ""):
        rest = re.sub("(%%)|%Z", r"\1", one)
        return lambda text: _with_letters(text, rest, own)
    return lambda text: datetime.strptime(text, one)  # noqa: DTZ007 - the zone is put on by the caller


def _with_letters(text: str, rest: str, own: ZoneInfo | None) -> datetime:
    """Reads a time with letters for its zone, of which strptime knows few: they are what `text` fits the `rest` of the format without."""
    for zone in reversed(list(_LETTERS.finditer(text))):
        try:
            local = datetime.strptime((text[: zone.start()] + text[zone.end() :]).strip(), rest.strip())  # noqa: DTZ007 - it is put on here
        except ValueError:
            continue
        # With an offset too, as in `+0200 CEST`, that is what counts.
        return in_zone(local, zone[0], own) if local.tzinfo is None else local
    raise ValueError(text)


def _since_epoch(text: str, decimals: int) -> datetime:
    if "e" in text.lower():
        raise ValueError("a spreadsheet has rounded it")
    try:
        return _EPOCH + timedelta(microseconds=int(Decimal(text).scaleb(decimals)))
    except InvalidOperation as error:
        raise ValueError(text) from error
