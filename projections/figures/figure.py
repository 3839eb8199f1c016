"""A figure is a value: what it says, its formula, what it reads, how it adds up. Answers and the reference are made from it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, NamedTuple

from journey.instants import Instant, day, last_end_of_day
from projections.figures import periods
from projections.figures.dimensions import CURRENCY, EVER, Dimension
from projections.figures.measures import Measure
from projections.figures.money import RATES_OF
from projections.figures.periods import PERIODS
from projections.figures.views import Option, View

ANY_TIME = ("0001-01-01", "9999-12-32")
"""The first day, and what is as text later than the last."""


PERCENT: Final = ("share", "rate")
"""The units that people read in percent. A share lies in 0 to 1. A rate is of two numbers that somebody else states, and need not."""

Tells = Literal["", "deal_value", "spend", "cost"]
"""What a figure tells that not everybody is to see: the value of deals, what was spent, what a result cost."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`dated` names the instant that dates a row, and decides which period it is in: "closed" means its `closed_at` and `closed_on`,
    "" its `at` and `day`; None says how things stand at `Asked.until`, in no period.

    `unit` is what is counted ("deals"), or share, rate, ratio, money (minor units), duration (microseconds), points. `source` says where
    it is defined: in settings of a definition ("definition: lead"), by types of touchpoints ("vocabulary: content_view"), on a page of
    ours, in a publication. `reads` are the touchpoint fields that it depends on ("close.outcome"); the first field of each type is the one
    without which the type adds nothing. A cell is complete `within_days` after the end of its period: a number, or the name of the option
    that says it. None, or -1, is never: what began in a period may go on for any time. What it `tells` is shown to some roles only, or in
    sums only: which, the roles say (`app.server.roles`).
    """

    name: str
    says: str
    formula: str
    unit: str
    source: str
    of: View
    measure: Measure
    dated: str | None = ""
    by: tuple[Dimension, ...] = ()
    reads: tuple[str, ...] = ()
    within_days: int | str | None = 0
    tells: Tells = ""
    states: tuple[str, ...] = ()
    """The options of its view that an answer states: it is another number under others."""

    @property
    def at(self) -> str:
        """SQL of the instant that a row is dated by."""
        return ":until" if self.dated is None else f"v.{self.dated}_at" if self.dated else "v.at"

    @property
    def day(self) -> str:
        """SQL of its day in the reporting zone."""
        return ":until_on" if self.dated is None else f"v.{self.dated}_on" if self.dated else "v.day"

    @property
    def money_day(self) -> str:
        """SQL of the day in the reporting zone that its money is of: whose rate converts it."""
        return f"v.{self.of.money_on}" if self.of.money_on else self.day

    @property
    def is_money(self) -> bool:
        """Whether it adds up money: then it is per currency, or converted to one."""
        return bool(self.measure.money)

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """What it may be filtered and broken down by, under its name; it may be broken down by periods as well."""
        return {one.name: one for one in (*self.by, *((CURRENCY,) if self.is_money else ()))}

    @property
    def breakdowns(self) -> tuple[str, ...]:
        return (*self.dimensions, *(PERIODS if self.dated is not None else ()))

    def days_asked(self, asked: "Asked") -> tuple[str, ...]:
        """Within how many days something is to count, where a dimension of it says so: those of a filter, else all that it is broken down
        by, else ever."""
        for dimension in self.by:
            if dimension.days:
                wanted = [where.values for where in asked.where if where.dimension == dimension.name]
                return wanted[0] if wanted else dimension.days if dimension.name in asked.by else (EVER,)
        return ()

    def tables(self, names: Iterable[str]) -> frozenset[str]:
        """What is read to answer it by the dimensions of these names; periods and others that it does not have read nothing."""
        of_dimensions = (table for name in names if name in self.dimensions for table in self.dimensions[name].tables)
        return frozenset((*self.of.tables, *self.of.beside, *((RATES_OF,) if self.is_money else ()), *of_dimensions))

    def lacks(self, asked: "Asked") -> tuple[str, ...]:
        """The dimensions that are asked for and that it does not have."""
        unknown = [name for name in asked.by if name not in self.breakdowns]
        return tuple(dict.fromkeys(unknown + [where.dimension for where in asked.where if where.dimension not in self.dimensions]))


RateDay = Literal["fact", "until"]
"""Whose day the rate is of that an amount is converted at: of what it dates, or of the instant asked until."""


class Where(NamedTuple):
    """A filter: any of `values` in the dimension of this name."""

    dimension: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks for besides its figures. Everything dated up to and including `until` counts.

    A period is half-open, in days of the reporting zone: `from_on` is in it, `to_on` is not; "" leaves that end open.
    `by` names dimensions and periods. `currency` converts money at stated rates; where it is "", `own_currency` does if rates to it are
    stated at all, and neither filter nor breakdown is by currency. `rate_day` says whose day a rate is of. `known_at` is only repeated in
    the answer: it names the position as of which the read model was derived; "" is now.
    """

    until: Instant
    zone: str = "UTC"
    from_on: str = ""
    to_on: str = ""
    by: tuple[str, ...] = ()
    where: tuple[Where, ...] = ()
    currency: str = ""
    own_currency: str = ""
    rate_day: RateDay = "fact"
    known_at: str = ""
    fiscal_year_starts: int = 1
    top: int | None = 0
    """How many cells are wanted at most: those of the highest value. 0 is all; None is as many as a list of the dimension has."""
    options: dict[str, Option] = field(default_factory=dict)
    """Further values for the SQL of views, by name."""

    @property
    def names_currency(self) -> bool:
        return "currency" in self.by or any(where.dimension == "currency" for where in self.where)

    @property
    def until_on(self) -> str:
        return day(self.until, self.zone)

    @property
    def period(self) -> tuple[str, str]:
        """Its first day, and the first after it: of the quarter that holds `until` where none is asked for."""
        if self.from_on or self.to_on:
            return self.from_on or ANY_TIME[0], self.to_on or ANY_TIME[1]
        first = periods.holding("quarter", date.fromisoformat(self.until_on), self.fiscal_year_starts - 1)
        return first.isoformat(), periods.after("quarter", first).isoformat()

    @property
    def last_whole_day(self) -> str:
        """The last day that is over by `until`."""
        end = last_end_of_day(self.until, self.zone)
        return day(end, self.zone)


Model = Literal["marketing", "sales"]


class Group(NamedTuple):
    """A theme of a report, of which several sections are."""

    name: str
    title: str


class Section(NamedTuple):
    """Figures that are shown together, all of one read model. A report shows them once for each grouping of `shown_by`: those figures that
    have all of its dimensions; () is without any grouping. A figure that has none of these groupings is shown as a whole. `opens` is the
    group that begins with it; without one it is in the group of the section before it."""

    name: str
    title: str
    model: Model
    figures: tuple[Figure, ...]
    shown_by: tuple[tuple[str, ...], ...] = ((),)
    opens: Group | None = None
