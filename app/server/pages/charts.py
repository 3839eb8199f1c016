"""What a page's script draws of an answer by period: one line a figure, or one a group. The table beside it has the same numbers."""

from fractions import Fraction
from typing import Any

from app.text.layout import ShownColumn, ShownTable
from journey.definition import Definition
from journey.instants import DAY
from projections.figures.answers import Answer
from projections.figures.measures import Number
from projections.figures.periods import PERIODS
from streams.timeline import Stage, Timeline

LINES_MAX = 8


def lines_of(answer: Answer, table: ShownTable) -> dict[str, Any] | None:
    """For an answer by one period: the columns that share the unit of the first one. None for others, and for a single row."""
    if len(answer.by) != 1 or answer.by[0] not in PERIODS or len(table.keys) < 2:
        return None
    periods = [key[0] for key in table.keys]
    columns = [one for one in table.numbers if one.column.figure.unit == table.numbers[0].column.figure.unit][:LINES_MAX]
    lines = []
    for one in columns:
        currencies = sorted({cell.currency or "" for cell in one.column.figure.cells}) or [""]
        for currency in currencies:
            values: dict[str | None, float | None] = {
                cell.group[answer.by[0]]: _drawn(one.column, cell.decimals or 0, one.column.value(cell))
                for cell in one.column.figure.cells
                if (cell.currency or "") == currency
            }
            lines.append({"label": " ".join(filter(None, (one.heading, currency))), "data": [values.get(on) for on in periods]})
    return {"labels": periods, "unit": table.numbers[0].column.figure.unit, "lines": lines[:LINES_MAX]}


def _drawn(column: ShownColumn, decimals: int, value: Number | None) -> float | None:
    """A number as it is drawn: money in its main unit, a duration in days, a share in percent."""
    if value is None:
        return None
    match column.figure.unit:
        case "money":
            return float(Fraction(value) / 10**decimals)
        case "duration":
            return float(Fraction(value) / DAY)
        case "share" | "rate":
            return float(value) * 100
        case _:
            return float(value)


def stages_of(story: Timeline, definition: Definition) -> dict[str, Any] | None:
    """For a customer's story: the stages that were entered, and those that time alone will bring. None where there are not two points."""
    points = [{"at": one.at, "stage": one.means.stage} for one in story.entries if isinstance(one.means, Stage)]
    if not points:
        return None
    past = [one for one in points if one["at"] <= story.until]
    if past and len(past) == len(points):
        points.append({"at": story.until, "stage": past[-1]["stage"]})
    entered = {one["stage"] for one in points}
    return {"stages": [name for name in definition.stage_names if name in entered], "points": points, "until": story.until}
