"""Answers as data: exact numbers, as typed Python values, JSON and CSV. Rounding is for who shows them."""

import csv
import io
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from projections.figures.measures import Number


def exact(number: Number) -> int | str:
    """A whole number as one; others as text: decimal where that is exact ("0.25"), else as a fraction ("1/3")."""
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
    """`value` is None where there is nothing to divide by or to take a quantile of; of several quantiles it is a tuple. Money is in minor
    units, of which `decimals` make a unit of the currency; a ratio has its two parts. `complete`: nothing dated later can be in it."""

    group: dict[str, str]
    value: Exact | tuple[Exact, ...] | None
    n: Exact
    complete: bool
    part: Exact | None = None
    whole: Exact | None = None
    currency: str | None = None
    decimals: int | None = None


class FigureAnswer(Value):
    """`adds_up` says that cells can be summed over each of `by`. `needs`, where nothing was found: the touchpoint fields that it reads."""

    name: str
    says: str
    formula: str
    unit: str
    by: tuple[str, ...]
    quantiles: tuple[str, ...]
    adds_up: bool
    cells: tuple[Cell, ...]
    needs: tuple[str, ...] = ()


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
    where: dict[str, tuple[str, ...]]
    currency: str
    without_rate: tuple[str, ...]
    figures: tuple[FigureAnswer, ...]
    top: int = 0
    names: dict[str, dict[str, str]] = {}
    """By dimension what its values are called, where that is otherwise: campaigns by their ids."""

    def figure(self, name: str) -> FigureAnswer:
        return next(one for one in self.figures if one.name == name)

    def to_json(self, *, indent: int | None = None) -> str:
        """Numbers are exact: whole, or text."""
        return self.model_dump_json(indent=indent)

    def to_csv(self) -> str:
        """A row for each value: the figure, its groups, its period, the value."""
        text = io.StringIO()
        dimensions = list(dict.fromkeys(name for figure in self.figures for name in figure.by))
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["figure", "unit", "quantile", *dimensions, *_COLUMNS, "until", "zone", "position"])
        for figure in self.figures:
            for cell in figure.cells:
                values = cell.value if isinstance(cell.value, tuple) else (cell.value,) * max(1, len(figure.quantiles))
                groups = [cell.group.get(name, "") for name in dimensions]
                for quantile, value in zip(figure.quantiles or ("",), values, strict=True):
                    numbers = [_plain(one) for one in (value, cell.part, cell.whole)]
                    row = [
                        figure.name,
                        figure.unit,
                        quantile,
                        *groups,
                        *numbers,
                        cell.currency or "",
                        _plain(cell.decimals),
                        _plain(cell.n),
                    ]
                    writer.writerow([*row, str(cell.complete).lower(), self.until, self.zone, self.position])
        return text.getvalue()


_COLUMNS = ("value", "part", "whole", "currency", "decimals", "n", "complete")


def _plain(number: Number | None) -> int | str:
    return "" if number is None else exact(number)
