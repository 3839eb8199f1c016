"""Business time: how much of it lies between two instants, and when a limit of it is reached.

A shop opens and closes when its clock first shows the hour; an hour that the clock skips is the instant of the skip.
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from journey.definition import Calendar
from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant, Micros, instant, moment

YEARS_MAX = 20
"""How far business time is followed. A definition whose limits could lie beyond it is refused."""

_DAYS_MAX = YEARS_MAX * 366
_CALENDARS_MAX = 256
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)")


def after(calendar: Calendar | None, start: Instant, limit: Micros) -> Instant:
    """The earliest instant at which `limit` of business time since `start` has been reached; without a calendar, of any time."""
    if calendar is None or limit <= 0:
        return start + max(limit, 0)
    hours, left = _compiled(calendar), limit
    first = hours.day_of(start)
    for ordinal in range(first, first + _DAYS_MAX):
        for opens, closes in hours.on(ordinal):
            begin = max(opens, start)
            if begin < closes:
                if left <= closes - begin:
                    return begin + left
                left -= closes - begin
    raise ValueError(f"{limit} microseconds of business time are not reached within {YEARS_MAX} years in {calendar}")


def elapsed(calendar: Calendar | None, start: Instant, end: Instant) -> Micros:
    """The business time from `start` to `end`, 0 if that is backwards; of more than `YEARS_MAX` years the last ones."""
    if end <= start:
        return 0
    if calendar is None:
        return end - start
    hours = _compiled(calendar)
    start = max(start, end - _DAYS_MAX * DAY)
    total = 0
    for ordinal in range(hours.day_of(start), hours.day_of(end) + 2):  # A clock set back over midnight shows a day early.
        for opens, closes in hours.on(ordinal):
            total += max(0, min(closes, end) - max(opens, start))
    return total


def opening_hours(text: str) -> tuple[Micros, Micros]:
    """`09:00-17:00` as the time from midnight to opening and to closing. Raises ValueError."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a span of hours; write it like 09:00-17:00")
    opens_hour, opens_minute, closes_hour, closes_minute = (int(part) for part in found.groups())
    opens, closes = opens_hour * HOUR + opens_minute * MINUTE, closes_hour * HOUR + closes_minute * MINUTE
    if opens_minute > 59 or closes_minute > 59 or closes > DAY:
        raise ValueError(f"{text!r} is not a span of hours of one day; the last is 24:00")
    if opens >= closes:
        raise ValueError(f"{text!r} closes before it opens; a night is two spans, such as 22:00-24:00 and 00:00-06:00 of the next day")
    return opens, closes


class _Hours:
    """A calendar's spans of business time, by day."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.zone = ZoneInfo(calendar.zone)
        self.holidays = frozenset(day.toordinal() for day in calendar.holidays)
        hours = {_WEEKDAYS.index(day): sorted(map(opening_hours, spans)) for day, spans in calendar.hours.items()}
        self.week = [hours.get(weekday, []) for weekday in range(7)]
        self.on = lru_cache(maxsize=_DAYS_MAX)(self._on)

    def day_of(self, at: Instant) -> int:
        return moment(at).astimezone(self.zone).toordinal()

    def _on(self, ordinal: int) -> tuple[tuple[Instant, Instant], ...]:
        if ordinal in self.holidays:
            return ()
        spans = self.week[(ordinal - 1) % 7]  # The first day of the calendar, ordinal 1, was a Monday.
        return tuple((self._shown(ordinal, opens), self._shown(ordinal, closes)) for opens, closes in spans)

    def _shown(self, ordinal: int, since_midnight: Micros) -> Instant:
        """When the clock of the zone first shows this time of this day."""
        days, rest = divmod(since_midnight, DAY)
        local = datetime.combine(date.fromordinal(ordinal + days), time.min) + timedelta(microseconds=rest)
        first = instant(local.replace(tzinfo=self.zone))
        second = instant(local.replace(tzinfo=self.zone, fold=1))
        if second >= first:
            return first
        # The clock skips this time, and the two readings lie on both sides of the skip.
        before = moment(second).astimezone(self.zone).utcoffset()
        while first - second > SECOND:
            middle = second + (first - second) // (2 * SECOND) * SECOND
            if moment(middle).astimezone(self.zone).utcoffset() == before:
                second = middle
            else:
                first = middle
        return first


_hours: dict[int, _Hours] = {}


def _compiled(calendar: Calendar) -> _Hours:
    """By identity: what is remembered holds on to its calendar, so no other can come to have its id."""
    found = _hours.get(id(calendar))
    if found is None:
        if len(_hours) >= _CALENDARS_MAX:
            _hours.clear()
        found = _hours[id(calendar)] = _Hours(calendar)
    return found
