"""Segments: who is in one is a function of the person's journey and the instant, so a segment is judged anew and never built up.

What time alone moves is a deadline as others are: at T after all touchpoints at T, and after the other deadlines of T.
"""

from collections.abc import Iterator

from journey.conditions import Holding, holds, leaves_of, meaning_of
from journey.facts import SegmentMoved
from journey.instants import Instant, day
from journey.person import NO_AUDIENCE, NOT_YET, PersonJourney
from journey.plan import Plan
from journey.touchpoints import Key

Members = dict[str, tuple[Key, ...]]
"""The segments that a person is in, and because of what."""


def members(plan: Plan, journey: PersonJourney, at: Instant) -> Members:
    """The segments that the person is in at `at`; what ends then still counts."""
    holding = Holding(plan.compiled, journey, at)
    for name, condition in plan.segments:
        because = holds(condition, holding)
        if because is not None:
            holding.members[name] = because
    return holding.members


def moved_by(plan: Plan, journey: PersonJourney, at: Instant, key: Key) -> list[SegmentMoved]:
    """The segments that the touchpoint `key` at `at` has moved the person into and out of."""
    now = members(plan, journey, at)
    return _moved(plan, journey, at, now, dict.fromkeys(_segments(journey), (key,)))


def moved_by_time(plan: Plan, journey: PersonJourney, at: Instant) -> list[SegmentMoved]:
    """Those that time has: what ends at `at` counts no more. Who left with a stage did because of what ended that."""
    left = dict.fromkeys(_segments(journey), journey.entered_because) | members(plan, journey, at)
    return _moved(plan, journey, at, members(plan, journey, at + 1), left)


def next_move(plan: Plan, journey: PersonJourney) -> Instant | None:
    """When time alone moves a segment next, if nothing more happens."""
    now = journey.now
    if now == NOT_YET:
        return None
    if members(plan, journey, now + 1).keys() != _segments(journey).keys():
        return now
    for at in sorted(set(_turns(plan, journey))):
        if members(plan, journey, at + 1).keys() != _segments(journey).keys():
            return at
    return None


def _segments(journey: PersonJourney) -> dict[str, Instant]:
    return journey.audience.segments if journey.audience is not None else {}


def _turns(plan: Plan, journey: PersonJourney) -> Iterator[Instant]:
    """When time alone may make or end a part of a condition."""
    holding = Holding(plan.compiled, journey, journey.now)
    for _, condition in plan.segments:
        for _, leaf in leaves_of(condition):
            yield from meaning_of(leaf).turns(leaf, holding)


def _moved(plan: Plan, journey: PersonJourney, at: Instant, now: Members, left: Members) -> list[SegmentMoved]:
    before = _segments(journey)
    if now.keys() == before.keys():
        return []
    found = []
    for name in sorted(now.keys() ^ before.keys()):
        step, stayed, because = ("entered", -1, now[name]) if name in now else ("left", at - before[name], left[name])
        found.append(SegmentMoved(journey.person, name, at, day(at, plan.zone), journey.place(at), step, stayed, because))
    audience = journey.audience or NO_AUDIENCE
    journey.audience = audience._replace(segments={name: before.get(name, at) for name in now})
    return found
