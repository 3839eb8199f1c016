"""All figures as data: what each says, and how it can be asked."""

from collections.abc import Iterable

from projections.figures.answers import Value
from projections.figures.figure import Model
from projections.figures.periods import PERIODS
from projections.figures.sections import SECTIONS


class Entry(Value):
    """`dimensions` are what it may be broken down and filtered by, each with what it says; by `periods` it may be broken down only.
    `grain` is at what it can be cut: at any instant, or at ends of days. A cell is complete `within_days` after its period."""

    name: str
    section: str
    model: Model
    says: str
    formula: str
    unit: str
    source: str
    grain: str
    dimensions: dict[str, str]
    periods: tuple[str, ...]
    reads: tuple[str, ...]
    within_days: int


def entries() -> list[Entry]:
    """In the order of the reports."""
    return [
        Entry(
            name=figure.name,
            section=section.name,
            model=section.model,
            says=figure.says,
            formula=figure.formula,
            unit=figure.unit,
            source=figure.source,
            grain=figure.of.grain,
            dimensions={name: dimension.says for name, dimension in figure.dimensions.items()},
            periods=PERIODS if figure.dated is not None else (),
            reads=figure.reads,
            within_days=figure.within_days,
        )
        for section in SECTIONS
        for figure in section.figures
    ]


def filled(entries: Iterable[Entry], types: set[str], empty: set[str]) -> list[Entry]:
    """The figures that touchpoints of these `types` give something to: of one of the types that a figure reads, every field that it reads
    is filled. Other types may give it more. `empty` are the fields ("close.amount") that none of the touchpoints has. What any touchpoint
    may say ("*.channel") only tells rows apart, so it is not asked for.
    """
    return [entry for entry in entries if any(_are_filled(entry, type, empty) for type in types)]


def _are_filled(entry: Entry, type: str, empty: set[str]) -> bool:
    fields = [read for read in entry.reads if read.partition(".")[0] == type]
    return bool(fields) and not any(field in empty for field in fields)
