"""Answers figures: asks the read model, fills empty periods, says what is complete."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from functools import cache, lru_cache
from operator import add, itemgetter
from typing import Any, NamedTuple, TypeVar

from journey.errors import Refused
from journey.instants import iso, last_end_of_day
from journey.money import DECIMALS, share
from projections.figures import periods
from projections.figures.answers import Answer, Cell, FigureAnswer
from projections.figures.compiling import Group, Query, added, batched, compiled, currencies_without_rate, groups, marked, width
from projections.figures.credit import CREDIT_PARTS, NO_TOUCH, PathTouch
from projections.figures.figure import Asked, Figure
from projections.figures.measures import Aggregate, Computed, Credited, Measured, Number, Outcome, Quantiles
from projections.read_model import Ask, Value

CELLS_MAX = 200_000
"""How many cells one figure's answer has at most: periods that are empty count."""

Key = tuple[Any, ...]
"""The values of a cell's groups; a period is the date of its first day."""
Rows = Sequence[tuple[Any, ...]]
T = TypeVar("T")


async def answer(ask: Ask, figures: Iterable[Figure], asked: Asked) -> Answer:
    """What `figures`, all of one read model, come to. Raises Refused where one of them cannot be asked so."""
    figures = tuple(figures)
    ((position,),) = await ask("SELECT position FROM reflects")
    asked, without = await settled(ask, figures, asked)
    top = asked.top or 0
    found: dict[str, FigureAnswer] = {}
    for batch in batched(figures, asked):
        for figure, of_figure in await _found(ask, batch, asked):
            found[figure.name] = _figure_answer(figure, asked, of_figure)
    return Answer(
        until=iso(asked.until),
        until_on=asked.until_on,
        zone=asked.zone,
        grain="day" if any(figure.of.grain == "day" for figure in figures) else "instant",
        position=position,
        known_at=asked.known_at,
        from_on=asked.from_on,
        to_on=asked.to_on,
        by=asked.by,
        where={where.dimension: where.values for where in asked.where},
        currency=asked.currency,
        without_rate=tuple(without),
        without_rate_on=without,
        figures=tuple(found[figure.name] for figure in figures),
        top=top,
        names=await _names(ask, figures, found.values(), asked),
    )


def listed(figures: Iterable[Figure], by: Iterable[str]) -> int:
    """How many cells a list of `figures` by these has; 0 where they are no list."""
    by = tuple(by)
    return max((one.dimensions[name].top for one in figures for name in by if name in one.dimensions), default=0)


async def _cells(ask: Ask, batch: Sequence[Figure], asked: Asked, sql: str, values: Sequence[Value]) -> Rows:
    """The rows of `compiled(batch, asked)`. Raises Refused where they are more cells than an answer has, without holding all of them."""
    groupings = groups(batch[0], asked)
    if asked.top or not groupings or _period_at(groupings) is not None or isinstance(batch[0].measure, Computed):
        return await ask(sql, *values)
    found = await ask(f"{sql} LIMIT {CELLS_MAX + 1}", *values)
    if len(found) > CELLS_MAX:
        raise Refused(f"{batch[0].name} by {', '.join(asked.by)} has more than {CELLS_MAX:,} cells; ask for the highest, or for fewer")
    return found


async def settled(ask: Ask, figures: Sequence[Figure], asked: Asked) -> tuple[Asked, dict[str, str]]:
    """What `figures` can be asked for: at ends of days where rows are summed by day, and converted where there are rates. And the
    currencies without one, each with the first day that has none. Raises Refused where one of the figures cannot be asked so."""
    if asked.top is None:
        asked = replace(asked, top=listed(figures, asked.by))
    for figure in figures:
        _check(figure, asked)
    if any(figure.of.grain == "day" for figure in figures):
        asked = replace(asked, until=last_end_of_day(asked.until, asked.zone))
    without = await _without_rate(ask, figures, asked)
    if without and asked.top:
        lacking = ", ".join(f"{currency} has no rate to it on {on}" for currency, on in without.items())
        raise Refused(f"there are no highest cells in {asked.currency}: {lacking}")
    if without or "currency" in asked.by:
        asked = replace(asked, currency="")
    return asked, without


