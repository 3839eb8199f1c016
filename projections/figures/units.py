"""The whole units behind a figure's cells: which deals, people or lead cycles count, and the rows that they count by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from projections.figures.answering import outcomes
from projections.figures.compiling import Query, counting, groups, marked, rows
from projections.figures.credit import linear
from projections.figures.dimensions import Dimension
from projections.figures.figure import Asked, Figure
from projections.figures.measures import Credited, Outcome
from projections.figures.periods import PERIODS
from projections.read_model import Ask, Value

_UNIT, _TOUCH = "unit_", "touch_"
_OF_TOUCH = ("person", "place")
"""What tells the touches of a path apart."""


class FigureUnit(NamedTuple):
    """`key` holds the values of the view's unit; `group` those that it is broken down by, periods apart, and of money its currency."""

    key: tuple[Value, ...]
    group: tuple[str, ...]


def of_whole_sets(figure: Figure, asked: Asked) -> Asked:
    """`asked` without what only says which of what was credited together is told: all of it is behind each cell."""
    measure = figure.measure
    if not isinstance(measure, Credited) or not measure.is_of_set:
        return asked
    return replace(asked, where=tuple(one for one in asked.where if one.dimension not in measure.touch))


def _weighing_touches(figure: Figure) -> Figure:
    """`figure`, of which only the touches are asked: what is credited together gives a part to all of them, and needs no equations."""
    measure = figure.measure
    return replace(figure, measure=replace(measure, model=linear)) if isinstance(measure, Credited) and measure.is_of_set else figure


@dataclass(frozen=True, slots=True)
class ByUnit:
    """A figure broken down by its units as well, instead of by periods: a unit is in one cell of a dimension for all periods."""

    figure: Figure
    asked: Asked

    @staticmethod
    def of(figure: Figure, asked: Asked, *, touches: bool = False) -> "ByUnit":
        """`touches`: a path is broken down by its touches too."""
        units = tuple(Dimension(_UNIT + column, f"v.{column}") for column in figure.of.unit)
        measure = figure.measure
        if touches and isinstance(measure, Credited):
            units += tuple(Dimension(_TOUCH + column, f"v.{column}") for column in _OF_TOUCH)
            measure = replace(measure, touch=(*measure.touch, *(_TOUCH + column for column in _OF_TOUCH)))
        by = tuple(name for name in asked.by if name not in PERIODS)
        # As many names as there are, those of the units first: what they are ordered by.
        return ByUnit(
            replace(figure, by=(*figure.by, *units), measure=measure), replace(asked, by=(*(one.name for one in units), *by))
        )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """What `FigureUnit.group` holds."""
        return tuple(one.name for one in groups(self.figure, self.asked))[self._width :]

    @property
    def width(self) -> int:
        """How many groups it is broken down by."""
        return len(groups(self.figure, self.asked))

    @property
    def _width(self) -> int:
        return sum(name.startswith((_UNIT, _TOUCH)) for name in self.asked.by)

    def unit(self, key: Sequence[Any]) -> FigureUnit:
        return FigureUnit(tuple(key[: len(self.figure.of.unit)]), tuple(key[self._width :]))

    def touch(self, key: Sequence[Any]) -> tuple[Any, ...]:
        """Of a path's touch: whose it is, and its place."""
        return tuple(key[len(self.figure.of.unit) : self._width])


class UnitPage(NamedTuple):
    """`units` of `number`, and how many come `beyond` them."""

    units: list[FigureUnit]
    number: int
    beyond: int


