"""What the rows of a question come to: sums, quantiles and credit by group, with the periods in which nothing was."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from functools import cache, lru_cache
from operator import add, itemgetter
from typing import Any, NamedTuple, TypeVar

from journey.errors import Refused
from journey.money import share
from projections.figures import periods
from projections.figures.analysis import of_figure
from projections.figures.compiling import Group, added, groups, told_apart, width
from projections.figures.credit import CREDIT_PARTS, NO_MILESTONE, NO_TOUCH, PathTouch
from projections.figures.figure import Asked, Figure
from projections.figures.measures import Aggregate, Computed, Credited, Measured, Number, OfSet, Outcome, Quantiles
from projections.figures.set_credit import POSITION, SetCredit, whole_units

CELLS_MAX = 200_000
"""How many cells one figure's answer has at most: periods that are empty count."""

Key = tuple[Any, ...]
"""The values of a cell's groups; a period is the date of its first day."""
Rows = Sequence[tuple[Any, ...]]
T = TypeVar("T")


def outcomes_of(batch: Sequence[Figure], asked: Asked, rows: Rows) -> Iterable[tuple[Figure, dict[Key, Outcome]]]:
    """What rows of `compiled(batch, asked)` come to, for each of the figures."""
    groupings = groups(batch[0], asked)
    cut = len(groupings)
    keys = list(map(_keyed(groupings, asked), rows))
    at = cut
    for figure in batch:
        match figure.measure:
            case Aggregate() as measure:
                until = at + width(measure.parts)
                yield figure, _aggregated(measure, groupings, asked, _sums(measure, keys, [row[at:until] for row in rows]))
                at = until
            case Quantiles() as measure:
                found = {key: _quantiles(measure, row[cut:]) for key, row in zip(keys, rows, strict=True)}
                yield figure, _filled(found, groupings, asked, Outcome(None, 0))
            case Computed() as measure:
                with of_figure(figure.name):
                    found = dict(measure.function([Measured(key, row[cut:-1], row[-1]) for key, row in zip(keys, rows, strict=True)]))
                yield figure, _filled(found, groupings, asked, Outcome(None, 0))


def _keyed(groupings: Sequence[Group], asked: Asked) -> Callable[[tuple[Any, ...]], Key]:
    """Makes the key of a row, which begins with its groups."""
    cut, place = len(groupings), period_at(groupings)
    if place is None:
        return itemgetter(slice(cut))
    grain, found_as, fiscal_months = period(groupings), groupings[place].found, asked.fiscal_year_starts - 1

    @cache
    def first(found: str | int) -> date:
        return periods.holding(grain, periods.first_day(found_as, found, fiscal_months), fiscal_months)

    return lambda row: (*row[:place], first(row[place]), *row[place + 1 : cut])


def _whole(numbers: Iterable[Any]) -> list[int]:
    """A float is what SQLite makes of an integer beyond 64 bits: better no number than a wrong one."""
    found = list(numbers)
    assert all(isinstance(number, int) for number in found), f"not whole: {found}"
    return found


# --- measures


class Path(NamedTuple):
    """A conversion: its touches in order, the group that each is credited to, and whether the filters keep it; after them the group of a
    milestone that there is not. `n` times."""

    touches: Sequence[PathTouch]
    keys: Sequence[Key]
    kept: Sequence[bool]
    n: int
    amounts: Sequence[Any]


def _sums(measure: Aggregate, keys: Sequence[Key], rows: Rows) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for key, row in zip(keys, rows, strict=True):
        sums = added(measure.parts, _whole(row))
        before = found.get(key)
        found[key] = sums if before is None else list(map(add, before, sums))
    return found


def _aggregated(measure: Aggregate, groupings: Sequence[Group], asked: Asked, sums: dict[Key, list[int]]) -> dict[Key, Outcome]:
    nothing = [0] * len(measure.parts)
    if not measure.is_running:
        found = {key: measure.outcome(parts) for key, parts in sums.items()}
        return _filled(found, groupings, asked, measure.outcome(nothing))
    place = period_at(groupings)
    if place is None:
        return {key: measure.outcome(parts) for key, parts in sums.items()}
    # All periods since the first row, one upon the other; then those that were asked for, which may begin before it.
    first = min((key[place].isoformat() for key in sums), default=asked.from_on)
    whole = _filled(sums, groupings, replace(asked, from_on=min(first, asked.from_on or first)), nothing)
    since = (
        periods.holding(period(groupings), date.fromisoformat(asked.from_on), asked.fiscal_year_starts - 1) if asked.from_on else date.min
    )
    come_to: defaultdict[Key, list[int]] = defaultdict(lambda: nothing)
    found = {}
    for key in sorted(whole, key=lambda key: key[place]):
        others = (*key[:place], *key[place + 1 :])
        come_to[others] = [before + more for before, more in zip(come_to[others], whole[key], strict=True)]
        if key[place] >= since:
            found[key] = measure.outcome(come_to[others])
    return found


