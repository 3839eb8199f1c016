"""Prints a report. It knows units and groupings but no figure: any figure of a section is shown. Numbers are rounded only here."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from textwrap import wrap
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from app.text.printing import BAR_WIDTH, WIDTH_PIPED, at_terminal, bar, figures, not_shown, out, put, table
from app.text.printing import Cell as Shown
from journey.definition import Definition
from journey.instants import DAY, HOUR, instant, last_end_of_day, moment, rfc3339
from journey.readable import readable
from projections.figures.answers import Answer, Cell, FigureAnswer
from projections.figures.measures import Aggregate, Credited, Number
from projections.figures.periods import PERIODS
from projections.figures.reports import Report, SectionAnswer
from projections.figures.sections import FIGURES

ROWS_SHOWN_MAX = 12
"""How many rows a table has; one that was asked for with --by has more."""
ROWS_ASKED_MAX = 60
NAMED_MAX = 12
LABEL_WIDTH_MAX = 32
"""How many characters of a group's name a terminal shows."""
HEADING_WIDTH_MIN = 12
COLUMNS_WITH_BAR_MAX = 3
GAP = 2
"""Between columns."""
WHOLE_UNITS_FROM = 100
"""Money of this amount and more is shown in whole units."""

NARROWED = "in this period, with these filters"
NONE = "(none)"
ZERO = "0"
NOTHING = "·"
"""A 0 in a table."""
UNKNOWN = "-"
"""There is no number: nothing to divide by, or to take a quantile of."""
MINUTE, SECOND = HOUR // 60, HOUR // 3600
_LENGTHS = ((2 * DAY, DAY, "days"), (2 * HOUR, HOUR, "hours"), (2 * MINUTE, MINUTE, "min"), (0, SECOND, "s"))

Orders = Mapping[str, Sequence[str]]
"""Dimensions whose values have an order of their own."""


def report(answered: Report, definition: Definition, *, sections: Sequence[str] = (), by: bool = False) -> None:
    """`sections` were asked for by name, and are shown even if they are empty; `by`: whether a grouping was asked for."""
    answers = [answer for section in answered.sections for answer in section.answers]
    asked = max(answers, key=lambda answer: answer.until)
    _title(answered, asked)
    orders = _orders(definition)
    shown = [section for section in answered.sections if section.answers and (section.name in sections or not section.is_empty)]
    for section in shown:
        _section(section, asked, orders, is_asked=by, is_named=section.name in sections)
    if not shown:
        put(Text(f"nothing for {answered.model} up to then", style="dim"), "")
    if without := [section.title for section in answered.sections if not section.answers]:
        lacks = dict.fromkeys(
            name for section in answered.sections if not section.answers for one in section.left_out.values() for name in one
        )
        put(Text(f"Without {' or '.join(map(_words, lacks))}, and so left out: {', '.join(without)}.", style="dim"), "")
    if answered.model == "sales":
        _unknown_stages(answers, definition)


def _orders(definition: Definition) -> Orders:
    """Figures are of stages of the journey or of stages of deals, so one order serves both."""
    of_deals = [stage.name for pipeline in definition.pipelines for stage in pipeline.stages]
    return {"pipeline": [pipeline.name for pipeline in definition.pipelines], "stage": [*definition.stage_names, *of_deals]}


def _title(answered: Report, asked: Answer) -> None:
    what = Text(answered.model.capitalize(), style="bold")
    what.append(" (simulated)" if answered.simulated else "", style="bold yellow")
    what.append(f" · {_until(asked)}, {asked.zone} · position {asked.position:,}", style="not bold")
    more = [f"from {asked.from_on}"] if asked.from_on else []
    more += [f"up to {asked.to_on}, which is not in it"] if asked.to_on else []
    more += [f"{_words(name)} {' or '.join(_named(asked, name, value) for value in values)}" for name, values in asked.where.items()]
    more += [f"in {asked.currency}"] if asked.currency else []
    more += [f"as known at {asked.known_at}"] if asked.known_at else []
    put(what, *([readable(" · ".join(more))] if more else []), Text("─" * min(out.width, WIDTH_PIPED), style="dim"))
    if lacking := _without_rate(answered):
        days = ", ".join(f"{currency} on {on}" for currency, on in lacking.items())
        put(Text(f"There is no rate for {days}, so money is shown per currency.", style="yellow"), "")


def _without_rate(answered: Report) -> dict[str, str]:
    """The currencies without a rate, and the first day on which one is missing."""
    first: dict[str, str] = {}
    for section in answered.sections:
        for answer in section.answers:
            for currency, on in answer.without_rate_on.items():
                first[currency] = min(on, first.get(currency, on))
    return dict(sorted(first.items()))


