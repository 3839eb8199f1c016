"""Prints the touchpoints behind a figure, as text or JSON."""

from textwrap import wrap

from rich.text import Text

from app.engine.evidence import EvidenceTouchpoint, FigureEvidence, UnitEvidence
from app.text.arguments import one_by_one
from app.text.layout import duration
from app.text.printing import fits, note, put, stacked, table
from journey.instants import iso
from journey.money import major
from journey.readable import readable
from projections.figures.answers import Cell, FigureAnswer, exact
from projections.figures.figure import PERCENT
from projections.figures.measures import Number

CELLS_SHOWN_MAX = 12
NOTHING = "·"
VALUES_SHOWN_MAX = 12
TOUCHPOINTS_SHOWN_MAX = 6
"""Of one unit in a terminal: the first ones and the last ones."""
UNIT_WIDTH_MAX = 28
"""Of one line, where not all of a table fits."""


def evidence(found: FigureEvidence) -> None:
    figure = found.answer.figures[0]
    heading = Text.assemble((figure.name, "bold"), (" (simulated)" if found.simulated else "", "bold yellow"))
    heading.append(f" · {_asked(found)}")
    says = f"{figure.says} {figure.formula[:1].upper()}{figure.formula[1:]}."
    says += f" {', '.join(f'{name} {option}' for name, option in figure.stated.items())}." if figure.stated else ""
    put(heading, Text(says, style="dim"), "")
    if not found.units_count:
        is_narrowed = found.answer.from_on or found.answer.to_on or any(found.there_are.values())
        put("nothing in it counts" + ("" if is_narrowed or not figure.needs else f"; it reads {', '.join(figure.needs)}"))
        for dimension, values in found.there_are.items():
            more = f" and {len(values) - VALUES_SHOWN_MAX:,} more" if len(values) > VALUES_SHOWN_MAX else ""
            if values:
                put(
                    readable(f"without filters, {dimension} is {', '.join(value or '(none)' for value in values[:VALUES_SHOWN_MAX])}{more}")
                )
            for value in found.answer.where.get(dimension, ()):
                if "," in value and value not in values:
                    put(readable(one_by_one(dimension, value)))
        return
    cells = [cell for cell in figure.cells if cell.n]
    for cell in cells[:CELLS_SHOWN_MAX]:
        put(Text.assemble((_cell(figure, cell), "bold"), f"  {_group(cell.group)}".rstrip()))
    if len(cells) > CELLS_SHOWN_MAX:
        put(Text(f"and {len(cells) - CELLS_SHOWN_MAX:,} cells more: `journey report` shows them", style="dim"))
    put("")
    _table(found, figure)
    shown = f"{len(found.units):,} of {found.units_count:,}"
    if found.beyond:
        # In one line, to be copied.
        put(Text(f"{shown}, {found.beyond:,} more with --after {found.after}", style="dim", no_wrap=True, overflow="ignore"))
    elif len(found.units) < found.units_count:
        put(Text(f"{shown}, the last ones", style="dim"))
    if len(found.units) < found.units_count:
        put(Text(f"these alone come to {' · '.join(_cell(figure, cell) for cell in found.comes_to if cell.n)}", style="dim"))
    if not found.agrees:
        note("what these touchpoints come to is not what the read model says of them; `journey reconcile` looks into it")


def _asked(found: FigureEvidence) -> str:
    answer = found.answer
    said = [f"as of {answer.until[:19].replace('T', ' ')} UTC", f"position {answer.position:,}"]
    said += [f"from {answer.from_on}"] if answer.from_on else []
    said += [f"before {answer.to_on}"] if answer.to_on else []
    said += [f"{name} {' or '.join(value or '(none)' for value in values)}" for name, values in answer.where.items()]
    said += [f"as known at {answer.known_at}"] if answer.known_at else []
    return readable(" · ".join(said))


