"""What answers look like that are no `Answer` of the figures themselves: for OpenAPI, which says what is in them."""

from typing import Any, Literal

from pydantic import ConfigDict

from journey import explain
from projections.figures.answers import Answer, Cell, Value
from projections.figures.catalogue import FigureEntry
from projections.figures.figure import Model
from projections.figures.restatements import Restatement

Number = int | str
"""Exact: whole, or text."""


class Catalogue(Value):
    figures: tuple[FigureEntry, ...]


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
    computed_differently: tuple[str, ...]
    """The sections of which what was told is not what this version of the program says as known then."""


class PeriodAsTold(RestatementTold):
    closed: LastClosing


class Digest(Value):
    """Hashes over all that each read model says at one position, and over all that was accepted up to there."""

    position: int
    marketing: str
    sales: str
    record: str


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


class UnitEvidence(Value):
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
    units: tuple[UnitEvidence, ...]
    units_count: int
    beyond: int
    after: str
    comes_to: tuple[Cell, ...]
    agrees: bool
    there_are: dict[str, tuple[str, ...]]
    simulated: bool


class Transition(Value):
    """A stage that was entered, or a step of a lead cycle. `cycle` is 0 for a stage, `left_stage` "" for the first one."""

    what: Literal["stage", "lead"]
    person: str
    at: str
    entered: str
    left_stage: str
    cycle: int
    rule: str
    reason: str


class PersonFound(Value):
    """A person with the id that was found by. `stage` is "" where none was entered."""

    person: str
    found: str
    ids: tuple[str, ...]
    stage: str
    since: str | None
    score: int


class PersonTold(Value):
    """What is known of a person. `fields` is what they are said to be; `deals` those that they take part in."""

    person: str
    ids: tuple[str, ...]
    stage: str
    since: str | None
    score: int
    seen_at: str | None
    fields: dict[str, str]
    leads: tuple[Any, ...]
    deals: tuple[str, ...]
    position: int
    until: str
    simulated: bool
    timeline: str
    explain: str


class TimelineEntry(Value):
    """What happened at an instant; `what` is due where it will, if nothing more happens. Further members say what it means."""

    model_config = ConfigDict(extra="allow")

    at: str
    what: str
    says: str
    source: str
    id: str
    subject: str
    rule: str
    because: tuple[tuple[str, str, str], ...]


class TimelineTold(Value):
    subject: str
    ids: tuple[str, ...]
    definition: str
    position: int
    until: str
    stage: str
    score: int
    entries: tuple[TimelineEntry, ...]
    simulated: bool


class ExplanationTold(Value):
    """Why a person is at its stage, and what is missing for others. `ties` are the links that make the ids one person."""

    subject: str
    ids: tuple[str, ...]
    definition: str
    position: int
    until: str
    ties: tuple[explain.Evidence, ...]
    stage: str
    score: int
    transitions: tuple[explain.ExplainedTransition, ...]
    ledger: tuple[explain.ScoreEntry, ...]
    why_not: tuple[explain.WhyNot, ...]
    why: tuple[explain.Why, ...]
    simulated: bool
