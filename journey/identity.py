"""Which ids are one person: the connected components of the links that hold, within bounds. A function of the set of links.

An id is `user:…` or `anon:…`. An id with more than `partners_max` partners (for an `anon:` id all, for a `user:` id its `user:` partners)
joins nobody; of what remains, a component of more than `ids_max` ids is not joined at all.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from journey.definition import Bounds
from journey.touchpoints import Identified, Order, Touchpoint, Unlinked

Id = str
PersonId = str


class Person(NamedTuple):
    """A person: the name that its facts are asserted under, and its ids in order."""

    name: PersonId
    ids: tuple[Id, ...]


def name_of(ids: Collection[Id]) -> PersonId:
    """The smallest `user:` id by bytes, else the smallest `anon:` id: the known id is never lost to an anonymous one."""
    known = [id for id in ids if id.startswith("user:")]
    return min(known or ids, key=str.encode)


def person_of(ids: Collection[Id]) -> Person:
    return Person(name_of(ids), tuple(sorted(ids, key=str.encode)))


def partners(statements: Iterable[Touchpoint], of: Id) -> frozenset[Id]:
    """With whom `of` is linked: pairs whose last statement in order is `identified`. `statements` are links and unlinks that count."""
    last: dict[Id, tuple[Order, bool]] = {}
    for touch in statements:
        match touch.data:
            case Identified(other=other) | Unlinked(other=other):
                pass
            case _:
                continue
        if of == touch.subject:
            partner = other
        elif of == other:
            partner = touch.subject
        else:
            continue
        if partner not in last or touch.order > last[partner][0]:
            last[partner] = (touch.order, isinstance(touch.data, Identified))
    return frozenset(partner for partner, (_, linked) in last.items() if linked)


def held(id: Id, partners: Collection[Id], bounds: Bounds) -> bool:
    """Whether `id` has too many partners to join anybody."""
    return len(_counted(id, partners)) > bounds.partners_max


def _counted(id: Id, partners: Collection[Id]) -> Collection[Id]:
    return partners if id.startswith("anon:") else [partner for partner in partners if partner.startswith("user:")]


def component(start: Id, partners_of: Callable[[Id], Collection[Id]], bounds: Bounds) -> frozenset[Id]:
    """The ids of the person that `start` belongs to. Walks no further than `ids_max` + 1 ids; beyond, `start` stands alone."""
    alone = frozenset([start])
    if held(start, partners_of(start), bounds):
        return alone
    found, edge = {start}, [start]
    while edge:
        for partner in partners_of(edge.pop()):
            if partner not in found and not held(partner, partners_of(partner), bounds):
                found.add(partner)
                edge.append(partner)
                if len(found) > bounds.ids_max:
                    return alone
    return frozenset(found)


def resolve(statements: Iterable[Touchpoint], bounds: Bounds) -> Mapping[Id, PersonId]:
    """The person of every id that a link names."""
    by_id: dict[Id, list[Touchpoint]] = defaultdict(list)
    for touch in statements:
        match touch.data:
            case Identified(other=other) | Unlinked(other=other):
                by_id[touch.subject].append(touch)
                by_id[other].append(touch)
            case _:
                pass
    known = {id: partners(links, id) for id, links in by_id.items()}
    return {id: name_of(component(id, known.__getitem__, bounds)) for id in by_id}


class HeldBack(NamedTuple):
    """Ids that are kept apart although links say that they are one person: one id with too many partners, or too many ids at once."""

    ids: tuple[Id, ...]
    partners: int
    """How many partners of the one id count; 0 where the ids are too many."""


def held_back(partners_of: Mapping[Id, Collection[Id]], bounds: Bounds) -> list[HeldBack]:
    """What the bounds hold back, in order; `partners_of` names each id that has partners."""
    hubs = {id for id, those in partners_of.items() if held(id, those, bounds)}
    found = [HeldBack((id,), len(_counted(id, partners_of[id]))) for id in hubs]
    seen = set(hubs)
    for start in partners_of:
        if start in seen:
            continue
        ids, edge = {start}, [start]
        while edge:
            for one in partners_of[edge.pop()]:
                if one not in ids and one not in hubs:
                    ids.add(one)
                    edge.append(one)
        seen |= ids
        if len(ids) > bounds.ids_max:
            found.append(HeldBack(person_of(ids).ids, 0))
    return sorted(found)
