"""One subject's whole story, derived when asked: its touchpoints, what they brought about, by which rule and because of what.

An entry says what it means; `app.text.timeline` puts it in words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from journey import person_fold
from journey.deadlines import run_out
from journey.definition import Definition
from journey.facts import DealStood, Fact, LeadMoved, LeftOut, Lowered, Ordered, Scored, SegmentMoved, StageEntered
from journey.histories import is_person
from journey.instants import Instant, iso
from journey.person import PersonJourney
from journey.plan import plan_of
from journey.touchpoints import Key, Touchpoint
from journey.wording import telling
from streams.effects import derive
from streams.lookup import looked_up
from streams.ports import Bodies


class Sent(NamedTuple):
    """A touchpoint. `fields` are those that tell a reader which one it is, with their values."""

    type: str
    fields: tuple[tuple[str, str], ...]


class Stage(NamedTuple):
    """A stage entered; `left` is "" for the first."""

    left: str
    stage: str


class Lead(NamedTuple):
    cycle: int
    step: str
    reason: str


class Segment(NamedTuple):
    """A segment that was entered, or left."""

    segment: str
    step: str


class Points(NamedTuple):
    points: int


class Deal(NamedTuple):
    """How a deal stood from then on; no amount where there is no currency."""

    outcome: str
    stage: str
    amount_minor: int
    currency: str


class Order(NamedTuple):
    """An order, or what a refund took of it: then the amount is below 0."""

    order: str
    amount_minor: int
    currency: str


class Omitted(NamedTuple):
    """An order or a refund that is in no figure, or not with all of its amount, and why. `of` is order:… or deal:…"""

    of: str
    why: str


Meaning = Sent | Stage | Lead | Segment | Points | Deal | Order | Omitted


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """What happened at an instant; or what will (`is_due`), if nothing more does. A touchpoint has a source, id and subject."""

    at: str
    means: Meaning
    source: str = ""
    id: str = ""
    subject: str = ""
    rule: str = ""
    because: tuple[Key, ...] = ()
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """`definition` is the fingerprint of the one that the transitions are by; `stage` and `score` are as of `until`."""

    subject: str
    ids: tuple[str, ...]
    definition: str
    position: int
    until: str
    stage: str
    score: int
    entries: list[TimelineEntry]


Place = tuple[Instant, int, int]
"""Touchpoints of an instant come before what they brought about, and that before what time brings then."""


async def timeline(definition: Definition, histories: Bodies, subject: str, until: Instant) -> Timeline:
    """The story of `subject`, or of the person that it is an id of, up to `until`. Raises Refused where nothing is known of it."""
    _, one, history, turns = await looked_up(definition, histories, subject)
    placed: list[tuple[Place, TimelineEntry]] = [
        ((touch.occurred_at, 0, 0), _sent(touch)) for touch in history if touch.occurred_at <= until
    ]
    if is_person(subject):
        journey, facts = person_fold.derive(definition, one.name, one.ids, history, turns)
        if all(touch.occurred_at <= until for touch in history):
            # What is still to strike runs from the last touchpoint: seen from before it, it is not what was due.
            placed += _ahead(definition, journey, until)
    else:
        _, facts = derive(definition, subject, history)
    placed += (told for fact in facts.elements() if (told := _told(fact)) is not None and told[0][0] <= until)
    placed.sort(key=lambda told: told[0])
    entries = [entry for _, entry in placed]
    entered = [entry.means.stage for entry in entries if isinstance(entry.means, Stage) and not entry.is_due]
    return Timeline(
        subject=one.name,
        ids=one.ids,
        definition=definition.fingerprint,
        position=await histories.position(),
        until=iso(until),
        stage=entered[-1] if entered else "",
        score=sum(fact.points for fact in facts.elements() if isinstance(fact, Scored) and fact.at <= until < fact.until_at),
        entries=entries,
    )


def _sent(touch: Touchpoint) -> TimelineEntry:
    return TimelineEntry(iso(touch.occurred_at), Sent(touch.type, telling(touch)), touch.source, touch.id, touch.subject)


def _told(fact: Fact) -> tuple[Place, TimelineEntry] | None:
    """What a fact tells of, and where it stands; nothing of those that only figures are made of."""
    match fact:
        case StageEntered(at=at, nth=nth, stage=stage, left_stage=left, rule=rule, because=because):
            return (at, 1, nth), TimelineEntry(iso(at), Stage(left, stage), rule=rule, because=because)
        case LeadMoved(at=at, nth=nth, step=step, cycle=cycle, reason=reason, rule=rule, because=because):
            return (at, 1, nth), TimelineEntry(iso(at), Lead(cycle, step, reason), rule=rule, because=because)
        case SegmentMoved(at=at, nth=nth, segment=segment, step=step, because=because):
            return (at, 1, nth), TimelineEntry(iso(at), Segment(segment, step), because=because)
        case Scored(at=at, points=points, rule=rule):
            return (at, 1, -1), TimelineEntry(iso(at), Points(points), rule=rule)
        case DealStood(at=at, nth=nth):
            return (at, 1, nth), TimelineEntry(iso(at), Deal(fact.outcome, fact.stage, fact.amount_minor, fact.currency))
        case Ordered(at=at, order_id=order, currency=currency, amount_minor=amount_minor):
            return (at, 1, -1), TimelineEntry(iso(at), Order(order, amount_minor, currency))
        case Lowered(at=at, order_id=order, currency=currency, amount_minor=amount_minor):
            return (at, 1, -1), TimelineEntry(iso(at), Order(order, amount_minor, currency))
        case LeftOut(at=at, of_what=of, why=why):
            return (at, 1, -1), TimelineEntry(iso(at), Omitted(of, why))
        case _:
            return None


def _ahead(definition: Definition, journey: PersonJourney, until: Instant) -> Iterator[tuple[Place, TimelineEntry]]:
    """What time alone brings after the last touchpoint: up to `until` it has struck, and after that it is due."""
    for fact in run_out(plan_of(definition), journey):
        match fact:
            case StageEntered():
                means: Stage | Lead | Segment = Stage(fact.left_stage, fact.stage)
                rule = fact.rule
            case LeadMoved():
                means, rule = Lead(fact.cycle, fact.step, ""), fact.rule
            case SegmentMoved():
                means, rule = Segment(fact.segment, fact.step), ""
            case _:
                continue
        entry = TimelineEntry(iso(fact.at), means, rule=rule, because=fact.because, is_due=fact.at > until)
        yield (fact.at, 2, fact.nth), entry
