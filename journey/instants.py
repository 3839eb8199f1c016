"""Instants and days. An instant is a whole number of microseconds since 1970 UTC: exact, cheap to compare, the same everywhere."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from journey.errors import Refused

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

Micros = int
"""A length of time in microseconds."""

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR
"""24 hours, always: a limit of 30 days is the same length across a change of clocks."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _ONE
_TO_THE_SECOND, _TO_THE_MICROSECOND = len("2026-03-01T10:00:00Z"), len("2026-03-01T10:00:00.000000Z")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_LENGTH = re.compile(r"(\d{1,6})\s*([smhdw])")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)


def instant(moment: datetime) -> Instant:
    """The instant of an aware `moment`."""
    return (moment - _EPOCH) // _ONE


def rfc3339(text: str) -> datetime:
    """The moment that `text` writes, in UTC; digits beyond the microsecond are cut. Raises ValueError."""
    if _RFC_3339.fullmatch(text) is None:
        raise ValueError("a time is written as in RFC 3339, with its zone: 2026-03-01T10:00:00Z")
    if text[17:19] == "60":
        raise ValueError("leap seconds are not counted here; send the second before or after")
    try:
        written = datetime.fromisoformat(text.upper())
        in_utc = written if written.tzinfo is UTC else written.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no such time: {error}") from error
    if in_utc.year < 1970:
        raise ValueError("a time is between the years 1970 and 9999")
    return in_utc


def in_utc(text: str) -> Instant | None:
    """The instant that `text` writes as we do: 2026-03-01T10:00:00Z, or with six digits of a second.

    None where it is written otherwise, or wrong: `rfc3339` knows all ways, and takes several times as long.
    """
    length = len(text)
    if length != _TO_THE_SECOND and (length != _TO_THE_MICROSECOND or text[19] != "."):
        return None
    # Of those lengths `fromisoformat` reads others too, such as weeks; none has these where we have them.
    if text[4] != "-" or text[7] != "-" or text[10] != "T" or text[13] != ":" or text[16] != ":" or text[-1] != "Z":
        return None
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except ValueError:
        return None
    at = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds
    return at if at >= 0 else None


def moment(at: Instant) -> datetime:
    """`at` as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def iso(at: Instant) -> str:
    """`at` as RFC 3339 in UTC, to the microsecond where there are any. What is later than the year 9999 is written as its end."""
    return moment(min(at, _LAST)).isoformat().replace("+00:00", "Z")


def length(text: str) -> Micros:
    """The microseconds of `30m`, `24h`, `14d`, `2w`, `90s`. Raises Refused."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise Refused(f"{text!r} is not a length of time; write a number and one of s, m, h, d, w, such as 30m or 14d")
    return int(found[1]) * _UNITS[found[2]]


def spelled(micros: Micros) -> str:
    """`micros` as `length` reads it, in the largest unit that divides it."""
    for unit in "wdhms":
        if micros % _UNITS[unit] == 0:
            return f"{micros // _UNITS[unit]}{unit}"
    return f"{micros / SECOND:g}s"


@lru_cache(maxsize=4096)
def _day_of_hour(hour: int, zone: str) -> tuple[str, Instant]:
    """The local day at the start of `hour` (hours since 1970), and the instant at which the next day starts."""
    try:
        local = moment(hour * HOUR).astimezone(ZoneInfo(zone))
        return local.date().isoformat(), start_of_day(local.date() + timedelta(days=1), zone)
    except OverflowError:
        # The last day that there is, which senders write for never: no other follows.
        return date.max.isoformat(), _LAST + 1


def day(at: Instant, zone: str) -> str:
    """The date of `at` in `zone`, as YYYY-MM-DD."""
    today, tomorrow_at = _day_of_hour(at // HOUR, zone)
    if at < tomorrow_at:
        return today
    return (date.fromisoformat(today) + timedelta(days=1)).isoformat()


def start_of_day(on: date, zone: str) -> Instant:
    """The first instant of the date `on` in `zone`."""
    return instant(datetime.combine(on, time.min, ZoneInfo(zone)))


def last_end_of_day(until: Instant, zone: str) -> Instant:
    """The last instant up to `until`, inclusive, that ends a day in `zone`."""
    on = date.fromisoformat(day(until + 1, zone))
    return start_of_day(on, zone) - 1