def _quantiles(measure: Quantiles, columns: tuple[Any, ...]) -> Outcome:
    *nearest, series, number = columns
    if series != 1:
        return Outcome(None, number)
    values: list[Number] = []
    for at, low, high in zip(measure.at, nearest[::2], nearest[1::2], strict=True):
        rest = Fraction((number - 1) * at) % 1
        values.append(_simple(low + (high - low) * rest) if rest else low)
    return Outcome(values[0] if len(values) == 1 else tuple(values), number)


async def credited(
    batch: Sequence[Figure], asked: Asked, rows: AsyncIterator[tuple[Any, ...]]
) -> Iterable[tuple[Figure, dict[Key, Outcome]]]:
    """What rows of `compiled(batch, asked)` come to, which are in order of the unit: one conversion after the other."""
    groupings = groups(batch[0], asked)
    apart = told_apart(batch[0], asked)
    names = [group.name for group in groups(batch[0], apart)]
    credits: list[Credit | CreditOfSets] = []
    amounts = 0
    for figure in batch:
        measure = figure.measure
        assert isinstance(measure, Credited)
        place = amounts if measure.amount else None
        is_asked = [name not in apart.by[len(asked.by) :] for name in names]
        credits.append(CreditOfSets(figure.name, measure, place, names, is_asked) if measure.is_of_set else Credit(measure, place))
        amounts += bool(measure.amount)
    async for path in _paths(batch[0], apart, rows):
        for credit in credits:
            credit.add(path)
    return [(figure, _filled(credit.outcomes(), groupings, asked, Outcome(0, 0))) for figure, credit in zip(batch, credits, strict=True)]


async def _paths(figure: Figure, asked: Asked, rows: AsyncIterator[tuple[Any, ...]]) -> AsyncIterator[Path]:
    """The conversions of what `compiled` found, each with its touches in order."""
    groupings = groups(figure, asked)
    cut = len(groupings)
    unit = cut + len(figure.of.unit)
    until = unit + len(PathTouch._fields)
    keyed = _keyed(groupings, asked)
    assert isinstance(figure.measure, Credited)
    of_touch = figure.measure.touch
    is_kept_without = all(NO_MILESTONE in where.values for where in asked.where if where.dimension in of_touch)

    def without(key: Key) -> Key:
        return tuple(NO_MILESTONE if group.name in of_touch else value for group, value in zip(groupings, key, strict=True))

    def path(of_one: list[tuple[Any, ...]]) -> Path:
        # By the instant of the touch, then by what orders those of one instant: its person and its place.
        of_one.sort(key=lambda row: (row[unit], row[until], row[until + 1]))
        n, *amounts = of_one[0][until + 3 :]
        touches = [PathTouch._make(row[unit:until]) for row in of_one]
        keys = list(map(keyed, of_one))
        kept = [bool(row[until + 2]) for row in of_one]
        return Path(touches, [*keys, without(keys[0])], [*kept, is_kept_without], n, amounts)

    held: list[tuple[Any, ...]] = []
    async for row in rows:
        if held and held[-1][cut:unit] != row[cut:unit]:
            yield path(held)
            held = []
        held.append(row)
    if held:
        yield path(held)


class Credit:
    """Adds up what groups have earned of conversions: each conversion whole, then to the groups of those touches that no filter leaves
    out. `place` is that of its amount in a path's, None where conversions themselves are credited."""

    def __init__(self, measure: Credited, place: int | None) -> None:
        assert not isinstance(measure.model, OfSet)
        self._weights = measure.model
        self._place = place
        self._parts: defaultdict[Key, int] = defaultdict(int)
        self._number: defaultdict[Key, int] = defaultdict(int)

    def add(self, path: Path) -> None:
        amount = CREDIT_PARTS if self._place is None else _whole([path.amounts[self._place]])[0]
        has_none = path.touches[0].channel == NO_TOUCH
        weights = (1,) * len(path.touches) if has_none else tuple(self._weights(path.touches))
        credited_to = set()
        # Few paths lack a milestone: most have no weight for one.
        for key, is_kept, weight, credit in zip(path.keys, path.kept, weights, _shares(amount, weights), strict=False):
            if weight and is_kept:
                self._parts[key] += credit * path.n
                credited_to.add(key)
        for key in credited_to:
            self._number[key] += path.n

    def outcomes(self) -> dict[Key, Outcome]:
        """`n` is how many conversions had a part."""
        scale = 1 if self._place is not None else CREDIT_PARTS
        return {key: Outcome(_simple(Fraction(credit, scale)), self._number[key]) for key, credit in self._parts.items()}