def _until(asked: Answer) -> str:
    until = instant(rfc3339(asked.until))
    if until == last_end_of_day(until, asked.zone):
        return f"as of the end of {asked.until_on}"
    local: datetime = moment(until).astimezone(ZoneInfo(asked.zone))
    return f"as of {local:%Y-%m-%d %H:%M:%S}"


def _section(section: SectionAnswer, asked: Answer, orders: Orders, *, is_asked: bool, is_named: bool) -> None:
    if section.is_empty:
        needs = dict.fromkeys(field for answer in section.answers for figure in answer.figures for field in figure.needs)
        why = f"nothing {NARROWED}" if _is_narrowed(asked) else f"nothing up to then; it is made of {', '.join(needs)}"
        put(Text(section.title, style="bold"), why, "")
        return
    title = Text(section.title, style="bold")
    if asked.from_on or asked.to_on:
        title.append(_as_things_stand(section, asked), style="not bold dim")
    if (cut := section.answers[0]) and cut.until != asked.until:
        title.append(f" · {_until(cut)}, since its rows are summed by day", style="not bold dim")
    put(title)
    for answer in section.answers:
        if answer.by:
            _table(answer, orders, is_asked=is_asked)
        else:
            _key_figures(answer)
    cut_at = [answer.top for answer in section.answers if any(answer.top and len(one.cells) == answer.top for one in answer.figures)]
    if top := max(cut_at, default=0):
        put(Text(f"Only the {top:,} highest are listed.", style="dim"), "")
    if alike := _not_added_up(section):
        put(Text(f"Counted once in each row, so rows do not add up: {', '.join(map(_words, alike))}.", style="dim"), "")
    lacking: dict[tuple[str, ...], list[str]] = {}
    for name, lacks in section.left_out.items():
        lacking.setdefault(lacks, []).append(_words(name))
    for lacks, names in lacking.items():
        put(Text(f"Without {' and '.join(map(_words, lacks))}, and so left out: {', '.join(names)}.", style="dim"), "")
    if is_named and (empty := _empty(section)):
        if _is_narrowed(asked):
            put(Text(f"no {', no '.join(map(_words, empty))} {NARROWED}", style="dim"), "")
        else:
            put(Text("; ".join(f"no {_words(name)}: it is made of {', '.join(needs)}" for name, needs in empty.items()), style="dim"), "")


def _as_things_stand(section: SectionAnswer, asked: Answer) -> str:
    """That a period does not touch figures of how things stand: all of the section, or those that are named."""
    names = dict.fromkeys(figure.name for answer in section.answers for figure in answer.figures)
    stand = [name for name in names if FIGURES[name].dated is None]
    if not stand:
        return ""
    return f" · {_until(asked)}" + (f": {', '.join(map(_words, stand))}" if len(stand) < len(names) else "")


def _empty(section: SectionAnswer) -> dict[str, tuple[str, ...]]:
    return {figure.name: figure.needs for answer in section.answers for figure in answer.figures if not _says(answer, figure)}


def _says(answer: Answer, figure: FigureAnswer) -> bool:
    """Whether there is an answer: 0 is one. Of what a filter or a period leaves nothing to count, 0 is the answer as well."""
    if not figure.needs or any(value is not None for cell in figure.cells for value in _values(cell)):
        return True
    measure = FIGURES[figure.name].measure
    is_count = isinstance(measure, Credited) or (isinstance(measure, Aggregate) and measure.is_first_part)
    return not figure.cells and is_count and _is_narrowed(answer)


def _values(cell: Cell) -> tuple[Number | None, ...]:
    return cell.value if isinstance(cell.value, tuple) else (cell.value,)


def _is_narrowed(asked: Answer) -> bool:
    return bool(asked.from_on or asked.to_on or asked.where)


def _not_added_up(section: SectionAnswer) -> list[str]:
    return list(
        dict.fromkeys(
            column.figure.name
            for answer in section.answers
            for column in _columns(answer)
            if answer.by and not answer.top and column.is_amount and not column.figure.adds_up and len(column.figure.cells) > 1
        )
    )


