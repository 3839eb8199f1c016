"""Figures compile to one SQL text for SQLite and PostgreSQL, with values by name.

What differs between the two is not used: casts by `::`, JSON, LOWER, series, and ordering, since collations differ.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from journey.errors import Refused
from projections.figures import periods
from projections.figures.credit import PathTouch
from projections.figures.dimensions import Dimension, spelled
from projections.figures.figure import ANY_TIME, Asked, Figure, Where
from projections.figures.measures import Aggregate, Computed, Credited, Measure, MeasurePart, Quantiles
from projections.figures.money import RATES, cannot_be_converted, converted, summed
from projections.figures.views import Option

HALF_DIGITS = 9
HALF = 10**HALF_DIGITS
"""Sums are added up in two halves of the number, because SQLite has no integers beyond 64 bits."""


class Query(NamedTuple):
    """`:name` stands for each of `values` that it uses."""

    sql: str
    values: Mapping[str, Option]


class Group(NamedTuple):
    """What rows are grouped by: a dimension, or a period, which is `found` as one, or as days, of which it is put together."""

    name: str
    column: str
    period: periods.Grain | None = None
    found: periods.Grain = "day"


def groups(figure: Figure, asked: Asked) -> tuple[Group, ...]:
    """Money that is not converted is always per currency as well."""
    found = []
    for name in asked.by:
        if name in periods.PERIODS and figure.dated is not None:
            # Days add up to longer periods in less time than SQL takes to work these out, row by row.
            grain: periods.Grain = "day" if _is_of_days(figure.measure) else name
            found.append(Group(name, periods.sql(grain, figure.day), name, grain))
        else:
            found.append(Group(name, _column(figure, _dimension(figure, name))))
    if figure.is_money and not asked.currency and "currency" not in asked.by:
        found.append(Group("currency", "v.currency"))
    return tuple(found)


def batched(figures: Iterable[Figure], asked: Asked) -> list[tuple[Figure, ...]]:
    """Those that are one SELECT: of one view, date and grouping, and added up, or credited. The highest cells of each are its own."""
    found: dict[object, list[Figure]] = {}
    for figure in figures:
        match figure.measure:
            case Aggregate(is_running=is_running) if not asked.top:
                # What runs is of the same rows, unless others begin later.
                alike: object = is_running and bool(asked.from_on)
            case Credited(touch=touch):
                alike = touch, told_apart(figure, asked).by
            case Computed(columns=columns):
                alike = columns
            case _:
                alike = figure.name
        wanted = tuple(_dimension(figure, where.dimension) for where in asked.where)
        found.setdefault((figure.of, figure.dated, figure.is_money, alike, groups(figure, asked), wanted), []).append(figure)
    return [tuple(batch) for batch in found.values()]


def told_apart(figure: Figure, asked: Asked) -> Asked:
    """`asked`, broken down by what it filters touches by as well, where they are credited together: those that a filter leaves out have
    earned a part too, each its own."""
    measure = figure.measure
    if not isinstance(measure, Credited) or not measure.is_of_set:
        return asked
    filtered = (where.dimension for where in asked.where if where.dimension in measure.touch and where.dimension not in asked.by)
    return replace(asked, by=(*asked.by, *dict.fromkeys(filtered)))


def compiled(batch: Sequence[Figure], asked: Asked) -> Query:
    """The SELECT of one of `batched`: columns of the groups first. `columns` reads what follows them."""
    one = batch[0]
    groupings = groups(one, asked)
    names = [f"g{place}" for place in range(len(groupings))]
    grouped = "".join(f"{group.column} AS {name}, " for group, name in zip(groupings, names, strict=True))
    source, values = _source(one, asked)
    tail = f" GROUP BY {', '.join(names)}" if names else ""
    match one.measure:
        case Aggregate():
            parts = [part for figure in batch if isinstance(figure.measure, Aggregate) for part in figure.measure.parts]
            tail += _highest(one, one.measure.parts[0], names, values, asked)
            columns = ", ".join(column for part in parts for column in _aggregates(one, part, asked))
            return Query(f"SELECT {grouped}{columns} {source}{tail}", values)
        case Quantiles() as measure:
            series = f"v.{measure.series}" if measure.series else "''"
            columns = f"{_amount(one, measure.column, asked)} AS x, {series} AS series, CAST(SUM(v.n) AS BIGINT) AS c"
            inner = f"SELECT {grouped}{columns} {source} AND {measure.where}"
            return Query(_quantiles(measure, inner, names), values)
        case Credited():
            kept = " AND ".join(_conditions(one, asked, values, touch=True)) or "TRUE"
            whole = ("v." + column for column in (*one.of.unit, *PathTouch._fields, "person", "place"))
            amounts = (
                _amount(one, amount, asked) for figure in batch if isinstance(figure.measure, Credited) if (amount := figure.measure.amount)
            )
            columns = ", ".join([*whole, f"CASE WHEN {kept} THEN 1 ELSE 0 END", "v.n", *amounts])
            # A conversion is credited whole, so its touches are to come together.
            unit = ", ".join(str(len(names) + place) for place in range(1, len(one.of.unit) + 1))
            return Query(f"SELECT {grouped}{columns} {source} ORDER BY {unit}", values)
        case Computed() as measure:
            columns = "".join(f"{_amount(one, column, asked)}, " for column in measure.columns)
            # What a function cannot tell apart comes to it once.
            alike = ", ".join(str(place) for place in range(1, len(names) + len(measure.columns) + 1))
            return Query(f"SELECT {grouped}{columns}CAST(SUM(v.n) AS BIGINT) {source} GROUP BY {alike}", values)


def counting(figure: Figure, asked: Asked, grain: periods.Grain | None = None) -> Query:
    """The groups in which anything counts, as columns g0, g1, …: where a person came and went, nothing is left. Of what runs, those in
    which something was at the end of one of the periods of `grain`, where it is asked for by them."""
    groupings = groups(figure, asked)
    names = ", ".join(f"g{place}" for place in range(len(groupings)))
    grouped = ", ".join(f"{group.column} AS g{place}" for place, group in enumerate(groupings))
    source, values = _source(figure, asked)
    if not isinstance(figure.measure, Aggregate):
        return Query(f"SELECT DISTINCT {grouped} {source} AND {_counts(figure)}", values)
    sums = [one for part in figure.measure.parts for one in _aggregates(figure, part, asked)]
    if not figure.measure.is_running or grain is None:
        something = " OR ".join(f"{one} <> 0" for one in sums)
        return Query(f"SELECT {grouped} {source} GROUP BY {names} HAVING {something}", values)
    summed = ", ".join(f"{one} AS s{place}" for place, one in enumerate(sums))
    by_period = f"SELECT {grouped}, {periods.sql(grain, figure.day)} AS p, {summed} {source} GROUP BY {names}, p"
    # By the end of a period, and until when it stays so.
    come_to = ", ".join(f"SUM(s{place}) OVER w AS s{place}" for place in range(len(sums)))
    window = f"WINDOW w AS (PARTITION BY {names} ORDER BY p)"
    ends = f"SELECT {names}, {come_to}, LEAD(p) OVER w AS until_p FROM ({by_period}) AS a {window}"
    something = " OR ".join(f"s{place} <> 0" for place in range(len(sums)))
    is_asked_for = f"(until_p IS NULL OR until_p > {periods.sql(grain, 'CAST(:from_on AS TEXT)')})"
    return Query(f"SELECT DISTINCT {names} FROM ({ends}) AS b WHERE ({something}) AND {is_asked_for}", values)


def rows(figure: Figure, asked: Asked) -> Query:
    """The rows of the view that count, each with its groups before its own columns."""
    grouped = "".join(f"{group.column} AS g{place}, " for place, group in enumerate(groups(figure, asked)))
    source, values = _source(figure, asked)
    conditions = [_counts(figure), *_conditions(figure, asked, values, touch=True)]
    return Query(f"SELECT {grouped}v.* {source} AND {' AND '.join(conditions)}", values)


def _counts(figure: Figure) -> str:
    """Whether a row of the view counts."""
    match figure.measure:
        case Aggregate(parts=parts):
            return f"({' OR '.join(f'({where})' for where in dict.fromkeys(part.where for part in parts))})"
        case Quantiles(where=where):
            return f"({where})"
        case Credited() | Computed():
            return "TRUE"


def currencies_without_rate(figure: Figure, asked: Asked) -> Query:
    """The currencies that cannot be converted to the one that is asked for, of some row that counts, and the first of their days."""
    source, values = _source(figure, asked)
    missing = " OR ".join(f"({part.where} AND {cannot_be_converted(_plain_amount(figure, part.column))})" for part in figure.measure.money)
    day = figure.money_day if asked.rate_day == "fact" else ":until_on"
    first = f"MIN(CAST({day} AS TEXT))"
    return Query(f"SELECT v.currency, {first} {source} AND ({missing}) GROUP BY v.currency", values)


def added(parts: Sequence[MeasurePart], columns: Sequence[int]) -> list[int]:
    """The sums of `parts`, of the columns that `compiled` gave them."""
    left = iter(columns)
    return [next(left) * HALF + next(left) if part.how == "sum" and part.column else next(left) for part in parts]


def width(parts: Sequence[MeasurePart]) -> int:
    """How many columns `compiled` gives `parts`."""
    return sum(2 if part.how == "sum" and part.column else 1 for part in parts)


def marked(query: Query) -> tuple[str, list[str | int]]:
    """`query` as `Ask` takes it: a question mark for each value, in their order; of several texts a row for each."""
    values: list[str | int] = []

    def mark(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0]  # In quotes.
        value = query.values[name]
        if isinstance(value, tuple):
            rows = [(one,) if isinstance(one, str) else one for one in value or ("",)]
            values.extend(one for row in rows for one in row)
            return ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
        values.append(value)
        return "?"

    return _NAMED.sub(mark, query.sql), values


_NAMED = re.compile(r"'(?:[^']|'')*'|:([a-z][a-z_0-9]*)")


def _is_of_days(measure: Measure) -> bool:
    """Whether what it comes to on days adds up to what it comes to in a longer period."""
    match measure:
        case Aggregate(parts=parts):
            return all(part.how == "sum" for part in parts)
        case Quantiles():
            return False
        case Credited() | Computed():
            return True


def finding(figure: Figure, asked: Asked, sql: str) -> Query:
    """One of `figure.of.found`."""
    return Query(sql, _values(figure, asked))


def _values(figure: Figure, asked: Asked) -> dict[str, Option]:
    values: dict[str, Option] = {
        **dict(figure.of.options),
        **asked.options,
        "until": asked.until,
        "until_on": asked.until_on,
        "from_on": asked.from_on or ANY_TIME[0],
        "to_on": asked.to_on or ANY_TIME[1],
        "period_from": asked.period[0],
        "period_to": asked.period[1],
        "fiscal_months": asked.fiscal_year_starts - 1,
        "currency": asked.currency,
    }
    for name in values.keys() & figure.dimensions.keys():
        wanted = [text for where in asked.where if where.dimension == name for text in where.values]
        if isinstance(several := values[name], tuple):
            texts = [text for text in several if isinstance(text, str)]
            values[name] = tuple(text for text in texts if text in wanted or (name in asked.by and not wanted))
    values["within"] = figure.days_asked(asked)
    if ":months_over" in figure.of.sql:
        values["months_over"] = periods.months_over(asked.last_whole_day)
    return values


def _source(figure: Figure, asked: Asked) -> tuple[str, dict[str, Option]]:
    """FROM and WHERE, which holds at least one condition."""
    values = _values(figure, asked)
    used = {name: figure.dimensions[name] for name in asked.by if name in figure.dimensions}
    used |= {where.dimension: one for where in asked.where if _is_joined(one := _dimension(figure, where.dimension), where)}
    joins = "".join(f" {_spelled(figure, one, one.join)}" for one in used.values() if one.join)
    conditions = _conditions(figure, asked, values, touch=False)
    if figure.is_money:
        conditions.append("v.currency <> ''")
        if asked.currency:
            joins += " " + RATES.replace("{day}", figure.money_day if asked.rate_day == "fact" else ":until_on")
    if figure.dated is not None:
        # What is running runs from the very first row on.
        is_running = isinstance(figure.measure, Aggregate) and figure.measure.is_running
        since = f"'{ANY_TIME[0]}'" if is_running else ":from_on"
        conditions += [f"{figure.day} >= {since}", f"{figure.day} < :to_on"]
    return f"FROM ({figure.of.sql}) AS v{joins} WHERE {' AND '.join(conditions) or 'TRUE'}", values


def _conditions(figure: Figure, asked: Asked, values: dict[str, Option], *, touch: bool) -> list[str]:
    """What `asked.where` asks of rows; `touch`: of those dimensions that are of a path's touches."""
    of_touch = figure.measure.touch if isinstance(figure.measure, Credited) else ()
    found = []
    for place, where in enumerate(asked.where):
        if (where.dimension in of_touch) is touch:
            values |= {f"w{place}_{nth}": value for nth, value in enumerate(where.values)}
            found.append(_condition(figure, asked, place, where))
    return found


