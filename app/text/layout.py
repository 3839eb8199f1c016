"""What is shown of an answer, for a terminal and a page alike: key figures and tables, their numbers rounded and written out.

It knows units and groupings but no figure: any figure of a section is shown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from app.text.arguments import NONE
from journey.definition import Definition
from journey.instants import DAY, HOUR, MINUTE, SECOND, Micros
from projections.figures.answers import Answer, Cell, FigureAnswer
from projections.figures.figure import PERCENT
from projections.figures.measures import Aggregate, Credited, Number
from projections.figures.periods import PERIODS
from projections.figures.reports import SectionAnswer
from projections.figures.sections import FIGURES

WHOLE_UNITS_FROM = 100
"""Money from here on is shown in whole units."""

ZERO = "0"
NOTHING = "·"
"""A 0 in a table, where it stands beside others."""
WITHHELD = "withheld"
"""There is a number that who asks is not shown."""
UNKNOWN = "-"
"""There is no number: nothing to divide by, or to take a quantile of."""
_LENGTHS: tuple[tuple[Micros, str], ...] = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))

Orders = Mapping[str, Sequence[str]]
"""Dimensions whose values have an order of their own."""


def orders_of(definition: Definition) -> Orders:
    """Stages of the journey, and of deals, are told apart by their figures."""
    of_deals = [stage.name for pipeline in definition.pipelines for stage in pipeline.stages]
    return {
        "pipeline": [pipeline.name for pipeline in definition.pipelines],
        "stage": [*definition.stage_names, *of_deals],
    }


def is_answered(answer: Answer, figure: FigureAnswer) -> bool:
    """Whether there is an answer: 0 is one. Of what a filter or a period leaves nothing to count, 0 is the answer as well."""
    if not figure.needs or any(value is not None for cell in figure.cells for value in _values(cell)):
        return True
    measure = FIGURES[figure.name].measure
    is_count = isinstance(measure, Credited) or (isinstance(measure, Aggregate) and measure.is_first_part)
    return not figure.cells and is_count and is_narrowed(answer)


def _values(cell: Cell) -> tuple[Number | None, ...]:
    return cell.value if isinstance(cell.value, tuple) else (cell.value,)


def is_narrowed(asked: Answer) -> bool:
    return bool(narrowed(asked))


def narrowed(asked: Answer) -> str:
    """By what the question is narrowed down, to go on after "nothing". Empty where it is not."""
    return ", ".join([*(["in this period"] if asked.from_on or asked.to_on else []), *(["with these filters"] if asked.where else [])])


def has_periods(section: SectionAnswer) -> bool:
    """Whether it is broken down by periods, which are there also where nothing was in them."""
    return any({*answer.by} & {*PERIODS} and figure.cells for answer in section.answers for figure in answer.figures)


# --- columns


class ShownColumn(NamedTuple):
    """One number of each group: a figure, or one of its quantiles."""

    figure: FigureAnswer
    quantile: int | None

    @property
    def heading(self) -> str:
        if self.quantile is None:
            return words(self.figure.name)
        at = Fraction(self.figure.quantiles[self.quantile])
        return f"{words(self.figure.name)}, {'median' if at == Fraction(1, 2) else f'p{float(100 * at):g}'}"

    def value(self, cell: Cell) -> Number | None:
        if isinstance(cell.value, tuple):
            return None if self.quantile is None else cell.value[self.quantile]
        return cell.value

    @property
    def is_amount(self) -> bool:
        """Whether it says how much of something there is, and can carry a table."""
        is_mean = any(cell.whole is not None for cell in self.figure.cells[:1])
        return self.quantile is None and self.figure.unit not in (*PERCENT, "ratio", "duration") and not is_mean


def columns_of(answer: Answer) -> list[ShownColumn]:
    """A column for each figure that has an answer, and for each of its quantiles."""
    return [
        ShownColumn(figure, quantile)
        for figure in answer.figures
        if is_answered(answer, figure)
        for quantile in (range(len(figure.quantiles)) if len(figure.quantiles) > 1 else (0,) if figure.quantiles else (None,))
    ]


Format = Callable[[Cell, Number], str]


def is_money_whole(shown: Iterable[tuple[ShownColumn, Iterable[Cell]]]) -> bool:
    """Whether money is shown in whole units in all of these columns: where each of them has large amounts. They are written alike."""
    most = [
        max((abs(number) / 10 ** (cell.decimals or 0) for cell in cells if (number := column.value(cell))), default=0)
        for column, cells in shown
        if column.figure.unit == "money"
    ]
    return all(major >= WHOLE_UNITS_FROM for major in most if major) and any(most)


def format_of(column: ShownColumn, cells: Iterable[Cell], *, whole: bool = False) -> Format:
    """How a column's numbers are written: all alike, so that they can be compared; but durations, of which one may be a thousand times
    another, each in its own unit. `whole`: money without the decimals of its currency."""
    match column.figure.unit:
        case "share" | "rate":
            return lambda cell, number: f"{float(number):.1%}"
        case "duration":
            return lambda cell, number: duration(number)
        case "money":
            return lambda cell, number: _money(cell, number, whole=whole)
        case "ratio":
            return lambda cell, number: f"{float(number):,.2f}" + (f" ({cell.currency})" if cell.currency else "")
        case _:
            numbers = [number for cell in cells if (number := column.value(cell)) is not None]
            digits = 0 if all(number == int(number) for number in numbers) else 1
            return lambda cell, number: f"{_rounded(number, digits)}"


def duration(micros: Number) -> str:
    """A length of time in the largest unit that it has one of: 3.2 d, 1 h."""
    length, unit = next((one for one in _LENGTHS if abs(Fraction(micros)) >= one[0]), _LENGTHS[-1])
    return f"{_rounded(Fraction(micros) / length, 1).removesuffix('.0')} {unit}"


def _money(cell: Cell, number: Number, *, whole: bool) -> str:
    decimals = cell.decimals or 0
    return f"{_rounded(Fraction(number) / 10**decimals, 0 if whole else decimals)} {cell.currency}"


def _rounded(number: Number, digits: int) -> str:
    """Without floats: an amount may have more digits than they hold."""
    scaled = round(Fraction(number) * 10**digits)
    text = f"{abs(scaled) // 10**digits:,}" + (f".{abs(scaled) % 10**digits:0{digits}d}" if digits else "")
    return f"-{text}" if scaled < 0 else text


def _shown(column: ShownColumn, cells: Sequence[Cell], written: Format) -> str:
    """Each currency on a line of its own: sums over currencies need rates."""
    numbers = [(cell, number) for cell in cells if (number := column.value(cell)) is not None]
    lines = [written(cell, number) for cell, number in numbers if number or not (column.is_amount and cell.currency)]
    if any(cell.withheld for cell in cells):
        lines.append(WITHHELD)
    return "\n".join(lines) or (ZERO if column.is_amount and (numbers or not cells) else UNKNOWN)


def _in_row(column: ShownColumn, cells: Sequence[Cell], written: Format, currencies: Sequence[str | None]) -> str:
    """The same beside other columns: there is a line for each of the row's currencies, and an amount of 0 is not written out."""
    found = {cell.currency: (cell, number) for cell in cells if (number := column.value(cell)) is not None}
    lines = []
    if any(cell.withheld for cell in cells):
        return WITHHELD
    for currency in currencies if any(cell.currency for cell in column.figure.cells[:1]) else (None,):
        shown = found.get(currency)
        if shown is not None and (shown[1] or not column.is_amount):
            lines.append(written(*shown))
        else:
            lines.append(NOTHING if column.is_amount and (found or not cells) else UNKNOWN)
    return "\n".join(lines)


