"""All figures as data: what each says, and how it can be asked."""

from collections.abc import Iterable, Set

from projections.figures import sections
from projections.figures.answers import Value
from projections.figures.families import lacking
from projections.figures.figure import Model
from projections.figures.periods import PERIODS


class FigureEntry(Value):
    """`dimensions` are what it may be broken down and filtered by, each with what it says; by `periods` it may be broken down only.
    `lacks` says of what else companies break down by why its rows cannot be. `grain` is at what it can be cut: at any instant, or at ends
    of days. A cell is complete `within_days` after its period, with None never, and as long as the option
    of this name says."""

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
    lacks: dict[str, str]
    reads: tuple[str, ...]
    within_days: int | str | None


def entries() -> list[FigureEntry]:
    """In the order of the reports."""
    return [
        FigureEntry(
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
            lacks=lacking(figure),
            reads=figure.reads,
            within_days=figure.within_days,
        )
        for section in sections.SECTIONS
        for figure in section.figures
    ]


def computable(touchpoints: Iterable[str], filled: Set[str]) -> list[FigureEntry]:
    """The figures that touchpoints of these types give something to: of one of the types that a figure reads, the first field that it reads
    is among those `filled` ("close.amount"). Its other fields and types only tell it more or tell rows apart, as do those that any
    touchpoint may have ("*.channel")."""
    types = {*touchpoints}
    return [entry for entry in entries() if any(_is_given(entry, type, filled) for type in types)]


def _is_given(entry: FigureEntry, type: str, filled: Set[str]) -> bool:
    first = next((read for read in entry.reads if read.partition(".")[0] == type), None)
    return first is not None and (first == type or first in filled)
