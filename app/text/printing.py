"""How we print: aligned tables that fit, bars, JSON; remarks and progress on standard error, progress on a terminal only.

What came from outside never reaches a terminal as it is: it could move the cursor, forge a line, or turn round what is read.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from app.text.csv_cells import harmless
from app.text.hints import typed
from journey.integers import all_plain
from journey.readable import readable

WIDTH_PIPED = 110
"""How wide we print where there is no terminal to ask."""

LINE_MAX = 100_000
"""No line is longer, where there is no terminal that it would have to fit."""

LAST_WIDTH_MIN = 40
"""So much of the column that is cut is shown before others are left out."""

BAR_WIDTH = 24
FIGURE_GAP = 3

# What is printed came from outside: it is no markup, and no emoji by name.
out = Console(width=None if sys.stdout.isatty() else WIDTH_PIPED, highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)

_RULED = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")

Cell = str | Text


def at_terminal() -> bool:
    """Whether what we print has to fit; who reads it in a pipe gets lines as long as they are, whatever colours they asked for."""
    return sys.stdout.isatty()


def refusal(first: object, *more: object) -> None:
    """Say what can't be done, a line each."""
    err.print(f"journey: {readable(typed(str(first)))}", *(readable(typed(str(line))) for line in more), sep="\n")


def note(message: str, level: int = logging.INFO) -> None:
    """A remark of a command, whatever its level."""
    err.print(Text(readable(typed(message)), style="dim"))


def failure(error: BaseException) -> None:
    """What a bug of ours came to, in full."""
    sys.stderr.write(readable_lines("".join(traceback.format_exception(error))))


def as_json(value: Any) -> None:
    written = json_of(value)
    if sys.stdout.isatty():
        written = "".join(map(_escaped, written.decode())).encode()
    sys.stdout.buffer.write(written + b"\n")
    sys.stdout.flush()


def json_of(value: Any) -> bytes:
    """Numbers beyond ±2^53 are written as text: see `journey.integers`."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_STRICT_INTEGER, default=_plain)
    except orjson.JSONEncodeError:
        return orjson.dumps(all_plain(value), option=orjson.OPT_INDENT_2, default=_plain)


def as_it_came(raw: bytes) -> None:
    """Write `raw`; to a terminal, with what is neither text nor the end of a line spelled out."""
    if sys.stdout.isatty():
        raw = readable_lines(raw.decode(errors="backslashreplace")).encode()
    sys.stdout.buffer.write(raw)


def as_csv(text: str) -> None:
    """Write a table of CSV in which no cell is a formula, and what is not seen in one is spelled out."""
    sys.stdout.write(harmless(text))


def put(*parts: RenderableType) -> None:
    """Print, without blanks at the ends of lines."""
    with out.capture() as caught:
        for part in parts:
            out.print(_shown(part))
    sys.stdout.write("\n".join(line.rstrip(" ") for line in caught.get().split("\n")))


class _Rate(ProgressColumn):
    """How many in a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


quiet: ContextVar[bool] = ContextVar("quiet", default=False)
"""Set where several things are done at the same time, so that bars would be drawn over each other."""


