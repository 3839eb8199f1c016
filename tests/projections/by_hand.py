"""Both reports worked out row by row in plain Python: an independent model that figures are held to."""

from collections import Counter
from dataclasses import dataclass

from journey.instants import Instant, iso, last_end_of_day
from projections.read_model import Ask


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer reflects. `until` is cut to the last end of a day of the reporting zone; `position` is the unit that is reflected."""

    until: str
    zone: str
    position: int


def cut(until: Instant, zone: str) -> Instant:
    """The last instant up to `until` that both read models answer for: rows summed by day answer at ends of days only."""
    return last_end_of_day(until, zone)


def asked(until: Instant, zone: str, position: int) -> Asked:
    return Asked(iso(until), zone, position)


@dataclass(frozen=True, slots=True)
class StageRow:
    """`entered`: how often the stage was; `people`: who is in it."""

    stage: str
    entered: int
    people: int


async def stages(ask: Ask, until: Instant, names: tuple[str, ...]) -> list[StageRow]:
    """Entries into each stage up to `until`, and how many people are in it then: entries less exits."""
    entered: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for stage, before, times in await ask("SELECT stage, left_stage, SUM(n) FROM stages WHERE at <= ? GROUP BY stage, left_stage", until):
        entered[stage] += times
        left[before] += times
    return [StageRow(name, entered[name], entered[name] - left[name]) for name in names]


async def stage_of_person(ask: Ask, until: Instant) -> dict[str, str]:
    """The stage of each person as of `until`."""
    return dict(await ask("SELECT person, stage FROM stages WHERE at <= ? ORDER BY person, at, nth", until))


def ratio(part: int, whole: int) -> float | None:
    """A share; null where there is nothing to take it of."""
    return None if whole == 0 else round(part / whole, 4)


def quantile(values: list[int], q: float) -> float | None:
    """Quantile of type 7 (Hyndman and Fan 1996): linear between the two nearest; null of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * q
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


Money = dict[str, int]
"""Minor units by currency."""


def add(money: Money, currency: str, amount_minor: int) -> None:
    """Add an amount; nothing where no currency was ever said, as of a deal that only an update without one is known of."""
    if not currency:
        return
    money[currency] = money.get(currency, 0) + amount_minor
