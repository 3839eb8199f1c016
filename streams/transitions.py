"""Which transitions a unit brings about and takes back: the net of it, as others are told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from journey.facts import KINDS, LeadMoved, Outlook, SegmentMoved, StageEntered, ahead_of, from_row, is_of_this_fold
from journey.instants import Instant
from streams.units import FactRow

Moved = StageEntered | LeadMoved | SegmentMoved


def net(
    facts: Iterable[FactRow], kinds: tuple[type[Moved], ...], mark: Instant | None = None, struck: Sequence[list[Any]] = ()
) -> dict[Moved, int]:
    """The transitions of `kinds` in the `facts` of a unit: above 0 those that hold from it on, below 0 those that no longer do. With those
    of deadlines up to `mark`, where deadlines are announced, and those that the unit itself announces."""
    found: Counter[Moved] = Counter()
    named = {"outlook", *(kind._field_defaults["kind"] for kind in kinds)}
    for plain in facts:
        if plain[0] not in named or not is_of_this_fold(plain):
            continue
        fact, count = from_row(plain)
        match fact:
            case StageEntered() | LeadMoved() | SegmentMoved():
                found[_as_told(fact)] += count
            case Outlook():
                for one in fact.ahead:
                    if mark is not None and one.at <= mark and isinstance(one, kinds):
                        found[_as_told(one)] += count
            case _:
                pass
    for values in struck:
        if values[-1] in KINDS and isinstance(one := ahead_of(values), kinds):
            found[_as_told(one)] += 1
    # Most deadlines are taken back and asserted again, and how long somebody stayed is not told.
    return {one: count for one, count in found.items() if count}


_AT = StageEntered._fields.index("at")
"""Where a stage entered, a step of a lead and a move of a segment alike have their instant."""


def due(facts: Iterable[FactRow]) -> dict[str, list[Instant]]:
    """When deadlines strike, for each person whose outlook is among `facts`."""
    found: dict[str, list[Instant]] = {}
    for kind, count, *values in facts:
        if kind == "outlook":
            person, _, ahead = values
            if count > 0:
                found[person] = [fact[_AT] for fact in ahead if fact[-1] != "lead_stood"]
            else:
                found.setdefault(person, [])
    return found


def _as_told(fact: Moved) -> Moved:
    """`fact` without what is not told of it: of those that are told alike only the sum is news."""
    if isinstance(fact, StageEntered | SegmentMoved):
        return fact._replace(day="", stayed=0)
    return fact._replace(day="", lead="", owner="", team="", channel="", campaign="", lead_source="", basis="")
