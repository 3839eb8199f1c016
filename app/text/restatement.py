"""Prints what changed in the figures between two positions; and a closed period as told, beside what is known now."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.padding import Padding
from rich.text import Text

from app.engine.closed_periods import AsTold
from app.text.layout import NOTHING, UNKNOWN, ShownColumn, format_of
from app.text.printing import Cell, as_csv, as_json, fits, put, table
from journey.instants import iso
from journey.money import major
from journey.readable import readable
from projections.figures.answers import Cell as Answered
from projections.figures.answers import FigureAnswer, exact
from projections.figures.figure import PERCENT
from projections.figures.restatements import CauseShare, CellBetween, CellValue, ChangedTouchpoint, Restatement, is_something, value_of

CAUSES_SHOWN_MAX = 8
"""How many causes of one value are shown; `--json` has all."""
TOUCHPOINTS_SHOWN_MAX = 3


def compared(answer: Restatement, *, json: bool, csv: bool) -> None:
    if csv:
        as_csv(answer.to_csv())
    elif json:
        as_json(answer.model_dump(mode="json"))
    elif isinstance(answer, AsTold):
        as_told(answer)
    else:
        changed(answer)


def changed(restatement: Restatement) -> None:
    """Print only what differs."""
    _title(restatement, f"as known at {restatement.earlier:,} and at {restatement.later:,}")
    _cells(restatement, restatement.changed, f"at {restatement.earlier:,}", f"at {restatement.later:,}")


def as_told(told: AsTold) -> None:
    """Print all values, and for those that differ the causes."""
    closing = told.closed
    _title(told, f"{closing.period}, as told and as known now")
    put(
        Text(
            readable(f"closed at position {closing.position:,} by {closing.actor}, {iso(closing.at)[:19]}Z: {closing.reason}"), style="dim"
        )
    )
    if closing.computed_differently:
        put(
            Text(
                f"This version of the program works out differently what was told then of: {', '.join(closing.computed_differently)}.",
                style="yellow",
            )
        )
    put("")
    _cells(told, told_cells(told), "as told", "as known now")


def _title(restatement: Restatement, what: str) -> None:
    heading = Text.assemble((restatement.model.capitalize(), "bold"), (" (simulated)" if restatement.simulated else "", "bold yellow"))
    heading.append(f" · {what} · until {restatement.until[:19].replace('T', ' ')} UTC")
    more = [f"from {restatement.from_on}"] if restatement.from_on else []
    more += [f"up to {restatement.to_on}, which is not in it"] if restatement.to_on else []
    more += [f"{name} {' or '.join(values)}" for name, values in restatement.where.items()]
    put(heading, *([readable(" · ".join(more))] if more else []), "")


class ShownRow(NamedTuple):
    """A value at both positions, written out. `causes` are lines, of which those that are indented belong to the one above."""

    figure: str
    name: str
    before: str
    after: str
    difference: str
    causes: list[str]


def rows(restatement: Restatement, cells: Sequence[CellBetween], *, more: str) -> list[ShownRow]:
    """A row for each value of `cells`. `more` says where the causes are that are not shown."""
    return [
        ShownRow(cell.figure, _name(restatement, cell, nth), *_written(cell, nth), _causes(cell, nth, more))
        for cell in cells
        for nth in range(max(1, len(cell.quantiles)))
    ]


def told_cells(restatement: Restatement) -> list[CellBetween]:
    """Those that say something at one of both positions."""
    return [cell for cell in restatement.cells if cell.before.n or cell.after.n or cell.causes]


ORDER_OF_CAUSES = (
    "The causes of a figure add up to its difference: first what is new, then corrections, links, unlinks, retractions,"
    " imports, the definition."
)  # fmt: skip


def _cells(restatement: Restatement, cells: Sequence[CellBetween], earlier: str, later: str) -> None:
    if not cells:
        put("no difference")
        return
    written = rows(restatement, cells, more="--json has all")
    columns: dict[str, list[Cell]] = {
        "figure": [one.name for one in written],
        f">{earlier}": [one.before for one in written],
        f">{later}": [one.after for one in written],
        ">difference": [one.difference for one in written],
        "by": [Text("\n".join(one.causes)) for one in written],
    }
    if fits(columns):
        table("", columns)
    else:
        causes = columns.pop("by")
        table("", columns, last="figure", wrap=True)
        for name, difference, by in zip(columns["figure"], columns[">difference"], causes, strict=True):
            if str(by):
                put(Text.assemble((str(name), "bold"), f"  {difference}".rstrip()))
                put(*(Padding(Text(line.lstrip()), (0, 0, 0, 2 + len(line) - len(line.lstrip()))) for line in str(by).split("\n")), "")
    if any(is_something(cell.difference) for cell in cells):
        put(Text(ORDER_OF_CAUSES, style="dim"))


def _name(restatement: Restatement, cell: CellBetween, quantile: int) -> str:
    groups = [
        f"{restatement.names.get(name, {}).get(value, value) or '(none)'}" for name, value in cell.group.items() if name != "currency"
    ]
    return ", ".join([_column(cell, quantile).heading, *groups])


def _column(cell: CellBetween, quantile: int) -> ShownColumn:
    figure = FigureAnswer(name=cell.figure, says="", formula="", unit=cell.unit, by=(), quantiles=cell.quantiles, adds_up=False, cells=())
    return ShownColumn(figure, quantile if cell.quantiles else None)


def _written(cell: CellBetween, quantile: int) -> tuple[str, str, str]:
    before, after, difference = (_number(cell, value, quantile) for value in (cell.before, cell.after, cell.difference))
    if cell.unit not in (*PERCENT, "ratio", "duration"):
        before, after = (
            NOTHING if value_of(value, quantile) == 0 else text for value, text in ((cell.before, before), (cell.after, after))
        )
    return before, after, _signed(difference) if value_of(cell.difference, quantile) else ""


def _number(cell: CellBetween, value: CellValue, quantile: int) -> str:
    """A number with enough digits to show a small difference between large numbers."""
    number = value_of(value, quantile)
    if number is None:
        return UNKNOWN
    if cell.unit in PERCENT:
        return f"{float(number):.2%}"
    if cell.unit == "money" and cell.currency:
        return f"{major(round(number), cell.currency):,} {cell.currency}"
    both = [_cell(cell, one) for one in (cell.before, cell.after)]
    return format_of(_column(cell, quantile), both)(both[0], number)


def _cell(cell: CellBetween, value: CellValue) -> Answered:
    return Answered(group=cell.group, value=value.value, n=value.n, complete=True, currency=cell.currency, decimals=cell.decimals)


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _causes(cell: CellBetween, quantile: int, more: str) -> list[str]:
    lines = [readable(line) for share in cell.causes[:CAUSES_SHOWN_MAX] for line in _share(cell, share, quantile)]
    if len(cell.causes) > CAUSES_SHOWN_MAX:
        lines.append(f"and {len(cell.causes) - CAUSES_SHOWN_MAX} more; {more}")
    return lines


def _share(cell: CellBetween, share: CauseShare, quantile: int) -> list[str]:
    difference = _signed(_number(cell, share.difference, quantile)) + _parts(cell, share.difference)
    named = [_named(one) for one in share.touchpoints[:TOUCHPOINTS_SHOWN_MAX]]
    if share.of == 1 and named:
        return [f"{difference} {share.cause} {named[0]}"]
    more = share.of - len(named)
    return [
        f"{difference} {share.cause}, {share.of:,} together",
        *(f"  {one}" for one in named),
        *([f"  and {more:,} more"] if more else []),
    ]


def _parts(cell: CellBetween, difference: CellValue) -> str:
    """Of a share: by how much its part and its whole changed, which may leave the share itself as it was."""
    part, whole = difference.part, difference.whole
    return f" ({exact(part)} of {exact(whole)})" if cell.unit in PERCENT and part is not None and whole is not None else ""


def _named(one: ChangedTouchpoint) -> str:
    return f"at {one.position}: {one.says}" + (f" ({one.subject}, {one.occurred_at[:10]})" if one.subject else "")