def _unknown_stages(answers: Iterable[Answer], definition: Definition) -> None:
    """Say which pipelines and stages of deals the definition does not know."""
    known = {(pipeline.name, stage.name) for pipeline in definition.pipelines for stage in pipeline.stages}
    found = {
        (cell.group["pipeline"], cell.group["stage"])
        for answer in answers
        for figure in answer.figures
        for cell in figure.cells
        if {"pipeline", "stage"} <= cell.group.keys() and cell.n
    }
    if unknown := sorted(found - known):
        places = "; ".join(f"{pipeline or '(no pipeline)'} / {stage or '(no stage)'}" for pipeline, stage in unknown[:NAMED_MAX])
        more = f" and {len(unknown) - NAMED_MAX:,} more" if len(unknown) > NAMED_MAX else ""
        these = "this stage" if len(unknown) == 1 else "these stages"
        put(Text(readable(
            f"The definition does not know {these}: {places}{more}. A deal there that has no probability of its own is in no weighted"
            " value; name the stages under `pipelines` in the definition."
        ), style="yellow"), "")  # fmt: skip


# --- columns


class Column(NamedTuple):
    """One number of each group: a figure, or one of its quantiles."""

    figure: FigureAnswer
    quantile: int | None

    @property
    def heading(self) -> str:
        if self.quantile is None:
            return _words(self.figure.name)
        at = Fraction(self.figure.quantiles[self.quantile])
        return f"{_words(self.figure.name)}, {'median' if at == Fraction(1, 2) else f'p{float(100 * at):g}'}"

    def value(self, cell: Cell) -> Number | None:
        if isinstance(cell.value, tuple):
            return None if self.quantile is None else cell.value[self.quantile]
        return cell.value

    @property
    def is_amount(self) -> bool:
        """Whether it says how much of something there is, and can carry a table."""
        is_mean = any(cell.whole is not None for cell in self.figure.cells[:1])
        return self.quantile is None and self.figure.unit not in ("share", "ratio", "duration") and not is_mean


def _columns(answer: Answer) -> list[Column]:
    """The columns that say something."""
    return [
        Column(figure, quantile)
        for figure in answer.figures
        if _says(answer, figure)
        for quantile in (range(len(figure.quantiles)) if len(figure.quantiles) > 1 else (0,) if figure.quantiles else (None,))
    ]


Format = Callable[[Cell, Number], str]


def is_money_whole(shown: Iterable[tuple[Column, Iterable[Cell]]]) -> bool:
    """Whether money is shown in whole units in all of these columns: where each of them has large amounts. They are written alike."""
    most = [
        max((abs(number) / 10 ** (cell.decimals or 0) for cell in cells if (number := column.value(cell))), default=0)
        for column, cells in shown
        if column.figure.unit == "money"
    ]
    return all(major >= WHOLE_UNITS_FROM for major in most if major) and any(most)


def format_of(column: Column, cells: Iterable[Cell], *, whole: bool = False) -> Format:
    """How a column's numbers are written: all alike, so that they can be compared. `whole`: money without the decimals of its currency."""
    numbers = [number for cell in cells if (number := column.value(cell)) is not None]
    most = max((abs(Fraction(number)) for number in numbers), default=Fraction(0))
    match column.figure.unit:
        case "share":
            return lambda cell, number: f"{float(number):.1%}"
        case "duration":
            _, length, name = next(one for one in _LENGTHS if most >= one[0])
            digits = 0 if length == SECOND else 1
            return lambda cell, number: f"{float(number / length) if number else 0:,.{digits}f} {name}"
        case "money":
            return lambda cell, number: _money(cell, number, whole=whole)
        case "ratio":
            return lambda cell, number: f"{float(number):,.2f}" + (f" ({cell.currency})" if cell.currency else "")
        case _:
            digits = 0 if all(number == int(number) for number in numbers) else 1
            return lambda cell, number: f"{_rounded(number, digits)}"


def _money(cell: Cell, number: Number, *, whole: bool) -> str:
    decimals = cell.decimals or 0
    return f"{_rounded(Fraction(number) / 10**decimals, 0 if whole else decimals)} {cell.currency}"


def _rounded(number: Number, digits: int) -> str:
    """Without floats: an amount may have more digits than they hold."""
    scaled = round(Fraction(number) * 10**digits)
    text = f"{abs(scaled) // 10**digits:,}" + (f".{abs(scaled) % 10**digits:0{digits}d}" if digits else "")
    return f"-{text}" if scaled < 0 else text


def _shown(column: Column, cells: Sequence[Cell], written: Format) -> str:
    """Each currency on a line of its own: sums over currencies need rates."""
    numbers = [(cell, number) for cell in cells if (number := column.value(cell)) is not None]
    lines = [written(cell, number) for cell, number in numbers if number or not (column.is_amount and cell.currency)]
    return "\n".join(lines) or (ZERO if column.is_amount and (numbers or not cells) else UNKNOWN)


