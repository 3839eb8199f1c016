"""Measures: what a figure adds up, counts, divides or shares over the rows of its view. They compile to SQL over the view's row `v`.

Values are whole numbers and fractions, never floats.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, NamedTuple

from projections.figures.credit import Weights
from projections.figures.set_credit import SetModel

Number = int | Fraction
MINOR = "_minor"
"""What the name of a column of money ends in: minor units of the row's `currency`."""


class Outcome(NamedTuple):
    """A measure's value for one group; None where there is nothing to divide by. `n` is what it is worked out of: of a ratio its whole."""

    value: Number | tuple[Number, ...] | None
    n: Number
    part: Number | None = None
    whole: Number | None = None


class MeasurePart(NamedTuple):
    """One aggregate: the sum of `column` (of `n` where it names none), or how many distinct values it has."""

    how: Literal["sum", "distinct"]
    column: str
    where: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Sums, which are worked out in one SELECT with those of other figures, and what they come to."""

    parts: tuple[MeasurePart, ...]
    outcome: Callable[[Sequence[int]], Outcome]
    adds_up: bool = False
    is_running: bool = False

    @property
    def money(self) -> tuple[MeasurePart, ...]:
        return tuple(part for part in self.parts if part.column.endswith(MINOR))

    @property
    def is_first_part(self) -> bool:
        """Whether its value is what its first part comes to, so that SQL can order by it."""
        return self.adds_up or len(self.parts) == 1


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of type 7 (Hyndman and Fan 1996): linear between the two nearest. Null over rows of several values of the column `series`."""

    column: str
    at: tuple[Fraction, ...]
    where: str
    series: str = ""
    adds_up: bool = False

    @property
    def money(self) -> tuple[MeasurePart, ...]:
        return (MeasurePart("sum", self.column, self.where),) if self.column.endswith(MINOR) else ()


@dataclass(frozen=True, slots=True)
class OfSet:
    """Conversions are credited together, by what `begin` begins for each set of them."""

    begin: SetModel


@dataclass(frozen=True, slots=True)
class Credited:
    """Of a view of paths: a row a touch, with the columns of `PathTouch` and `place`, under the view's unit. A conversion is credited
    whole; groups and filters of `touch` (names of dimensions) come after it, all others before. `model` weighs the touches of each
    conversion by itself, or is one of a set: then conversions are credited together, and each group of the others is a set of its own."""

    model: Weights | OfSet
    amount: str
    touch: tuple[str, ...]
    adds_up: bool = True

    @property
    def money(self) -> tuple[MeasurePart, ...]:
        return (MeasurePart("sum", self.amount, "TRUE"),) if self.amount else ()

    @property
    def is_of_set(self) -> bool:
        return isinstance(self.model, OfSet)


class Measured(NamedTuple):
    """A row for `computed`: its group, the columns that were asked for, and how many facts have these."""

    group: tuple[str, ...]
    values: tuple[str | int, ...]
    n: int


@dataclass(frozen=True, slots=True)
class Computed:
    """What SQL is bad at: a function of all rows at once, which gives each group its outcome."""

    function: Callable[[Sequence[Measured]], Mapping[tuple[str, ...], Outcome]]
    columns: tuple[str, ...]
    adds_up: bool = False

    @property
    def money(self) -> tuple[MeasurePart, ...]:
        return tuple(MeasurePart("sum", column, "TRUE") for column in self.columns if column.endswith(MINOR))


Measure = Aggregate | Quantiles | Credited | Computed


def count(where: str = "TRUE") -> Aggregate:
    """How many facts. `where` is SQL over `v`."""
    return Aggregate((MeasurePart("sum", "", where),), lambda sums: Outcome(sums[0], sums[0]), adds_up=True)


def distinct(column: str, where: str = "TRUE") -> Aggregate:
    """How many distinct values `column` has: these do not add up."""
    return Aggregate((MeasurePart("distinct", column, where),), lambda sums: Outcome(sums[0], sums[0]))


def total(column: str, where: str = "TRUE") -> Aggregate:
    """The sum of a column of whole numbers."""
    return Aggregate(
        (MeasurePart("sum", column, where), MeasurePart("sum", "", where)), lambda sums: Outcome(sums[0], sums[1]), adds_up=True
    )


def ratio(part: Aggregate, whole: Aggregate) -> Aggregate:
    """`part` of `whole`; a mean is the ratio of a total and a count."""
    cut = len(part.parts)

    def outcome(sums: Sequence[int]) -> Outcome:
        over, under = part.outcome(sums[:cut]).value, whole.outcome(sums[cut:]).value
        assert isinstance(over, Number), "a ratio is of counts and totals"
        assert isinstance(under, Number), "a ratio is of counts and totals"
        return Outcome(Fraction(over) / under if under else None, under, over, under)

    return Aggregate(part.parts + whole.parts, outcome)


def mean(column: str, per: int = 1, where: str = "TRUE") -> Aggregate:
    """What `column`, in parts of which `per` are a whole, comes to on average; without rows it is null."""

    def outcome(sums: Sequence[int]) -> Outcome:
        come_to, n = sums
        return Outcome(Fraction(come_to, per * n) if n else None, n, come_to, per * n)

    return replace(total(column, where), outcome=outcome, adds_up=False)


def as_stated(column: str, where: str = "TRUE") -> Aggregate:
    """`column` of the one row that there is; of several, which must not be added up, it is null."""
    sums = total(column, where)
    return replace(sums, outcome=lambda found: Outcome(found[0] if found[1] == 1 else None, found[1]), adds_up=False)


def ratio_of_one(series: str, part: Aggregate, whole: Aggregate) -> Aggregate:
    """`part` of `whole`, where all rows are of one value of the column `series`; of several, which must not be mixed, it is null."""
    of_all = ratio(part, whole)
    (where,) = {one.where for one in whole.parts}

    def outcome(sums: Sequence[int]) -> Outcome:
        found = of_all.outcome(sums[:-1])
        return found if sums[-1] == 1 else Outcome(None, found.n)

    return replace(of_all, parts=(*of_all.parts, MeasurePart("distinct", series, where)), outcome=outcome)


def quantiles(column: str, *at: str, where: str = "TRUE") -> Quantiles:
    """Quantiles of a column of whole numbers, each written as a fraction: "1/2", "9/10"."""
    return Quantiles(column, tuple(map(Fraction, at)), where)


def quantiles_of_one(series: str, column: str, *at: str, where: str = "TRUE") -> Quantiles:
    """The same where all rows are of one value of the column `series`; of several, which must not be mixed, they are null."""
    return replace(quantiles(column, *at, where=where), series=series)


def running(measure: Aggregate) -> Aggregate:
    """What the measure has come to by the end of each period, from the very first row on."""
    assert all(part.how == "sum" for part in measure.parts), "distinct values of periods do not add up; sum first times"
    return replace(measure, is_running=True)


def credited(model: Weights | OfSet, amount: str = "", touch: tuple[str, ...] = ("channel", "campaign", "content", "touch")) -> Credited:
    """Conversions by the touches that led to them, in millionths; with `amount`, a column of the conversion, its money in minor units."""
    return Credited(model, amount, touch)


def computed(function: Callable[[Sequence[Measured]], Mapping[tuple[str, ...], Outcome]], *columns: str) -> Computed:
    """What `function` makes of all rows, with these columns of the view: few values of them, since it has all rows in memory."""
    assert columns, "a function of nothing but a count is an aggregate"
    return Computed(function, columns)
