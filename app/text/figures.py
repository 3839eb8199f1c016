"""Prints the list of figures."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from app.text.printing import pairs, put, table
from projections.figures.catalogue import FigureEntry
from projections.figures.dimensions import WITHIN


def listed(entries: Sequence[FigureEntry]) -> None:
    """A table for each section."""
    for (model, section), some in groupby(entries, key=lambda entry: (entry.model, entry.section)):
        of_section = list(some)
        table(f"{model} {section}", {
            "figure": [entry.name for entry in of_section],
            "unit": [entry.unit for entry in of_section],
            "says": [entry.says for entry in of_section],
        }, last="says", wrap=True)  # fmt: skip
    put("`journey figures NAME` shows one in full.")


def in_full(entries: Iterable[FigureEntry]) -> None:
    for nth, entry in enumerate(entries):
        if nth:
            put("")
        pairs(dict(described(entry)))


def _lacks(entry: FigureEntry) -> dict[str, list[str]]:
    """By reason what it cannot be broken down by."""
    found: dict[str, list[str]] = {}
    for name, why in entry.lacks.items():
        found.setdefault(why, []).append(name)
    return found


def described(entry: FigureEntry) -> Iterable[tuple[str, str]]:
    """What there is to say of it, each with its name."""
    yield "figure", entry.name
    yield "says", entry.says
    yield "formula", entry.formula
    yield "unit", entry.unit
    yield "source", entry.source
    yield "shown by", f"journey report {entry.model} {entry.section}"
    yield "as of", "any instant" if entry.grain == "instant" else "ends of days: its rows are summed by day"
    yield "dimensions", ", ".join(entry.dimensions) or "none"
    for why, names in _lacks(entry).items():
        yield f"no {' or '.join(names)}", why
    yield "periods", ", ".join(entry.periods) or "none: it says how things stand"
    if entry.within_days is None:
        unless = f", unless it is asked {WITHIN.name} some days" if WITHIN.name in entry.dimensions else ""
        yield "complete", f"never: what began in a period may go on for any time{unless}"
    elif isinstance(entry.within_days, str):
        yield "complete", "once nobody of its period is under way"
    elif entry.within_days:
        yield "complete", f"{entry.within_days} days after its period"
    yield "reads", ", ".join(entry.reads)