def _in_row(column: Column, cells: Sequence[Cell], written: Format, currencies: Sequence[str | None]) -> str:
    """The same beside other columns: there is a line for each of the row's currencies, and an amount of 0 is not written out."""
    found = {cell.currency: (cell, number) for cell in cells if (number := column.value(cell)) is not None}
    lines = []
    for currency in currencies if any(cell.currency for cell in column.figure.cells[:1]) else (None,):
        shown = found.get(currency)
        if shown is not None and (shown[1] or not column.is_amount):
            lines.append(written(*shown))
        else:
            lines.append(NOTHING if column.is_amount and (found or not cells) else UNKNOWN)
    return "\n".join(lines)


def _currencies(columns: Sequence[Column], row: Sequence[Sequence[Cell]]) -> list[str | None]:
    """Those of which a row of a table shows an amount."""
    found = dict.fromkeys(
        cell.currency
        for column, cells in zip(columns, row, strict=True)
        for cell in cells
        if cell.currency and (number := column.value(cell)) is not None and (number or not column.is_amount)
    )
    return sorted(found, key=str) or [None]


def _key_figures(answer: Answer) -> None:
    columns = _columns(answer)
    whole = is_money_whole((column, column.figure.cells) for column in columns)
    values: dict[str, Shown] = {}
    for column in columns:
        cells = column.figure.cells
        heading = column.heading + ("" if all(cell.complete for cell in cells) else " so far")
        values[heading] = Text(_shown(column, cells, format_of(column, cells, whole=whole)))
    if values:
        figures(values)


# --- tables


Key = tuple[str, ...]


def _table(answer: Answer, orders: Orders, *, is_asked: bool) -> None:
    columns = _columns(answer)
    rows = _rows(answer, columns)
    if not rows:
        return
    carrying = next((column for column in columns if column.is_amount and column.figure.cells), columns[0])
    amounts = _amounts(carrying, {key: cells[columns.index(carrying)] for key, cells in rows.items()})
    keys = _sorted(answer, rows, amounts, orders)
    is_cut_at_start = answer.by[0] in PERIODS
    while not is_asked and not any(cell.n for cells in rows[keys[-1]] for cell in cells):
        keys.pop()  # Periods in which nothing was any more.
    rows_max = max(answer.top, ROWS_ASKED_MAX if is_asked else ROWS_SHOWN_MAX)
    kept = keys[-rows_max:] if is_cut_at_start else keys[:rows_max]
    labels = {_heading(name): [_label(answer, place, key, rows[key]) for key in kept] for place, name in enumerate(answer.by)}
    currencies = {key: _currencies(columns, rows[key]) for key in kept}
    headings = [column.heading for column in columns]
    if len({column.figure.name for column in columns}) > 1:
        headings = _without_common(headings)
    numbers: dict[str, Sequence[Shown]] = {}
    cells = [[cell for key in kept for cell in rows[key][nth]] for nth in range(len(columns))]
    whole = is_money_whole(zip(columns, cells, strict=True))
    for nth, column in enumerate(columns):
        written = format_of(column, cells[nth], whole=whole)
        texts = [_in_row(column, rows[key][nth], written, currencies[key]) for key in kept]
        widest = max(cell_len(line) for text in texts for line in text.split("\n"))
        numbers[">" + _wrapped(headings[nth], widest)] = [Text(text) for text in texts]
    most = max((amounts[key] for key in kept), default=0)
    bars: list[Shown] = [bar(max(int(amounts[key]), 0), int(most)) for key in kept]
    has_bar = len(kept) > 1 and most >= 1 and carrying.is_amount and len(columns) <= COLUMNS_WITH_BAR_MAX
    more = len(keys) - len(kept)
    foot = f"and {more:,} {'before' if is_cut_at_start else 'more'}; --csv has all" if more else ""
    _put(labels, numbers, bars if has_bar else [], foot)


def _without_common(headings: Sequence[str]) -> list[str]:
    """The headings without the words that all of them begin with."""
    words = [heading.split() for heading in headings]
    common = 0
    while all(len(some) > common + 1 for some in words) and len({some[common] for some in words}) == 1:
        common += 1
    return [" ".join(some[common:]) for some in words]


def _rows(answer: Answer, columns: Sequence[Column]) -> dict[Key, list[list[Cell]]]:
    """For each group the cells of each column, of which there are several where money is of several currencies."""
    rows: dict[Key, list[list[Cell]]] = {}
    for nth, column in enumerate(columns):
        for cell in column.figure.cells:
            key = tuple(cell.group[name] for name in answer.by)
            rows.setdefault(key, [[] for _ in columns])[nth].append(cell)
    if len(answer.by) == 1 and answer.by[0] in PERIODS:
        return rows  # One in which nothing was says something too.
    return {key: of_key for key, of_key in rows.items() if any(cell.n for cells in of_key for cell in cells)}


