"""The days that a simulation plays on, how instants are written, and the hours that people keep."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

from journey.instants import DAY, HOUR, MINUTE, SECOND, Instant, Micros, instant

MONDAY, TUESDAY, THURSDAY = 0, 1, 3

OFFICE_OPENS: Micros = 8 * HOUR
OFFICE_CLOSES: Micros = 17 * HOUR

_HOURS = range(24)
_HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 5, 12, 24, 30, 32, 30, 24, 26, 30, 30, 26, 20, 15, 14, 14, 12, 8, 4)
_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60))


class SimulatedCalendar:
    """Day 0 is the first; day `days` is the first that is no longer played. Everything is in UTC."""

    def __init__(self, start: date, days: int) -> None:
        self.start = start
        self.days = days
        self.opens: Instant = instant(datetime.combine(start, time.min, UTC))
        self.ends: Instant = self.opens + days * DAY
        self._weekday = start.weekday()
        self._dates: dict[int, str] = {}

    def midnight(self, day: int) -> Instant:
        return self.opens + day * DAY

    def day(self, at: Instant) -> int:
        return (at - self.opens) // DAY

    def date(self, day: int) -> str:
        """The date of `day`, as YYYY-MM-DD."""
        known = self._dates.get(day)
        if known is None:
            known = self._dates[day] = (self.start + timedelta(days=day)).isoformat()
        return known

    def date_of(self, at: Instant) -> str:
        return self.date((at - self.opens) // DAY)

    def stamp(self, at: Instant) -> str:
        """`at` as RFC 3339 with six decimals. By hand: every line has one, and `datetime` is three times slower."""
        day, rest = divmod(at - self.opens, DAY)
        minute, rest = divmod(rest, MINUTE)
        second, micros = divmod(rest, SECOND)
        return f"{self.date(day)}T{_MINUTES[minute]}:{second:02}.{micros:06}Z"

    def is_workday(self, day: int) -> bool:
        return (self._weekday + day) % 7 < 5

    def each(self, weekday: int, every: int = 1) -> list[int]:
        """Each day that is a `weekday` (Monday is 0), or each second, third, ... of them."""
        return list(range((weekday - self._weekday) % 7, self.days, 7 * every))

    def weeks(self) -> list[tuple[int, int]]:
        """First and last day of each week, Monday to Sunday; the first and the last one may be cut."""
        firsts = sorted({0, *self.each(MONDAY)})
        return [(first, after - 1) for first, after in zip(firsts, [*firsts[1:], self.days], strict=True)]

    def months(self) -> list[tuple[int, int]]:
        """First and last day of each calendar month; the first and the last one may be cut."""
        firsts = [day for day in range(self.days) if day == 0 or self.date(day).endswith("-01")]
        return [(first, after - 1) for first, after in zip(firsts, [*firsts[1:], self.days], strict=True)]

    def at_leisure(self, day: int, rng: Random) -> Instant:
        """Some instant of `day`, when people are on the web."""
        hour = rng.choices(_HOURS, _HOUR_WEIGHTS)[0]
        return self.midnight(day) + hour * HOUR + int(rng.random() * HOUR)

    def at_work(self, at: Instant, rng: Random) -> Instant:
        """`at` if the office is open then, else some time in the morning of the next working day."""
        day, rest = divmod(at - self.opens, DAY)
        if self.is_workday(day) and OFFICE_OPENS <= rest < OFFICE_CLOSES:
            return at
        if rest >= OFFICE_CLOSES:
            day += 1
        while not self.is_workday(day):
            day += 1
        return self.midnight(day) + OFFICE_OPENS + int(rng.random() * 3 * HOUR)


def instant_between(low: Micros, high: Micros, rng: Random) -> Micros:
    """Some whole number of microseconds from `low` up to `high`."""
    return low + int(rng.random() * (high - low))