@contextmanager
def progress(size: int | None, what: str, *, bytes: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar over `size` bytes or things, with a rate and an estimate; on a terminal and only there."""
    if quiet.get() or not err.is_terminal:
        yield lambda weight: None
        return
    columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn(what)]
    if size:
        columns += [BarColumn(), *([DownloadColumn()] if bytes else [MofNCompleteColumn(), _Rate()]), TimeRemainingColumn()]
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=size or None)
        yield lambda weight: bar.advance(task, weight)


# --- tables


def table(
    title: str,
    columns: Mapping[str, Sequence[Cell]],
    *,
    drop: Sequence[Sequence[str]] = (),
    last: str | None = None,
    wrap: bool = False,
    foot: str = "",
) -> None:
    """Print `columns` below each other's headings; a heading that starts with > is for numbers.

    Where the terminal is too narrow, columns are left out, some at a time, in the order of `drop`; column `last` is cut to what is left, or
    goes on in further lines (`wrap`). Where there is no terminal, all of it is printed, in lines as long as they are. `foot` is a remark
    below it.
    """
    below = [Text(foot, style="dim")] if foot else []
    if wrap or not at_terminal():
        _put_whole(title, columns, last, below)
        return
    shown = dict(columns)
    made = _made(shown, last)
    left_out: list[str] = []
    for headings in drop:
        if out.measure(_made(_narrowest(shown, last), last), options=out.options.update(max_width=1_000)).maximum <= out.width:
            break
        left_out += [heading.removeprefix(">") for heading in shown if heading in headings]
        shown = {heading: cells for heading, cells in shown.items() if heading not in headings}
        made = _made(shown, last)
    put(*([Text(title, style="bold")] if title else []), made, *below, *not_shown(left_out), "")


def not_shown(headings: Sequence[str]) -> list[Text]:
    """Says which columns a terminal has no room for."""
    return [Text(f"No room for {', '.join(headings)}: a wider terminal or a pipe has all columns.", style="dim")] if any(headings) else []


def fits(columns: Mapping[str, Sequence[Cell]]) -> bool:
    """Whether nothing has to be cut; where there is no terminal, all fits."""
    return not at_terminal() or out.measure(_made(columns, None), options=out.options.update(max_width=LINE_MAX)).maximum <= out.width


def stacked(columns: Mapping[str, Sequence[Cell]], *groups: Sequence[str]) -> dict[str, list[Cell]]:
    """The columns of each group as one, their cells on lines below each other: for a terminal that is too narrow for all of them."""
    made: dict[str, list[Cell]] = {}
    for headings in groups:
        rows = zip(*(columns[heading] for heading in headings), strict=True)
        heading = "\n".join(filter(None, (one.removeprefix(">") for one in headings))) if len(headings) > 1 else headings[0]
        made[heading] = [
            Text("\n").join(Text(readable_lines(cell)) if isinstance(cell, str) else cell for cell in row if str(cell)) for row in rows
        ]
    return made


def _narrowest(columns: Mapping[str, Sequence[Cell]], last: str | None) -> dict[str, Sequence[Cell]]:
    return {heading: [str(cell)[:LAST_WIDTH_MIN] for cell in cells] if heading == last else cells for heading, cells in columns.items()}


def _put_whole(title: str, columns: Mapping[str, Sequence[Cell]], last: str | None, below: Sequence[Text]) -> None:
    whole = {heading: [_in_lines(cell) for cell in cells] if heading == last else cells for heading, cells in columns.items()}
    made = _made(whole, last)
    for column in made.columns:
        if column.ratio is not None:
            column.no_wrap, column.overflow = False, "fold"
    width = out.width
    if not at_terminal():
        out.width = max(width, out.measure(_made(whole, None), options=out.options.update(max_width=LINE_MAX)).maximum)
    try:
        put(*([Text(title, style="bold")] if title else []), made, *below, "")
    finally:
        out.width = width


def _in_lines(cell: Cell) -> Group:
    """The lines of a cell, each of which goes on where it began when it is wrapped."""
    text = cell if isinstance(cell, Text) else Text(readable(cell))
    lines = text.split("\n", allow_blank=True)
    indents = [len(line.plain) - len(line.plain.lstrip(" ")) for line in lines]
    return Group(*(Padding(line[indent:], (0, 0, 0, indent)) for line, indent in zip(lines, indents, strict=True)))


def _made(columns: Mapping[str, Sequence[Cell | Group]], last: str | None) -> Table:
    made = Table(box=_RULED, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=last is not None)
    for heading in columns:
        number = heading.startswith(">")
        made.add_column(
            readable_lines(heading.removeprefix(">")),
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if heading == last else None,
        )
    for row in zip(*columns.values(), strict=True):
        made.add_row(*(Text(readable(cell)) if isinstance(cell, str) else _shown(cell) if isinstance(cell, Text) else cell for cell in row))
    return made


def pairs(answer: Mapping[str, Any]) -> None:
    """Names with their values, a line each."""
    width = max(len(name) for name in answer)
    for name, value in answer.items():
        sys.stdout.write(f"{name:<{width}}  {readable(str(value))}\n")


def counts(numbers: Sequence[tuple[str, int]]) -> None:
    """Names with their numbers, a line each."""
    width = max(len(name) for name, _ in numbers)
    for name, number in numbers:
        sys.stdout.write(f"{readable(name):<{width}}  {number:>10,}\n")


def figures(values: Mapping[str, Cell]) -> None:
    """A few numbers beside each other, their names below: in columns, as many as fit."""
    widths = [max(map(cell_len, (name, *str(value).split("\n")))) + FIGURE_GAP for name, value in values.items()]
    columns = next(
        number for number in range(len(widths), 0, -1) if number == 1 or sum(max(widths[at::number]) for at in range(number)) <= out.width
    )
    made = Table.grid(padding=(0, FIGURE_GAP, 0, 0))
    for _ in range(columns):
        made.add_column(justify="right", vertical="bottom")
    shown = list(values.items())
    for at in range(0, len(shown), columns):
        made.add_row(*(Text(str(value), style="bold") for _, value in shown[at : at + columns]))
        made.add_row(*(Text(name, style="dim") for name, _ in shown[at : at + columns]))
        made.add_row()
    put(made)


def bar(value: int, most: int, style: str = "blue") -> Text:
    eighths = round(value / max(most, 1) * BAR_WIDTH * 8)
    return Text("█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8], style=style)


def readable_lines(text: str) -> str:
    """The same for what has several lines of its own."""
    return "\n".join(map(readable, text.split("\n")))


def _shown(part: Any) -> Any:
    """What is not yet readable loses its colours."""
    if isinstance(part, str):
        return readable_lines(part)
    if isinstance(part, Text) and (plain := readable_lines(part.plain)) != part.plain:
        return Text(plain, style=part.style)
    return part


def _escaped(letter: str) -> str:
    """A letter of JSON, which says the same when it is escaped."""
    if letter.isprintable() or letter == "\n":
        return letter
    pairs = letter.encode("utf-16-be")
    return "".join(f"\\u{pairs[at : at + 2].hex()}" for at in range(0, len(pairs), 2))


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else list(value) if isinstance(value, tuple) else str(value)