async def outcomes(ask: Ask, figure: Figure, asked: Asked) -> dict[Key, Outcome]:
    """What a figure comes to in each of its groups, as `asked` is settled."""
    ((_, found),) = await _found(ask, [figure], asked)
    return found


async def _found(ask: Ask, batch: Sequence[Figure], asked: Asked) -> Iterable[tuple[Figure, dict[Key, Outcome]]]:
    """What figures that are one SELECT come to."""
    sql, values = marked(compiled(batch, asked))
    if isinstance(batch[0].measure, Credited):
        return await _credited(batch, asked, ask.rows(sql, *values))
    return _outcomes(batch, asked, await _cells(ask, batch, asked, sql, values))


async def _names(ask: Ask, figures: Sequence[Figure], found: Iterable[FigureAnswer], asked: Asked) -> dict[str, dict[str, str]]:
    """What the values of a dimension are called, where they are called otherwise."""
    names = {}
    for name in asked.by:
        called = {figure.dimensions[name].names for figure in figures if name in figure.dimensions} - {""}
        shown = {cell.group[name] for figure in found for cell in figure.cells}
        for sql in called:
            text, values = marked(Query(sql, {"until": asked.until}))
            names[name] = {value: title for value, title in sorted(await ask(text, *values)) if value in shown and title not in ("", value)}
    return names


def _check(figure: Figure, asked: Asked) -> None:
    if lacks := figure.lacks(asked):
        raise Refused(f"{figure.name} has no dimension {lacks[0]!r}; it has {', '.join(figure.breakdowns) or 'none'}")
    for on in filter(None, (asked.from_on, asked.to_on)):
        if not _is_day(on):
            raise Refused(f"{on!r} is no day since 1970; write it as 2026-03-31")
    if asked.from_on and asked.to_on and asked.from_on >= asked.to_on:
        raise Refused(f"there is no day from {asked.from_on} to {asked.to_on}: the last is no longer in it")
    if len(set(asked.by)) < len(asked.by):
        raise Refused(f"{', '.join(asked.by)}: a figure is broken down by each dimension once")
    if len([name for name in asked.by if name in periods.PERIODS]) > 1:
        raise Refused(f"{', '.join(asked.by)}: a figure is broken down by one kind of period at most")
    for where in asked.where:
        if not where.values:
            raise Refused(f"{where.dimension} is to be one of no values")
    if asked.currency and asked.currency not in DECIMALS:
        raise Refused(f"{asked.currency!r} is no currency")

    if asked.top:
        _check_top(figure, asked)


def _check_top(figure: Figure, asked: Asked) -> None:
    measure = figure.measure
    if not (isinstance(measure, Aggregate) and measure.is_first_part and not measure.is_running):
        raise Refused(f"{figure.name} has no highest cells: only what is counted or added up has")
    if any(name in periods.PERIODS for name in asked.by) or (asked.top or 0) < 0:
        raise Refused("the highest cells are some number of them, and not of periods")
    if figure.is_money and not asked.currency:
        raise Refused(f"{figure.name} has highest cells in one currency only; name the one to convert to")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text >= "1970-01-01"
    except ValueError:
        return False


async def _without_rate(ask: Ask, figures: Sequence[Figure], asked: Asked) -> dict[str, str]:
    """Currencies that have no rate to the one asked for, and the first day of each: one is enough for the whole answer to be per
    currency."""
    if not asked.currency or "currency" in asked.by:
        return {}
    missing: dict[str, str] = {}
    for figure in figures:
        if figure.is_money:
            sql, values = marked(currencies_without_rate(figure, asked))
            for currency, on in await ask(sql, *values):
                missing[currency] = min(on, missing.get(currency, on))
    return dict(sorted(missing.items()))


def _outcomes(batch: Sequence[Figure], asked: Asked, rows: Rows) -> Iterable[tuple[Figure, dict[Key, Outcome]]]:
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
                found = dict(measure.function([Measured(key, row[cut:-1], row[-1]) for key, row in zip(keys, rows, strict=True)]))
                yield figure, _filled(found, groupings, asked, Outcome(None, 0))