class CreditOfSets:
    """The same where conversions are credited together: each combination of those of `names` that are of no touch is a set, within which
    the others tell touches apart. `is_asked` says of each whether it is asked for; the rest are there for filters."""

    def __init__(self, figure: str, measure: Credited, place: int | None, names: Sequence[str], is_asked: Sequence[bool]) -> None:
        assert isinstance(measure.model, OfSet)
        self._figure = figure
        self._model = measure.model
        self._place = place
        self._of_touch = [nth for nth, name in enumerate(names) if name in measure.touch]
        # By position a touch is told by the rest first.
        self._of_touch.sort(key=lambda nth: names[nth] == POSITION)
        self._told_by = [names[nth] for nth in self._of_touch]
        self._of_set = [nth for nth in range(len(names)) if nth not in self._of_touch]
        self._asked = [nth for nth, is_one in enumerate(is_asked) if is_one]
        self._sets: dict[Key, SetCredit] = {}
        self._untouched: Counter[Key] = Counter()
        self._number: Counter[Key] = Counter()
        self._kept: dict[Key, bool] = {}

    def add(self, path: Path) -> None:
        has_converted = bool(path.touches[0].has_converted)
        amount = CREDIT_PARTS if self._place is None else _whole([path.amounts[self._place]])[0]
        amount *= path.n * has_converted
        keys = path.keys[: len(path.touches)]
        if path.touches[0].channel == NO_TOUCH:
            self._untouched[keys[0]] += amount
        else:
            of_set = tuple(keys[0][nth] for nth in self._of_set)
            states = [tuple(key[nth] for nth in self._of_touch) for key in keys]
            with of_figure(self._figure):
                if of_set not in self._sets:
                    self._sets[of_set] = self._model.begin(self._told_by)
                self._sets[of_set].add(states, path.n, amount, has_converted=has_converted)
        self._kept.update(zip(keys, path.kept, strict=False))
        for key in {self._shown(key) for key, is_kept in zip(keys, path.kept, strict=False) if is_kept}:
            self._number[key] += path.n

    def outcomes(self) -> dict[Key, Outcome]:
        """`n` is how many of the set's paths had such a touch, also of those that did not convert."""
        earned = Counter(self._untouched)
        for of_set, credit in self._sets.items():
            with of_figure(self._figure):
                parts = credit.parts()
            for state, part in whole_units(parts).items():
                earned[self._key(of_set, state)] += part
        scale = 1 if self._place is not None else CREDIT_PARTS
        found: Counter[Key] = Counter()
        for key, part in earned.items():
            if self._kept[key]:
                found[self._shown(key)] += part
        return {key: Outcome(_simple(Fraction(part, scale)), self._number[key]) for key, part in found.items()}

    def _key(self, of_set: Key, state: Key) -> Key:
        found = dict(zip((*self._of_set, *self._of_touch), (*of_set, *state), strict=True))
        return tuple(found[nth] for nth in range(len(found)))

    def _shown(self, key: Key) -> Key:
        return tuple(key[nth] for nth in self._asked)


@lru_cache(maxsize=10_000)
def _shares(amount: int, weights: tuple[int, ...]) -> list[int]:
    return share(amount, weights)


def _simple(number: Fraction) -> Number:
    return number.numerator if number.denominator == 1 else number


# --- periods


def period_at(groupings: Sequence[Group]) -> int | None:
    return next((place for place, group in enumerate(groupings) if group.period), None)


def period(groupings: Sequence[Group]) -> periods.Grain:
    return next(group.period for group in groupings if group.period)


def _filled(found: Mapping[Key, T], groupings: Sequence[Group], asked: Asked, nothing: T) -> dict[Key, T]:
    """`found` with the periods in which nothing was, from the first asked for (or found) to the last, for each of the other groups: where
    there is none, for one without names."""
    place = period_at(groupings)
    if place is None:
        return dict(found)
    first, last = _span([key[place] for key in found], asked)
    if first is None:
        return dict(found)
    all_periods = list(periods.starts(period(groupings), first, last, asked.fiscal_year_starts - 1))
    unnamed = ("",) * (len(groupings) - 1)
    others = {(key[:place], key[place + 1 :]) for key in found} or {(unnamed[:place], unnamed[place:])}
    if len(all_periods) * len(others) > CELLS_MAX:
        raise Refused(f"{len(all_periods):,} periods of {len(others):,} groups are more than {CELLS_MAX:,} cells; ask for a shorter period")
    return {**{(*before, one, *after): nothing for before, after in others for one in all_periods}, **found}


def _span(found: Sequence[date], asked: Asked) -> tuple[date | None, date]:
    """From what is asked for, else found, to `until`, or as far as there is something before `to_on`: a deal may be expected in 9999."""
    first = date.fromisoformat(asked.from_on) if asked.from_on else min(found, default=None)
    until = date.fromisoformat(asked.until_on)
    return first, min(max([until, *found]), date.fromisoformat(asked.to_on) - timedelta(days=1)) if asked.to_on else until