def _amounts(column: Column, cells: Mapping[Key, Sequence[Cell]]) -> dict[Key, Number]:
    """By what groups are ordered: money by that of the most frequent currency, what is no amount by how many it is worked out of."""
    numbers: defaultdict[str | None, Number] = defaultdict(int)
    for some in cells.values():
        for cell in some:
            numbers[cell.currency] += cell.n
    main = max(numbers, key=lambda currency: (numbers[currency], currency or ""), default=None)
    return {key: sum((_amount(column, cell) for cell in some if cell.currency == main), 0) for key, some in cells.items()}


def _amount(column: Column, cell: Cell) -> Number:
    return (column.value(cell) or 0) if column.is_amount else cell.n


def _sorted(answer: Answer, rows: Iterable[Key], amounts: Mapping[Key, Number], orders: Orders) -> list[Key]:
    """Periods in their order, stages in the definition's, others by size; those of several dimensions within each other."""
    sizes: defaultdict[Key, Number] = defaultdict(int)
    for key, amount in amounts.items():
        for place in range(1, len(key) + 1):
            sizes[key[:place]] += amount

    def place_of(key: Key) -> list[tuple[Number, Number, str]]:
        places: list[tuple[Number, Number, str]] = []
        for place, name in enumerate(answer.by):
            value, order = key[place], orders.get(name, ())
            nth = order.index(value) if value in order else len(order)
            places.append((nth, 0 if name in PERIODS else -sizes[key[: place + 1]], value))
        return places

    return sorted(rows, key=place_of)


def _put(labels: Mapping[str, Sequence[str]], numbers: Mapping[str, Sequence[Shown]], bars: Sequence[Shown], foot: str) -> None:
    """One table; on a terminal as many below each other as it takes for all columns to be seen."""
    if not at_terminal():
        table("", {**labels, **numbers, **({"": bars} if bars else {})}, foot=foot)
        return
    cut = {heading: [_cut(text) for text in texts] for heading, texts in labels.items()}
    widest = max((_width(heading, texts) for heading, texts in numbers.items()), default=0)
    left_out: list[str] = []
    while len(cut) > 1 and sum(_width(heading, texts) for heading, texts in cut.items()) + widest > out.width + GAP:
        left_out.insert(0, cut.popitem()[0])
    left = out.width - sum(_width(heading, texts) for heading, texts in cut.items())
    parts: list[dict[str, Sequence[Shown]]] = [{}]
    room = left
    for heading, texts in numbers.items():
        if parts[-1] and room < _width(heading, texts):
            parts.append({})
            room = left
        parts[-1][heading] = texts
        room -= _width(heading, texts)
    if bars and len(parts) == 1 and room >= BAR_WIDTH:
        parts[0][""] = bars
    for part in parts:
        is_last = part is parts[-1]
        remarks = "\n".join(filter(None, (foot, *map(str, not_shown(left_out))))) if is_last else ""
        table("", {**cut, **part}, foot=remarks)


def _width(heading: str, texts: Iterable[Shown]) -> int:
    lines = [line for text in (heading.removeprefix(">"), *map(str, texts)) for line in text.split("\n")]
    return max(cell_len(readable(line)) for line in lines) + GAP


def _cut(text: str) -> str:
    text = readable(text)
    return text if cell_len(text) <= LABEL_WIDTH_MAX else set_cell_size(text, LABEL_WIDTH_MAX - 1).rstrip() + "…"


def _wrapped(heading: str, width: int) -> str:
    width = max(width, HEADING_WIDTH_MIN, *map(len, heading.split()))
    return "\n".join(wrap(heading, width, break_long_words=False, break_on_hyphens=False))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _heading(name: str) -> str:
    return "week of" if name == "week" else _words(name)


def _label(answer: Answer, place: int, key: Key, cells: Sequence[Sequence[Cell]]) -> str:
    name = answer.by[place]
    is_open = name in PERIODS and not all(cell.complete for some in cells for cell in some)
    return _named(answer, name, key[place]) + (" so far" if is_open else "")


def _named(answer: Answer, name: str, value: str) -> str:
    names = answer.names.get(name, {})
    called = names.get(value, value)
    # Of two that are called alike, their ids say which is which.
    return f"{called} ({value})" if called != value and list(names.values()).count(called) > 1 else called or NONE