async def units(ask: Ask, figure: Figure, asked: Asked, *, after: Sequence[Value] = (), limit: int) -> UnitPage:
    """Up to `limit` units in the cells, in order, from beyond `after` on: key and group of another. `asked` is settled."""
    by = ByUnit.of(_weighing_touches(figure), of_whole_sets(figure, asked))
    if isinstance(figure.measure, Credited):
        found = await outcomes(ask, by.figure, by.asked)
        all_units = sorted(by.unit(key) for key, outcome in found.items() if outcome.n)
        left = [unit for unit in all_units if not after or (*unit.key, *unit.group) > tuple(after)]
        return UnitPage(left[:limit], len(all_units), max(0, len(left) - limit))
    if not by.width:
        return UnitPage([FigureUnit((), ())], 1, 0)
    query = counting(by.figure, by.asked, next((name for name in PERIODS if name in asked.by), None))
    ((number,),) = await _ask(ask, query._replace(sql=f"SELECT COUNT(*) FROM ({query.sql}) AS a"))
    columns = ", ".join(f"g{place}" for place in range(by.width))
    values, where = {**query.values, "limit": limit}, "TRUE"
    if after:
        values |= {f"after{place}": value for place, value in enumerate(after)}
        where = f"({columns}) > ({', '.join(f':after{place}' for place in range(len(after)))})"
    left_over = f"FROM ({query.sql}) AS a WHERE {where}"
    page = [by.unit(row) for row in await _ask(ask, Query(f"SELECT {columns} {left_over} ORDER BY {columns} LIMIT :limit", values))]
    ((left_number,),) = await _ask(ask, Query(f"SELECT COUNT(*) {left_over}", values))
    return UnitPage(page, number, left_number - len(page))


def only(figure: Figure, chosen: Sequence[FigureUnit]) -> tuple[Figure, dict[str, Value]]:
    """`figure` of these units alone, and the values that its SQL asks for."""
    keys = sorted({unit.key for unit in chosen})
    values = {f"k{nth}_{place}": value for nth, key in enumerate(keys) for place, value in enumerate(key)}
    if not figure.of.unit:
        return figure, {}
    one_of = " OR ".join(
        f"({' AND '.join(f'v.{column} = :k{nth}_{place}' for place, column in enumerate(figure.of.unit))})" for nth in range(len(keys))
    )
    return replace(figure, of=replace(figure.of, sql=f"SELECT v.* FROM ({figure.of.sql}) AS v WHERE {one_of or 'FALSE'}")), values


def among(figure: Figure, table: str) -> Figure:
    """`figure` of the units in `table` alone, which has a column u0, u1, … for each of the unit's."""
    same = " AND ".join(f"u.u{place} = v.{column}" for place, column in enumerate(figure.of.unit))
    if not same:
        return figure
    sql = f"SELECT v.* FROM ({figure.of.sql}) AS v WHERE EXISTS (SELECT 1 FROM {table} AS u WHERE {same})"
    return replace(figure, of=replace(figure.of, sql=sql))


async def each(ask: Ask, figure: Figure, asked: Asked) -> dict[FigureUnit, Outcome]:
    """What the figure comes to for each unit alone."""
    by = ByUnit.of(figure, of_whole_sets(figure, asked))
    return {
        by.unit(key): outcome
        for key, outcome in (await outcomes(ask, by.figure, by.asked)).items()
        if outcome.n or outcome.part or outcome.whole
    }


async def credited_touches(ask: Ask, figure: Figure, asked: Asked) -> set[tuple[FigureUnit, tuple[Any, ...]]]:
    """The touches of paths that a conversion is credited to: whose they are, and their places."""
    by = ByUnit.of(_weighing_touches(figure), of_whole_sets(figure, asked), touches=True)
    return {(by.unit(key), by.touch(key)) for key, outcome in (await outcomes(ask, by.figure, by.asked)).items() if outcome.n}


def rows_by_unit(figure: Figure, asked: Asked) -> tuple[ByUnit, Query]:
    by = ByUnit.of(figure, of_whole_sets(figure, asked))
    return by, rows(by.figure, by.asked)


async def _ask(ask: Ask, query: Query) -> Sequence[tuple[Any, ...]]:
    sql, values = marked(query)
    return await ask(sql, *values)