def _condition(figure: Figure, asked: Asked, place: int, where: Where) -> str:
    dimension = _dimension(figure, where.dimension)
    marks = ", ".join(f":w{place}_{nth}" for nth in range(len(where.values)))
    wanted = f"{_column(figure, dimension)} IN ({marks})"
    if dimension.many and where.dimension in asked.by:
        raise Refused(f"{figure.name} cannot be broken down by {dimension.name} and filtered by it at once: a row may be in several")
    if _is_joined(dimension, where):
        return wanted
    # A row that is in two of the groups counts once.
    return f"EXISTS (SELECT 1 FROM (SELECT 1 AS one) AS one {_spelled(figure, dimension, dimension.join)} WHERE {wanted})"


def _is_joined(dimension: Dimension, where: Where) -> bool:
    """Whether to filter by what is joined: a row may be in several groups of one that is `many`, but in each of them once."""
    return not dimension.many or len(where.values) == 1


def _dimension(figure: Figure, name: str) -> Dimension:
    return figure.dimensions[name]


def _column(figure: Figure, dimension: Dimension) -> str:
    return _spelled(figure, dimension, dimension.column)


def _spelled(figure: Figure, dimension: Dimension, sql: str) -> str:
    # How things stand at the instant asked until is of no day, so it is asked by instants.
    grain = "instant" if figure.dated is None else figure.of.grain
    return spelled(sql, dimension, figure.at, figure.day, grain)


