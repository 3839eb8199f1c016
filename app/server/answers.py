"""What answers look like that are no `Answer` of the figures themselves: for OpenAPI, which says what is in them."""

from typing import Any, Literal

from pydantic import ConfigDict

from journey import explain
from projections.figures.answers import Value
from projections.figures.catalogue import FigureEntry

Number = int | str
"""Exact: whole, or text."""


class Catalogue(Value):
    figures: tuple[FigureEntry, ...]


class Digest(Value):
    """Hashes over all that each read model says at one position, and over all that was accepted up to there."""

    position: int
    marketing: str
    sales: str
    record: str


class Transition(Value):
    """A stage that was entered, a step of a lead cycle, or a segment, the `rule`, that was `entered` or left: `entered` says which. `cycle`
    is that of a lead, else 0; `left_stage` is "" for the first one."""

    what: Literal["stage", "lead", "segment"]
    person: str
    at: str
    entered: str
    left_stage: str
    cycle: int
    rule: str
    reason: str


class SegmentMemberAnswer(Value):
    """A person in a segment, since when and because of which touchpoints. `by_time`: not set off by them, but by time passing."""

    person: str
    since: str
    by_time: bool
    because: tuple[dict[str, str], ...]


class PersonFound(Value):
    """A person with the id that was found by. `stage` is "" where none was entered."""

    person: str
    found: str
    ids: tuple[str, ...]
    stage: str
    since: str | None
    score: int


class PersonAnswer(Value):
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


class EntryAnswer(Value):
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


class TimelineAnswer(Value):
    subject: str
    ids: tuple[str, ...]
    definition: str
    position: int
    until: str
    stage: str
    score: int
    entries: tuple[EntryAnswer, ...]
    simulated: bool


class ExplanationAnswer(Value):
    """Why a person is at its stage and in segments, and what is missing for others. `ties` are the links that make the ids one person."""

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
    segments: tuple[explain.ExplainedSegment, ...]
    simulated: bool
