"""Options that several commands share, and what their texts mean."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import typer

from app.engine.clock import now
from app.text.hints import given
from journey.definition import FunnelOrder
from journey.errors import Refused
from journey.funnels import AskedFunnel
from journey.instants import Instant, instant, length, start_of_day
from journey.money import DECIMALS
from journey.problems import meant

# `readable=False` keeps typer from looking itself: what is not readable is told by us, in one line.
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of the embedded data. Default: ./journey-data",
        metavar="DIR",
        show_default=False,
        readable=False,
        callback=given,
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False, readable=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        help="As of the end of this day of the reporting zone (2025-06-30), or of this instant (2025-06-30T12:00:00Z). Default: now.",
        metavar="TIME",
        show_default=False,
    ),
]


def why(reason: str) -> str:
    """A reason that has to be there. Raises Refused."""
    if not reason.strip():
        raise Refused("why? --reason says it to whoever reads `journey audit`")
    return reason


Actor = Annotated[str | None, typer.Option(help="Who decides this. Default: you.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why.")]
Why = Annotated[str, typer.Option("--reason", help="Why; required.", show_default=False)]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        help="As known at this position (17), or at the last one recorded up to the end of this day of the reporting zone (2025-06-30),"
        " or up to this time (2025-06-30T12:00:00Z). Default: now.",
        metavar="K",
        show_default=False,
    ),
]

From = Annotated[
    str | None, typer.Option("--from", help="What is dated on this day or later.", metavar="DAY", show_default=False)
]  # fmt: skip
To = Annotated[str | None, typer.Option("--to", help="What is dated before this day.", metavar="DAY", show_default=False)]
By = Annotated[
    str | None,
    typer.Option(
        "--by",
        help="Break down by dimensions (owner,team), and by day, week, month, quarter or year.",
        metavar="DIM,DIM",
        show_default=False,
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Only what has this value. Given several times: any of the values of one dimension, and all of the dimensions.",
        metavar="DIM=VALUE",
        show_default=False,
    ),
]
Into = Annotated[
    str | None,
    typer.Option(
        "--currency",
        help="Convert money to it, at stated rates; `each`: to none. Default: the definition's, where there are rates to it.",
        metavar="EUR",
        show_default=False,
    ),
]

Csv = Annotated[bool, typer.Option("--csv", help="Print CSV: a row for each value, or each member.")]


def check_one_form(*, json: bool, csv: bool) -> None:
    """Raises Refused where both are asked for."""
    if json and csv:
        raise Refused("--json and --csv are two ways to print it; give one of them")


EACH = "each"
"""What `--currency` says of money that is not to be converted."""

Loaded = TypeVar("Loaded")

NONE = "(none)"
"""How what has no value in a dimension is shown, and may be asked for."""

YEARS = range(1970, 9999)
"""Those in which touchpoints are, less the last, whose end is no instant."""


def asked_until(text: str | None) -> Instant | date:
    """What `--until` names: an instant, or a day, whose end depends on the reporting zone."""
    if text is None:
        return now()
    try:
        asked = date.fromisoformat(text) if len(text) == len("2025-06-30") else datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--until {text!r} is no time; write 2025-06-30 or 2025-06-30T12:00:00Z") from None
    if asked.year not in YEARS:
        raise Refused(f"--until {text!r} is not between {YEARS.start} and {YEARS.stop - 1}")
    if not isinstance(asked, datetime):
        return asked
    if asked.tzinfo is None:
        raise Refused(f"--until {text!r} has no zone; write {text}Z for UTC")
    return instant(asked.astimezone(UTC))


def in_zone(asked: Instant | date, zone: str) -> Instant:
    """The instant, or the last one of the day in `zone`."""
    return start_of_day(asked + timedelta(days=1), zone) - 1 if isinstance(asked, date) else asked


def day_of(name: str, text: str) -> date:
    """The date that option `name` gives."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{name} {text!r} is no day; write 2026-03-31") from None


def names_of(by: str | None) -> tuple[str, ...]:
    """The dimensions and periods that `--by` names."""
    return tuple(name.strip() for name in (by or "").split(",") if name.strip())


def filters(texts: list[str] | None) -> dict[str, tuple[str, ...]]:
    """What `--where` asks for: values by dimension."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not sign:
            raise Refused(f"--where {text!r} is no filter; write it as owner=anna")
        found[name.strip()] = (*found.get(name.strip(), ()), "" if value == NONE else value)
    return found


def one_by_one(name: str, value: str) -> str:
    """How several values are asked for, of which `value` is a list."""
    each = (shlex.quote(f"{name}={one.strip()}") for one in value.split(","))
    return f"for any of several, write each: {' '.join(f'--where {one}' for one in each)}"


FunnelWithin = Annotated[
    str | None,
    typer.Option("--within", help="How long after the first step all others may come, such as 30d.", metavar="LENGTH", show_default=False),
]
FunnelOrdering = Annotated[
    str | None,
    typer.Option(
        "--order",
        help=f"{', '.join(get_args(FunnelOrder))}: between two steps may lie others, or none of the other steps, or no touch and no"
        " milestone either; or the steps come in whatever order.",
        metavar="ORDER",
        show_default=False,
    ),
]


def funnel_of(written: str | None, within: str | None, order: str | None) -> AskedFunnel | None:
    """The funnel that is asked for, if one is. Raises Refused."""
    if written is None:
        if within is not None or order is not None:
            raise Refused("--within and --order are of one funnel; name it, or write its steps")
        return None
    known: dict[str, FunnelOrder] = {one: one for one in get_args(FunnelOrder)}
    if order is not None and order not in known:
        raise Refused(f"--order {order!r} is none of {', '.join(known)}{meant(order, known)}")
    return AskedFunnel(written, None if within is None else length(within), None if order is None else known[order])


@contextmanager
def several(asked: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Says how several values are asked for, where there is none of a name that has a comma."""
    try:
        yield
    except Refused as error:
        for name, values in asked.items():
            for value in values:
                if "," in value and str(error).startswith(f"there is no {name} {value!r}"):
                    raise Refused(f"there is no {name} {value!r}; {one_by_one(name, value)}") from error
        raise


def currency_of(text: str | None) -> str | None:
    """The currency that `--currency` names: "" where that is each by itself, None where nothing is said of it."""
    if text is None:
        return None
    if text.lower() == EACH:
        return ""
    currency = text.upper()
    if currency not in DECIMALS:
        raise Refused(f"--currency {text!r} is no currency{meant(currency, DECIMALS)}")
    return currency


def share_of(name: str, text: str) -> float:
    """The share that option `name` gives: 5% or 0.05."""
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise Refused(f"{name} {text!r} is no share; write 5% or 0.05") from None
    if not 0 <= share <= 1:
        raise Refused(f"{name} {text!r} is not between 0% and 100%")
    return share


def name_of(file: Path) -> str:
    """Its name as text: bytes that are no UTF-8 are spelled out."""
    return str(file).encode(errors="backslashreplace").decode()


def first_told(load: Callable[[], Loaded], where: str, *, every: bool = False) -> Loaded:
    """What `load` gives. Of several mistakes in a file only the first is told, and where to see the others."""
    try:
        return load()
    except Refused as error:
        first, *more = error.args
        if every or not more:
            raise
        raise Refused(f"{first} (and {len(more)} more: {where})") from error