def _amount(figure: Figure, column: str, asked: Asked) -> str:
    amount = _plain_amount(figure, column)
    return converted(amount) if _is_converted(figure, column, asked) else amount


def _plain_amount(figure: Figure, column: str) -> str:
    return summed(f"v.{column}") if column in figure.of.sums else f"v.{column}"


def _is_converted(figure: Figure, column: str, asked: Asked) -> bool:
    return bool(asked.currency) and MeasurePart("sum", column, "") in _of_money(figure)


def _of_money(figure: Figure) -> set[MeasurePart]:
    return {part._replace(where="") for part in figure.measure.money}


def _aggregates(figure: Figure, part: MeasurePart, asked: Asked) -> tuple[str, ...]:
    """The columns of `part`: one, or of a sum the upper and the lower half."""
    if part.how == "distinct":
        return (f"COUNT(DISTINCT v.{part.column}) FILTER (WHERE {part.where})",)
    if not part.column:
        return (_sum("v.n", part.where),)
    if part.column in figure.of.sums and not _is_converted(figure, part.column, asked):
        return tuple(_sum(half, part.where) for half in _halves(f"v.{part.column}"))
    amount = _amount(figure, part.column, asked)
    times = "" if part.column in figure.of.sums else " * v.n"
    return _sum(f"{amount} / {HALF}{times}", part.where), _sum(f"{amount} % {HALF}{times}", part.where)


