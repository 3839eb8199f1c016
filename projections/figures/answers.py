"""Answers as data: exact numbers, as typed Python values, JSON and CSV. Whoever shows them rounds."""

import csv
import io
import operator
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from journey.errors import Refused
from journey.problems import meant
from projections.figures.figure import Tells
from projections.figures.measures import Number


def exact(number: Number) -> int | str:
    """A whole number as a number; others as text: a decimal where that is exact ("0.25"), else a fraction ("1/3")."""
    if number == int(number):
        return int(number)
    number = Fraction(number)
    rest, decimals = number.denominator, 0
    while rest % 10 in (0, 2, 4, 5, 6, 8):
        rest = rest // 10 if rest % 10 == 0 else rest // 5 if rest % 5 == 0 else rest // 2
        decimals += 1
    if rest != 1:
        return f"{number.numerator}/{number.denominator}"
    digits = f"{abs(number.numerator) * 10**decimals // number.denominator:0{decimals + 1}d}"
    return f"{'-' if number < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0")


Exact = Annotated[int | Fraction, PlainSerializer(exact, return_type=int | str)]


class Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Cell(Value):
    """`value` is None where there is nothing to divide by or to take a quantile of; several quantiles are a tuple. Money is in minor units:
    1250 with 2 `decimals` is 12.50. A ratio has its `part` and its `whole`. `complete`: nothing dated later can be in it.
    `withheld`: there is a value, which whoever asks is not shown."""

    group: dict[str, str]
    value: Exact | tuple[Exact, ...] | None
    n: Exact
    complete: bool
    part: Exact | None = None
    whole: Exact | None = None
    currency: str | None = None
    decimals: int | None = None
    withheld: bool = Field(default=False, exclude_if=operator.not_)
    deals: Exact | None = Field(default=None, exclude=True)
    """How many deals are in it, where somebody is not to see few of them: nobody is told."""


class FigureAnswer(Value):
    """`adds_up` says that cells can be summed over each of `by`. `needs` are the touchpoint fields that it reads, if it found nothing.
    `withheld` says why some of its values are; `tells` what it says that not every role of a server is shown.
    `stated` are options that it was asked under, and is another number under others."""

    name: str
    says: str
    formula: str
    unit: str
    by: tuple[str, ...]
    quantiles: tuple[str, ...]
    adds_up: bool
    cells: tuple[Cell, ...]
    needs: tuple[str, ...] = ()
    withheld: str = Field(default="", exclude_if=operator.not_)
    tells: Tells = Field(default="", exclude_if=operator.not_)
    stated: dict[str, int | str] = Field(default={}, exclude_if=operator.not_)


def figure_named(figures: Iterable[FigureAnswer], name: str) -> FigureAnswer:
    """The first of that name. Raises Refused."""
    there: dict[str, FigureAnswer] = {}
    for figure in figures:
        there.setdefault(figure.name, figure)
    if name not in there:
        near = meant(name, there)
        raise Refused(f"there is no figure {name!r} in this answer{f'{near} It' if near else '; it'} has {', '.join(there) or 'none'}")
    return there[name]


class Answer(Value):
    """`until` is what was answered for: where a figure's rows are summed by day (`grain`), the last end of a day up to what was asked.
    The period is half-open, in days of `zone`. Money was converted to `currency` unless that is "": then it is per currency, also where
    it was to be converted and some had no rate (`without_rate`). Where `top` is not 0, there are no more cells of a figure than that: those
    of the highest value, which is their order."""

    until: str
    until_on: str
    zone: str
    grain: Literal["instant", "day"]
    position: int
    known_at: str
    from_on: str
    to_on: str
    by: tuple[str, ...]
    where: dict[str, tuple[str, ...]]
    currency: str
    without_rate: tuple[str, ...]
    figures: tuple[FigureAnswer, ...]
    without_rate_on: dict[str, str] = {}
    """For each currency without a rate, the first day that has none."""
    top: int = 0
    names: dict[str, dict[str, str]] = {}
    """By dimension, the names of values that have one: of campaigns, by their ids."""

    def figure(self, name: str) -> FigureAnswer:
        """Raises Refused where it was not asked for."""
        return figure_named(self.figures, name)

    def to_json(self, *, indent: int | None = None) -> str:
        """Numbers are exact: whole, or text."""
        return self.model_dump_json(indent=indent)

    def to_csv(self) -> str:
        """A row for each value: the figure, its groups, the value, what was asked."""
        return table([("", self)])


_FIRST = ("section", "figure", "unit", "by", "quantile")
_VALUE = ("value", "part", "whole", "currency", "decimals", "n", "complete")
_ASKED = ("until", "zone", "grain", "from", "to", "where", "known_at", "position")


def table(answers: Iterable[tuple[str, Answer]]) -> str:
    """Answers as one table of CSV, each with the section that it is of. `by` names the columns that a row's value is grouped by."""
    text = io.StringIO()
    writer = csv.writer(text)  # whose lines end in \r\n: so a cell that has either is quoted
    answers = tuple(answers)
    # The currency is a column of every value.
    named = [name for _, answer in answers for figure in answer.figures for name in figure.by if name != "currency"]
    dimensions = tuple(dict.fromkeys(named))
    writer.writerow([*_FIRST, *dimensions, *_VALUE, *_ASKED])
    for section, answer in answers:
        where = "; ".join(f"{name}={value}" for name, values in answer.where.items() for value in values)
        period = (answer.from_on, answer.to_on)
        asked = (answer.until, answer.zone, answer.grain, *period, where, answer.known_at, answer.position)
        for figure in answer.figures:
            first = (section, figure.name, figure.unit, ", ".join(figure.by))
            for cell in figure.cells:
                groups = [cell.group.get(name, "") for name in dimensions]
                values = cell.value if isinstance(cell.value, tuple) else (cell.value,) * max(1, len(figure.quantiles))
                for quantile, value in zip(figure.quantiles or ("",), values, strict=True):
                    numbers = [plain(one) for one in (value, cell.part, cell.whole)]
                    rest = (cell.currency or "", plain(cell.decimals), plain(cell.n), str(cell.complete).lower())
                    writer.writerow([*first, quantile, *groups, *numbers, *rest, *asked])
    return text.getvalue()


def plain(number: Number | None) -> int | str:
    """For CSV: nothing where there is no number."""
    return "" if number is None else exact(number)
