"""What a cell of a figure says at two positions, and how much of the difference each cause makes."""

import csv
import io

from projections.figures.answers import Exact, Value, plain
from projections.figures.figure import Model
from projections.figures.measures import Number


class CellValue(Value):
    """What a cell says: as `projections.figures.answers.Cell` does. Of a difference, what is nothing counts as 0."""

    value: Exact | tuple[Exact, ...] | None = None
    n: Exact = 0
    part: Exact | None = None
    whole: Exact | None = None


class ChangedTouchpoint(Value):
    """A touchpoint that changed something, and with which position it came, or was taken back."""

    position: int
    says: str
    source: str = ""
    id: str = ""
    subject: str = ""
    type: str = ""
    occurred_at: str = ""


class CauseShare(Value):
    """How much of a difference a cause makes. `of` says how many touchpoints make it together; some of them are named."""

    cause: str
    difference: CellValue
    of: int
    touchpoints: tuple[ChangedTouchpoint, ...]


class CellBetween(Value):
    """A cell at both positions. The shares add up to the difference."""

    figure: str
    unit: str
    group: dict[str, str]
    currency: str | None
    decimals: int | None
    quantiles: tuple[str, ...]
    before: CellValue
    after: CellValue
    difference: CellValue
    causes: tuple[CauseShare, ...]


class Restatement(Value):
    """All cells at both positions; those that differ have causes. `until` is what was asked for at the later one. `simulated`: some of the
    data is simulated."""

    model: Model
    earlier: int
    later: int
    until: str
    zone: str
    from_on: str
    to_on: str
    where: dict[str, tuple[str, ...]]
    currency: str
    definition: tuple[str, str]
    """The definition at the earlier position, and at the later one."""
    cells: tuple[CellBetween, ...]
    names: dict[str, dict[str, str]]
    """By dimension, the names of values that have one."""
    simulated: bool

    @property
    def changed(self) -> tuple[CellBetween, ...]:
        return tuple(cell for cell in self.cells if is_something(cell.difference) or cell.causes)

    def to_csv(self) -> str:
        """A row for each cause of each value that differs, and one for each value that does not."""
        text = io.StringIO()
        writer = csv.writer(text)  # whose lines end in \r\n: so a cell that has either is quoted
        dimensions = tuple(dict.fromkeys(name for cell in self.cells for name in cell.group if name != "currency"))
        writer.writerow([*_FIRST, *dimensions, *_VALUES, "earlier", "later", "until", "zone", "from", "to"])
        asked = (self.earlier, self.later, self.until, self.zone, self.from_on, self.to_on)
        for cell in self.cells:
            groups = [cell.group.get(name, "") for name in dimensions]
            for nth, quantile in enumerate(cell.quantiles or ("",)):
                values = [plain(value_of(told, nth)) for told in (cell.before, cell.after, cell.difference)]
                money = (cell.currency or "", "" if cell.decimals is None else cell.decimals)
                for share in cell.causes or (None,):
                    cause = ("", "", "", "") if share is None else _cause_of(share, nth)
                    writer.writerow([cell.figure, cell.unit, quantile, *groups, *values, *money, *cause, *asked])
        return text.getvalue()


_FIRST = ("figure", "unit", "quantile")
_VALUES = ("before", "after", "difference", "currency", "decimals", "cause", "by_cause", "touchpoints", "named")


def value_of(told: CellValue, quantile: int) -> Number | None:
    """Its value, or that of one of its quantiles."""
    return told.value[quantile] if isinstance(told.value, tuple) else told.value


def _cause_of(share: CauseShare, quantile: int) -> tuple[str | int, ...]:
    named = "; ".join(f"{one.source} {one.id} {one.subject} at {one.position}".strip() for one in share.touchpoints)
    return share.cause, plain(value_of(share.difference, quantile)), share.of, named


def minus(after: CellValue, before: CellValue) -> CellValue:
    return CellValue(
        value=_less(after.value, before.value),
        n=after.n - before.n,
        part=None if after.part is None is before.part else (after.part or 0) - (before.part or 0),
        whole=None if after.whole is None is before.whole else (after.whole or 0) - (before.whole or 0),
    )


def _less(after: Number | tuple[Number, ...] | None, before: Number | tuple[Number, ...] | None) -> Number | tuple[Number, ...]:
    if isinstance(after, tuple) or isinstance(before, tuple):
        size = max(len(one) for one in (after, before) if isinstance(one, tuple))
        now, was = (one if isinstance(one, tuple) else (0,) * size for one in (after, before))
        return tuple(one - other for one, other in zip(now, was, strict=True))
    return (after or 0) - (before or 0)


def is_something(difference: CellValue) -> bool:
    values = difference.value if isinstance(difference.value, tuple) else (difference.value,)
    return any((*values, difference.n, difference.part, difference.whole))