def _highest(figure: Figure, part: MeasurePart, names: list[str], values: dict[str, Option], asked: Asked) -> str:
    """The cut to those cells in which `part` is highest, of equal ones to the first by their names."""
    if not asked.top:
        return ""
    values["top"] = asked.top
    order = _aggregates(figure, part, asked)
    if len(order) > 1:
        # What the lower half holds beyond itself goes to the upper one: then they compare, one after the other, as the number does.
        upper, lower = order
        rest = f"(({lower} % {HALF} + {HALF}) % {HALF})"
        order = (f"{upper} + ({lower} - {rest}) / {HALF}", rest)
    return f" ORDER BY {', '.join([*(f'{one} DESC' for one in order), *names])} LIMIT :top"


def _halves(sum: str) -> tuple[str, str]:
    """A sum of a table may be beyond 64 bits: NUMERIC in PostgreSQL, text in SQLite. Its digits are the same in both."""
    digits = f"('{'0' * HALF_DIGITS}' || REPLACE(CAST({sum} AS TEXT), '-', ''))"
    sign = f"CASE WHEN SUBSTR(CAST({sum} AS TEXT), 1, 1) = '-' THEN -1 ELSE 1 END"
    high = f"SUBSTR({digits}, 1, LENGTH({digits}) - {HALF_DIGITS})"
    low = f"SUBSTR({digits}, LENGTH({digits}) - {HALF_DIGITS - 1}, {HALF_DIGITS})"
    return f"{sign} * CAST({high} AS BIGINT)", f"{sign} * CAST({low} AS BIGINT)"


def _sum(what: str, where: str) -> str:
    return f"CAST(COALESCE(SUM({what}) FILTER (WHERE {where}), 0) AS BIGINT)"


def _quantiles(measure: Quantiles, inner: str, names: list[str]) -> str:
    """For each quantile the two values nearest to it, the second of them NULL beyond the last; at the end of how many series values are,
    and how many they are."""
    listed = "".join(f"{name}, " for name in names)
    within = f"PARTITION BY {', '.join(names)} " if names else ""
    nearest = []
    for at in measure.at:
        low = f"((k - 1) * {at.numerator} / {at.denominator})"
        nearest += [f"MAX(x) FILTER (WHERE upto - c <= {place} AND {place} < upto)" for place in (low, f"{low} + 1")]
    placed = (
        f"SELECT {listed}x, series, c, CAST(SUM(c) OVER ({within}ORDER BY x) AS BIGINT) AS upto,"
        f" CAST(SUM(c) OVER ({within}) AS BIGINT) AS k"
        f" FROM ({inner} GROUP BY {listed}x, series) AS a"
    )
    tail = f" GROUP BY {', '.join(names)}" if names else ""
    return f"SELECT {listed}{', '.join(nearest)}, COUNT(DISTINCT series), COALESCE(MAX(k), 0) FROM ({placed}) AS b{tail}"
