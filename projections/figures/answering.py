"""Answers figures: asks the read model, fills empty periods, says what is complete."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from journey.errors import Refused
from journey.instants import DAY, iso, last_end_of_day, start_of_day
from journey.money import DECIMALS
from journey.problems import meant
from projections.figures import periods
from projections.figures.answers import Answer, Cell, FigureAnswer
from projections.figures.compiling import Group, Query, batched, compiled, currencies_without_rate, finding, groups, marked, told_apart
from projections.figures.dimensions import DAYS_MAX, EVER
from projections.figures.figure import Asked, Figure, Where
from projections.figures.measures import Aggregate, Computed, Credited, Measure, Number, Outcome, Quantiles
from projections.figures.outcomes import CELLS_MAX, Key, Rows, credited, outcomes_of, period, period_at
from projections.read_model import Ask, Value


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
    if asked.top or not groupings or period_at(groupings) is not None or isinstance(batch[0].measure, Computed):
        return await ask(sql, *values)
    found = await ask(f"{sql} LIMIT {CELLS_MAX + 1}", *values)
    if len(found) > CELLS_MAX:
        raise Refused(f"{batch[0].name} by {', '.join(asked.by)} has more than {CELLS_MAX:,} cells; ask for the highest, or for fewer")
    return found


async def settled(ask: Ask, figures: Sequence[Figure], asked: Asked) -> tuple[Asked, dict[str, str]]:
    """What `figures` can be asked for: at ends of days where rows are summed by day, and converted where there are rates. And the
    currencies without one, each with the first day that has none. Raises Refused where one of the figures cannot be asked so."""
    asked = await _in_own_currency(ask, figures, asked)
    if asked.top is None:
        asked = replace(asked, top=listed(figures, asked.by))
    for figure in figures:
        _check(figure, asked)
    if any(figure.of.grain == "day" for figure in figures):
        asked = replace(asked, until=last_end_of_day(asked.until, asked.zone))
    asked = await _with_found(ask, figures, asked)
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
    sql, values = marked(compiled(batch, told_apart(batch[0], asked)))
    if isinstance(batch[0].measure, Credited):
        return await credited(batch, asked, ask.rows(sql, *values))
    return outcomes_of(batch, asked, await _cells(ask, batch, asked, sql, values))


async def _names(ask: Ask, figures: Sequence[Figure], found: Iterable[FigureAnswer], asked: Asked) -> dict[str, dict[str, str]]:
    """The names of a dimension's values, of those that have one."""
    names = {}
    for name in asked.by:
        called = {figure.dimensions[name].names for figure in figures if name in figure.dimensions} - {""}
        shown = {cell.group[name] for figure in found for cell in figure.cells}
        for sql in called:
            text, values = marked(Query(sql, {"until": asked.until}))
            names[name] = {value: title for value, title in sorted(await ask(text, *values)) if value in shown and title not in ("", value)}
    return names


def check_filters(where: Iterable[Where]) -> None:
    """Raises Refused where a filter is one by a period."""
    if period := next((one.dimension for one in where if one.dimension in periods.PERIODS), None):
        raise Refused(f"{period} is a period, and no filter: a figure is of one where from is its first day and to the day after its last")


def _check(figure: Figure, asked: Asked) -> None:
    check_filters(asked.where)
    if lacks := figure.lacks(asked):
        near = meant(lacks[0], figure.breakdowns)
        has = f"{near} It has" if near else "; it has"
        raise Refused(f"{figure.name} has no dimension {lacks[0]!r}{has} {', '.join(figure.breakdowns) or 'none'}")
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
        if figure.dimensions[where.dimension].days:
            _check_days(where)
    if asked.currency and asked.currency not in DECIMALS:
        raise Refused(f"{asked.currency!r} is no currency")

    if asked.top:
        _check_top(figure, asked)


def _check_days(where: Where) -> None:
    for value in where.values:
        if value != EVER and not (_DAYS.fullmatch(value) and int(value) <= DAYS_MAX):
            raise Refused(f"{where.dimension} {value!r} is no number of days from 1 to {DAYS_MAX:,}, nor {EVER!r}")


_DAYS = re.compile(r"[1-9]\d*", re.ASCII)


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