def _currencies(columns: Sequence[ShownColumn], row: Sequence[Sequence[Cell]]) -> list[str | None]:
    """Those of which a row of a table shows an amount."""
    found = dict.fromkeys(
        cell.currency
        for column, cells in zip(columns, row, strict=True)
        for cell in cells
        if cell.currency and (number := column.value(cell)) is not None and (number or not column.is_amount)
    )
    return sorted(found, key=str) or [None]


class KeyFigure(NamedTuple):
    """A figure as a whole, written out; each currency on a line of its own."""

    column: ShownColumn
    heading: str
    text: str


def key_figures(answer: Answer) -> list[KeyFigure]:
    """Of an answer that is not broken down, the figures that say something."""
    columns = columns_of(answer)
    whole = is_money_whole((column, column.figure.cells) for column in columns)
    found = []
    for column in columns:
        cells = column.figure.cells
        heading = column.heading if all(cell.complete for cell in cells) else _so_far(column.heading)
        found.append(KeyFigure(column, heading, _shown(column, cells, format_of(column, cells, whole=whole))))
    return found


# --- tables


Key = tuple[str | None, ...]
"""The groups of a row. Of several dimensions, a period in which nothing was is in a row of its own, in no group of the others: None."""


class Numbers(NamedTuple):
    """A column of a table: its numbers written out, row by row."""

    column: ShownColumn
    heading: str
    texts: list[str]