def _table(found: FigureEvidence, figure: FigureAnswer) -> None:
    columns: dict[str, list[str | Text]] = {name: [] for name in ("counts", "value", "time (UTC)", "touchpoint", "id", "says")}
    for one in found.units:
        for place, (at, what, id, says) in enumerate(_lines(one)):
            is_first = place == 0
            values: tuple[str | Text, ...] = (
                Text(_unit(one) if is_first else "", style="bold"),
                _worth(figure, one, found.answer.currency) if is_first else "",
                at,
                what,
                id,
                says,
            )
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    if not any(map(str, columns["value"])):
        del columns["value"]
    if fits(columns):
        table("", columns)
        return
    columns["counts"] = [Text("\n".join(wrap(str(unit), UNIT_WIDTH_MAX)), style="bold") for unit in columns["counts"]]
    first = [name for name in ("counts", "value") if name in columns]
    table("", stacked(columns, first, ("time (UTC)", "touchpoint"), ("id", "says")), last="id\nsays", wrap=True)


def _lines(one: UnitEvidence) -> list[tuple[str, str, str, str]]:
    behind = list(one.touchpoints)
    left_out = len(behind) - TOUCHPOINTS_SHOWN_MAX
    if left_out > 1:
        half = TOUCHPOINTS_SHOWN_MAX // 2
        return [*map(_line, behind[:half]), ("", "…", "", f"{left_out:,} more, which --json lists"), *map(_line, behind[-half:])]
    return list(map(_line, behind)) or [("", "", "", "")]


def _line(behind: EvidenceTouchpoint) -> tuple[str, str, str, str]:
    says = " · ".join(filter(None, ("and then time passed" if behind.by_time else "", behind.says)))
    return behind.at[:16].replace("T", " "), behind.type, behind.id, says


def _unit(one: UnitEvidence) -> str:
    """What tells it from others: who or which, and its instant where it has one."""
    said = []
    for name, value in one.unit.items():
        if value in ("", 0) or name in ("amount_minor", "currency"):
            continue
        if name == "at":
            value = iso(int(value))[:10]
        elif name == "cycle":
            value = f"lead {value}"
        said.append(str(value))
    said += [value or "(none)" for name, value in one.group.items() if name != "currency"]
    return readable(" ".join(said) or "all of it")


def _worth(figure: FigureAnswer, one: UnitEvidence, currency: str) -> str:
    """What the figure comes to for it alone; nothing where that is 1, as of everything that is counted."""
    if figure.unit in PERCENT:
        return f"{exact(one.part or 0)}/{exact(one.whole or 0)}"
    if one.value is None and one.part and figure.unit == "money":
        # A cost that is shared out among results: alone it is none of one.
        return _number(figure.unit, one.part, one.group.get("currency", currency))
    is_counted = figure.unit not in ("money", "duration", "points")
    if not one.value and one.value is not None and figure.unit != "duration":
        return NOTHING
    return "" if is_counted and one.value == 1 else _value(figure, one, one.group.get("currency", currency))


def _value(figure: FigureAnswer, one: UnitEvidence, currency: str | None) -> str:
    values = one.value if isinstance(one.value, tuple) else (one.value,)
    return " · ".join(dict.fromkeys(_number(figure.unit, value, currency) for value in values))


def _cell(figure: FigureAnswer, cell: Cell) -> str:
    values = cell.value if isinstance(cell.value, tuple) else (cell.value,)
    numbers = [_number(figure.unit, value, cell.currency) for value in values]
    several = isinstance(cell.value, tuple)
    named = [f"{one} ({quantile})" for one, quantile in zip(numbers, figure.quantiles, strict=True)] if several else numbers
    of = f" ({exact(cell.part or 0)} of {exact(cell.whole)})" if cell.whole is not None else ""
    unit = f" {figure.unit}" if figure.unit not in (*PERCENT, "money", "duration") else ""
    return f"{' · '.join(named)}{unit}{of}"


def _number(unit: str, value: Number | None, currency: str | None) -> str:
    if value is None:
        return "-"
    match unit:
        case "share" | "rate":
            return f"{float(value):.1%}"
        case "money":
            return f"{major(round(value), currency or ''):,} {currency}"
        case "duration":
            return duration(value)
        case _:
            return f"{value:,}" if isinstance(value, int) else f"{float(value):,.2f}"


def _group(group: dict[str, str]) -> str:
    return readable(" · ".join(f"{name} {value or '(none)'}" for name, value in group.items() if name != "currency"))