async def _in_own_currency(ask: Ask, figures: Sequence[Figure], asked: Asked) -> Asked:
    """`asked` with the company's own currency, where no other is asked for and anything is converted to it at all."""
    own, asked = asked.own_currency, replace(asked, own_currency="")
    if not own or asked.currency or asked.names_currency or not any(figure.is_money for figure in figures):
        return asked
    is_stated = await ask("SELECT 1 FROM rates WHERE base = ? OR quote = ? LIMIT 1", own, own)
    return replace(asked, currency=own) if is_stated else asked


async def _with_found(ask: Ask, figures: Iterable[Figure], asked: Asked) -> Asked:
    """`asked` with the options that views find in the read model; those that a question names already stay as they are."""
    options = dict(asked.options)
    for figure in figures:
        for name, sql in figure.of.found:
            if name not in options:
                text, values = marked(finding(figure, asked, sql))
                options[name] = tuple(sorted(value for (value,) in await ask(text, *values)))
    return replace(asked, options=options)


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
                # Nothing is in no currency.
                currency=currency or None if figure.is_money else None,
                decimals=DECIMALS.get(currency, 2) if figure.is_money and currency else None,
            )
        )
    if asked.top:
        cells.sort(key=_by_value)
    measure = figure.measure
    # How many were in a stage yesterday and today is not how many were.
    has_run = isinstance(measure, Aggregate) and measure.is_running and period_at(groupings) is not None
    under = {**dict(figure.of.options), **asked.options}
    many = any(name in figure.dimensions and figure.dimensions[name].many for name in names)
    return FigureAnswer(
        name=figure.name,
        says=figure.says,
        formula=figure.formula,
        unit=figure.unit,
        by=names,
        quantiles=tuple(map(str, measure.at)) if isinstance(measure, Quantiles) else (),
        adds_up=measure.adds_up and not many and not has_run and not asked.top and _is_within_one_set(measure, asked),
        cells=tuple(cells),
        needs=() if any(cell.n for cell in cells) else figure.reads,
        tells=figure.tells,
        stated={name: option for name in figure.states if not isinstance(option := under[name], tuple)},
    )


def _is_within_one_set(measure: Measure, asked: Asked) -> bool:
    """Whether what is credited together can be summed over each of the groups: a channel's parts of two sets are not that of both."""
    if not isinstance(measure, Credited) or not measure.is_of_set:
        return True
    of_touch = [name for name in asked.by if name in measure.touch]
    return not of_touch or len(asked.by) == 1


def _by_value(cell: Cell) -> Number:
    assert isinstance(cell.value, Number), "only numbers are put in order"
    return -cell.value


def _named(groupings: Sequence[Group], key: Key, asked: Asked) -> Iterable[str]:
    for group, value in zip(groupings, key, strict=True):
        yield periods.named(group.period, value, asked.fiscal_year_starts - 1) if group.period else str(value)


def _is_complete(figure: Figure, groupings: Sequence[Group], key: Key, asked: Asked) -> bool:
    """Whether its period, and the days after it that the figure waits for, were over at `until`."""
    within_days = _within_days(figure, groupings, key, asked)
    place = period_at(groupings)
    ends = []
    if place is not None:
        ends.append(periods.after(period(groupings), key[place]))
    if asked.to_on:
        ends.append(date.fromisoformat(asked.to_on))
    if not ends:
        return within_days == 0
    if within_days is None:
        return False
    return figure.dated is None or start_of_day(min(ends), asked.zone) + within_days * DAY <= asked.until + 1


def _within_days(figure: Figure, groupings: Sequence[Group], key: Key, asked: Asked) -> int | None:
    """How many days after its period a cell waits for; None is for ever. Where several are asked for, it waits for the longest."""
    if days := figure.days_asked(asked):
        own = [
            one for group, one in zip(groupings, key, strict=True) if group.name in figure.dimensions and figure.dimensions[group.name].days
        ]
        waits = own or days
        return None if EVER in waits else max(map(int, waits))
    if not isinstance(figure.within_days, str):
        return figure.within_days
    said = {**dict(figure.of.options), **asked.options}[figure.within_days]
    assert isinstance(said, int), "a number of days"
    return said if said >= 0 else None