class ShownTable(NamedTuple):
    """An answer that is broken down. `labels` are the groups of each row by dimension; `carrying` is the column whose amounts are the
    rows' bars. `more` rows are not shown, which come before these where `is_cut_at_start`."""

    keys: list[Key]
    labels: dict[str, list[str]]
    numbers: list[Numbers]
    carrying: ShownColumn
    amounts: list[Number]
    more: int
    is_cut_at_start: bool

    @property
    def has_bars(self) -> bool:
        """Whether bars show its amounts: several rows, of which none is below nothing."""
        return len(self.keys) > 1 and self.carrying.is_amount and min(self.amounts) >= 0 and max(self.amounts) >= 1


def table_of(answer: Answer, orders: Orders, rows_max: int, *, is_asked: bool = False) -> ShownTable | None:
    """None where no row says anything. Periods in which nothing was any more are left out unless the grouping was asked for."""
    columns = columns_of(answer)
    rows = _rows(answer, columns)
    if not rows:
        return None
    carrying = next((column for column in columns if column.is_amount and column.figure.cells), columns[0])
    amounts = _amounts(carrying, {key: cells[columns.index(carrying)] for key, cells in rows.items()})
    keys = _sorted(answer, rows, amounts, orders)
    is_cut_at_start = answer.by[0] in PERIODS
    counting = [nth for nth, column in enumerate(columns) if not _is_running(column)] or range(len(columns))
    while not is_asked and len(keys) > 1 and not any(cell.n for nth in counting for cell in rows[keys[-1]][nth]):
        keys.pop()
    kept = keys[-rows_max:] if is_cut_at_start else keys[:rows_max]
    currencies = {key: _currencies(columns, rows[key]) for key in kept}
    headings = [_so_far(column.heading) if _is_open(column) and set(answer.by) & {*PERIODS} else column.heading for column in columns]
    if len({column.figure.name for column in columns}) > 1:
        headings = _without_common(headings)
    cells = [[cell for key in kept for cell in rows[key][nth]] for nth in range(len(columns))]
    whole = is_money_whole(zip(columns, cells, strict=True))
    dated = [nth for nth, column in enumerate(columns) if not _is_open(column)]
    numbers = []
    for nth, column in enumerate(columns):
        written = format_of(column, cells[nth], whole=whole)
        numbers.append(Numbers(column, headings[nth], [_in_row(column, rows[key][nth], written, currencies[key]) for key in kept]))
    return ShownTable(
        kept,
        {
            _heading(name): [_label(answer, place, key, [rows[key][nth] for nth in dated]) for key in kept]
            for place, name in enumerate(answer.by)
        },
        numbers,
        carrying,
        [amounts[key] for key in kept],
        len(keys) - len(kept),
        is_cut_at_start,
    )


def _so_far(heading: str) -> str:
    """Some figures are called so already, such as "people so far"."""
    return heading if heading.endswith(" so far") else f"{heading} so far"


def _is_open(column: ShownColumn) -> bool:
    """Whether what began in a period may go on for any time, so that a period of it is never complete."""
    return FIGURES[column.figure.name].within_days is None and not any(cell.complete for cell in column.figure.cells)


def _is_running(column: ShownColumn) -> bool:
    """Whether it says what there is by the end of each period, also where nothing happened in it."""
    measure = FIGURES[column.figure.name].measure
    return isinstance(measure, Aggregate) and measure.is_running


