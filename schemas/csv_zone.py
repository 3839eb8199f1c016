"""Zones as exports write them in a cell: Europe/Berlin, +02:00, UTC+2, or letters such as PST."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator

from journey.problems import meant
from schemas.csv_cell import Unread

ZONES_KEPT_MAX = 1024
"""How many texts of zones are remembered."""

HOURS = {
    "UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
    "SAST": 2, "PKT": 5, "ICT": 7, "WIB": 7, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13,
}  # fmt: skip
"""Letters that mean one offset; those of North America as RFC 5322 has them."""

AMBIGUOUS = {
    "ADT": "America/Halifax", "AMT": "America/Manaus", "AST": "America/Halifax", "BST": "Europe/London", "GST": "Asia/Dubai",
    "IST": "Asia/Kolkata", "SST": "Pacific/Pago_Pago", "WST": "Pacific/Apia",
}  # fmt: skip
"""Letters that mean several offsets, with a zone that uses them."""

_OFFSET = re.compile(r"(?:UTC|GMT|Z)?\s*([-+\u2212])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE | re.ASCII)
_HOURS_MAX = 14


def zone_name(name: str) -> str:
    """`name`, where it is one of a zone. Raises ValueError."""
    if "{" in name:
        raise ValueError(f'{name!r}: a zone from a column stands within `time:`, such as {{from: Date, zone: "{name}"}}')
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = meant(name, available_timezones()) or "; write one such as Europe/Berlin"
        raise ValueError(f"{name!r} is no time zone{near}") from error
    return str(name)


ZoneName = Annotated[str, AfterValidator(zone_name)]


def in_zone(local: datetime, text: str, own: ZoneInfo | None) -> datetime:
    """`local` on the clock that `text` names. Letters that `own`, the map's zone, uses then mean what they mean there. Raises Unread."""
    letters = text.upper()
    if own is not None and letters.isalpha():
        for fold in (0, 1):
            there = local.replace(tzinfo=own, fold=fold)
            if there.tzname() == letters:
                return there
    return local.replace(tzinfo=_named(text))


@lru_cache(maxsize=ZONES_KEPT_MAX)
def _named(text: str) -> tzinfo:
    hours = HOURS.get(text.upper())
    if hours is not None:
        return timezone(timedelta(hours=hours)) if hours else UTC
    if found := _OFFSET.fullmatch(text):
        ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if ahead <= timedelta(hours=_HOURS_MAX):
            return timezone(ahead if found[1] == "+" else -ahead)
    if meant_perhaps := AMBIGUOUS.get(text.upper()):
        cure = f"; a `zone:` for the map that uses these letters, such as {meant_perhaps}, says which"
        raise Unread.cell(text, "means several time zones", cure)
    name = _zones().get(text.casefold())
    if name is None:
        raise Unread.cell(text, "is no time zone that is known; write Europe/Berlin, +02:00 or letters such as PST")
    return ZoneInfo(name)


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}
