"""What answers look like that are no `Answer` of the figures themselves: for OpenAPI, which says what is in them."""

from typing import Any

from projections.figures.answers import Answer, Cell, Value
from projections.figures.catalogue import Entry
from projections.figures.figure import Model
from projections.figures.restatements import Restatement

Number = int | str
"""Exact: whole, or text."""


class Catalogue(Value):
    figures: tuple[Entry, ...]


class FigureTold(Answer):
    """An answer of one figure. `simulated` says that some of the data is."""

    model: Model
    simulated: bool


class RestatementTold(Restatement):
    simulated: bool


class Closing(Value):
    """`told` has for each model, by section, which figures were told, and the digest of what they said."""

    number: int
    at: str
    actor: str
    reason: str
    period: str
    grain: str
    from_on: str
    to_on: str
    zone: str
    until: str
    position: int
    restates: int | None
    told: dict[str, dict[str, dict[str, Any]]]


class ListedClosing(Closing):
    restated_by: int | None


class Closings(Value):
    closings: tuple[ListedClosing, ...]


class LastClosing(Closing):
    told_otherwise: tuple[str, ...]
    """The sections of which what was told is not what this version of the program says as known then."""


class PeriodAsTold(RestatementTold):
    closed: LastClosing


class Touchpoint(Value):
    """A touchpoint that counted, in words. `ties` are the links, or the deal, by which it is part of the history: source, id, subject."""

    at: str
    type: str
    says: str
    source: str
    id: str
    subject: str
    ties: tuple[tuple[str, str, str], ...]


class Behind(Touchpoint):
    by_time: bool
    """Whether what counts is that a deadline struck which runs from this."""


class Counted(Value):
    """A deal, a person or a lead that counts: what the figure comes to for it alone, and because of what."""

    unit: dict[str, Number]
    group: dict[str, str]
    value: Number | tuple[Number, ...] | None
    n: Number
    part: Number | None = None
    whole: Number | None = None
    touchpoints: tuple[Behind, ...]


class Why(Value):
    """`units` are some of the `units_count` behind the answer; `beyond` come after them, from the cursor `after` on. `agrees`: what these
    touchpoints come to is what the read model says of them."""

    answer: Answer
    units: tuple[Counted, ...]
    units_count: int
    beyond: int
    after: str
    comes_to: tuple[Cell, ...]
    agrees: bool
    there_are: dict[str, tuple[str, ...]]
    simulated: bool