def _without_common(headings: Sequence[str]) -> list[str]:
    """Without the words that all of several headings begin with."""
    words = [heading.split() for heading in headings]
    common = 0
    while all(len(some) > common + 1 for some in words) and len({some[common] for some in words}) == 1:
        common += 1
    return [" ".join(some[common:]) for some in words]


def _rows(answer: Answer, columns: Sequence[ShownColumn]) -> dict[Key, list[list[Cell]]]:
    """For each group the cells of each column, of which there are several where money is of several currencies."""
    rows: dict[Key, list[list[Cell]]] = {}
    for nth, column in enumerate(columns):
        for cell in column.figure.cells:
            key: Key = tuple(cell.group[name] for name in answer.by)
            rows.setdefault(key, [[] for _ in columns])[nth].append(cell)
    if len(answer.by) == 1 and answer.by[0] in PERIODS:
        return rows  # One in which nothing was says something too.
    something = {key: of_key for key, of_key in rows.items() if any(cell.n for cells in of_key for cell in cells)}
    place = next((place for place, name in enumerate(answer.by) if name in PERIODS), None)
    if place is None:
        return something
    found = {key[place] for key in something}
    for key, of_key in rows.items():
        if key[place] not in found:
            alone = (*(None,) * place, key[place], *(None,) * (len(key) - place - 1))
            something.setdefault(alone, of_key)
    return something


def _amounts(column: ShownColumn, cells: Mapping[Key, Sequence[Cell]]) -> dict[Key, Number]:
    """By what groups are ordered: money by that of the most frequent currency, what is no amount by how many it is worked out of."""
    numbers: defaultdict[str | None, Number] = defaultdict(int)
    for some in cells.values():
        for cell in some:
            numbers[cell.currency] += cell.n
    main = max(numbers, key=lambda currency: (numbers[currency], currency or ""), default=None)
    return {key: sum((_amount(column, cell) for cell in some if cell.currency == main), 0) for key, some in cells.items()}


def _amount(column: ShownColumn, cell: Cell) -> Number:
    return (column.value(cell) or 0) if column.is_amount else cell.n


def _order_of(answer: Answer, name: str) -> Sequence[str] | None:
    """The order that the values of a dimension have by themselves; None where they have none."""
    if name in PERIODS:
        return ()
    there = (FIGURES[figure.name].dimensions.get(name) for figure in answer.figures)
    return next((one.order for one in there if one is not None), None)


def _sorted(answer: Answer, rows: Iterable[Key], amounts: Mapping[Key, Number], orders: Orders) -> list[Key]:
    """Periods and what has an order of its own in that, stages in the definition's, others by size; several within each other."""
    sizes: defaultdict[Key, Number] = defaultdict(int)
    for key, amount in amounts.items():
        for place in range(1, len(key) + 1):
            sizes[key[:place]] += amount

    own_order = {name: _order_of(answer, name) for name in answer.by}

    def place_of(key: Key) -> list[tuple[Number, Number, str]]:
        places: list[tuple[Number, Number, str]] = []
        for place, name in enumerate(answer.by):
            value, own = key[place], own_order[name]
            order = orders.get(name, own or ())
            nth = order.index(value) if value in order else len(order)
            places.append((nth, -sizes[key[: place + 1]] if own is None else 0, value or ""))
        return places

    return sorted(rows, key=place_of)


def words(name: str) -> str:
    return name.replace("_", " ")


def _heading(name: str) -> str:
    return "week of" if name == "week" else words(name)


def _label(answer: Answer, place: int, key: Key, cells: Sequence[Sequence[Cell]]) -> str:
    name, value = answer.by[place], key[place]
    if value is None:
        return NOTHING
    is_open = name in PERIODS and not all(cell.complete for some in cells for cell in some)
    return named(answer, name, value) + (" so far" if is_open else "")


def named(answer: Answer, name: str, value: str) -> str:
    names = answer.names.get(name, {})
    called = names.get(value, value)
    # Of two that are called alike, their ids say which is which.
    return f"{called} ({value})" if called != value and list(names.values()).count(called) > 1 else called or NONE