def _keyed(groupings: Sequence[Group], asked: Asked) -> Callable[[tuple[Any, ...]], Key]:
    """Makes the key of a row, which begins with its groups."""
    cut, place = len(groupings), _period_at(groupings)
    if place is None:
        return itemgetter(slice(cut))
    grain, found_as, fiscal_months = _period(groupings), groupings[place].found, asked.fiscal_year_starts - 1

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
    """A conversion: its touches in order, the group that each is credited to, and whether the filters keep it; `n` times."""

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
    place = _period_at(groupings)
    if place is None:
        return {key: measure.outcome(parts) for key, parts in sums.items()}
    # All periods since the first row, one upon the other; then those that were asked for.
    whole = _filled(sums, groupings, replace(asked, from_on=""), nothing)
    since = (
        periods.holding(_period(groupings), date.fromisoformat(asked.from_on), asked.fiscal_year_starts - 1) if asked.from_on else date.min
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
    *nearest, number = columns
    if not number:
        return Outcome(None, 0)
    values: list[Number] = []
    for at, low, high in zip(measure.at, nearest[::2], nearest[1::2], strict=True):
        rest = Fraction((number - 1) * at) % 1
        values.append(_simple(low + (high - low) * rest) if rest else low)
    return Outcome(values[0] if len(values) == 1 else tuple(values), number)


async def _credited(
    batch: Sequence[Figure], asked: Asked, rows: AsyncIterator[tuple[Any, ...]]
) -> Iterable[tuple[Figure, dict[Key, Outcome]]]:
    """What rows of `compiled(batch, asked)` come to, which are in order of the unit: one conversion after the other."""
    groupings = groups(batch[0], asked)
    credits, amounts = [], 0
    for figure in batch:
        assert isinstance(figure.measure, Credited)
        credits.append(Credit(figure.measure, amounts if figure.measure.amount else None))
        amounts += bool(figure.measure.amount)
    async for path in _paths(batch[0], asked, rows):
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

    def path(of_one: list[tuple[Any, ...]]) -> Path:
        # By the instant of the touch, then by what orders those of one instant: its person and its place.
        of_one.sort(key=lambda row: (row[unit], row[until], row[until + 1]))
        n, *amounts = of_one[0][until + 3 :]
        touches = [PathTouch._make(row[unit:until]) for row in of_one]
        return Path(touches, list(map(keyed, of_one)), [bool(row[until + 2]) for row in of_one], n, amounts)

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
        self._weights = measure.weights
        self._place = place
        self._parts: defaultdict[Key, int] = defaultdict(int)
        self._number: defaultdict[Key, int] = defaultdict(int)

    def add(self, path: Path) -> None:
        amount = CREDIT_PARTS if self._place is None else _whole([path.amounts[self._place]])[0]
        has_none = path.touches[0].channel == NO_TOUCH
        weights = (1,) * len(path.touches) if has_none else tuple(self._weights(path.touches))
        credited_to = set()
        for key, is_kept, weight, credit in zip(path.keys, path.kept, weights, _shares(amount, weights), strict=True):
            if weight and is_kept:
                self._parts[key] += credit * path.n
                credited_to.add(key)
        for key in credited_to:
            self._number[key] += path.n

    def outcomes(self) -> dict[Key, Outcome]:
        """`n` is how many conversions had a part."""
        scale = 1 if self._place is not None else CREDIT_PARTS
        return {key: Outcome(_simple(Fraction(credit, scale)), self._number[key]) for key, credit in self._parts.items()}


@lru_cache(maxsize=10_000)
def _shares(amount: int, weights: tuple[int, ...]) -> list[int]:
    return share(amount, weights)


def _simple(number: Fraction) -> Number:
    return number.numerator if number.denominator == 1 else number


# --- periods


def _period_at(groupings: Sequence[Group]) -> int | None:
    return next((place for place, group in enumerate(groupings) if group.period), None)


def _period(groupings: Sequence[Group]) -> periods.Grain:
    return next(group.period for group in groupings if group.period)


def _filled(found: Mapping[Key, T], groupings: Sequence[Group], asked: Asked, nothing: T) -> dict[Key, T]:
    """`found` with the periods in which nothing was, from the first asked for (or found) to the last, for each of the other groups."""
    place = _period_at(groupings)
    if place is None:
        return dict(found)
    first, last = _span([key[place] for key in found], asked)
    if first is None:
        return dict(found)
    all_periods = list(periods.between(_period(groupings), first, last, asked.fiscal_year_starts - 1))
    others = {(key[:place], key[place + 1 :]) for key in found} or ({((), ())} if len(groupings) == 1 else set())
    if len(all_periods) * len(others) > CELLS_MAX:
        raise Refused(f"{len(all_periods):,} periods of {len(others):,} groups are more than {CELLS_MAX:,} cells; ask for a shorter period")
    return {**{(*before, one, *after): nothing for before, after in others for one in all_periods}, **found}


def _span(found: Sequence[date], asked: Asked) -> tuple[date | None, date]:
    """From what is asked for, else found, to `until`, or as far as there is something before `to_on`: a deal may be expected in 9999."""
    first = date.fromisoformat(asked.from_on) if asked.from_on else min(found, default=None)
    until = date.fromisoformat(asked.until_on)
    return first, min(max([until, *found]), date.fromisoformat(asked.to_on) - timedelta(days=1)) if asked.to_on else until


# --- cells


def _figure_answer(figure: Figure, asked: Asked, outcomes: Mapping[Key, Outcome]) -> FigureAnswer:
    groupings = groups(figure, asked)
    names = tuple(group.name for group in groupings)
    currency_at = names.index("currency") if figure.is_money and not asked.currency else None
    cells = []
    for key in sorted(outcomes):
        outcome = outcomes[key]
        currency = key[currency_at] if currency_at is not None else asked.currency
        cells.append(
            Cell(
                group=dict(zip(names, _named(groupings, key, asked), strict=True)),
                value=outcome.value,
                n=outcome.n,
                complete=_is_complete(figure, groupings, key, asked),
                part=outcome.part,
                whole=outcome.whole,
                currency=currency if figure.is_money else None,
                decimals=DECIMALS.get(currency, 2) if figure.is_money else None,
            )
        )
    if asked.top:
        cells.sort(key=_by_value)
    measure = figure.measure
    # How many were in a stage yesterday and today is not how many were.
    has_run = isinstance(measure, Aggregate) and measure.is_running and _period_at(groupings) is not None
    many = any(name in figure.dimensions and figure.dimensions[name].many for name in names)
    return FigureAnswer(
        name=figure.name,
        says=figure.says,
        formula=figure.formula,
        unit=figure.unit,
        by=names,
        quantiles=tuple(map(str, measure.at)) if isinstance(measure, Quantiles) else (),
        adds_up=measure.adds_up and not many and not has_run and not asked.top,
        cells=tuple(cells),
        needs=() if any(cell.n for cell in cells) else figure.reads,
    )


def _by_value(cell: Cell) -> Number:
    assert isinstance(cell.value, Number), "only numbers are put in order"
    return -cell.value


def _named(groupings: Sequence[Group], key: Key, asked: Asked) -> Iterable[str]:
    for group, value in zip(groupings, key, strict=True):
        yield periods.named(group.period, value, asked.fiscal_year_starts - 1) if group.period else str(value)


def _is_complete(figure: Figure, groupings: Sequence[Group], key: Key, asked: Asked) -> bool:
    """Whether its period was over at `until`, and the days after it that the figure waits for."""
    place = _period_at(groupings)
    ends = []
    if place is not None:
        ends.append(periods.after(_period(groupings), key[place]))
    if asked.to_on:
        ends.append(date.fromisoformat(asked.to_on))
    if not ends:
        return not figure.within_days
    waited = (date.fromisoformat(asked.last_whole_day) + timedelta(days=1) - min(ends)).days
    return figure.dated is None or waited >= figure.within_days
