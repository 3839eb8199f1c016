"""Which ids are one person: the connected components of the links that hold, within bounds. A function of the set of links.

An id is `user:…` or `anon:…`. An id with more than `partners_max` partners (for an `anon:` id all, for a `user:` id its `user:` partners)
joins nobody; of what remains, a component of more than `ids_max` ids is not joined at all.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
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


class Said(NamedTuple):
    """The last statement about two ids."""

    order: Order
    linked: bool


def last_said(statements: Iterable[Touchpoint], of: Id) -> dict[Id, Said]:
    """The last statement about `of` and each other id, by the other. `statements` are links and unlinks that count."""
    last: dict[Id, Said] = {}
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
        if partner not in last or touch.order > last[partner].order:
            last[partner] = Said(touch.order, isinstance(touch.data, Identified))
    return last


def partners(statements: Iterable[Touchpoint], of: Id) -> frozenset[Id]:
    """With whom `of` is linked: pairs whose last statement in order is `identified`."""
    return frozenset(partner for partner, said in last_said(statements, of).items() if said.linked)


def held(id: Id, partners: Collection[Id], bounds: Bounds) -> bool:
    """Whether `id` has too many partners to join anybody."""
    return len(partners) > bounds.partners_max and len(_counted(id, partners)) > bounds.partners_max


def _counted(id: Id, partners: Collection[Id]) -> Collection[Id]:
    return partners if id.startswith("anon:") else [partner for partner in partners if partner.startswith("user:")]


def component(start: Id, partners_of: Callable[[Id], Collection[Id]], bounds: Bounds) -> frozenset[Id]:
    """The ids of the person that `start` belongs to."""

    def is_held(id: Id) -> bool:
        return held(id, partners_of(id), bounds)

    found, is_whole = walked(start, partners_of, is_held, bounds)
    return frozenset(found) if is_whole else frozenset([start])


def walked(
    start: Id,
    partners_of: Callable[[Id], Iterable[Id]],
    is_held: Callable[[Id], bool],
    bounds: Bounds,
    too_many: Collection[Id] = (),
) -> tuple[set[Id], bool]:
    """The ids that links connect with `start`, those that are held left out; and whether these are all, and one person.

    Walks no further than `ids_max` + 1 ids, and no further than to one of `too_many`, which are known to be more than that.
    """
    found, edge = {start}, [start]
    if is_held(start):
        return found, True
    if start in too_many:
        return found, False
    while edge:
        for partner in partners_of(edge.pop()):
            if partner not in found and not is_held(partner):
                found.add(partner)
                edge.append(partner)
                if len(found) > bounds.ids_max or partner in too_many:
                    return found, False
    return found, True


@dataclass(slots=True)
class Near:
    """What the links of an id come to, in little: some of its partners, each with the order of the statement that links them.

    An id may have more partners than anybody ever walks to; of those it takes no more than this to know that it is held, or that it
    is one of too many. A function of the set of links, up to which partners it is that are here.
    """

    partners: dict[Id, Order]
    whole: bool = True
    """These are all."""
    users_whole: bool = True
    """All of its `user:` partners are here."""

    @classmethod
    def of(cls, last: Mapping[Id, Said], bounds: Bounds) -> "Near":
        near = cls({})
        for other, (order, linked) in last.items():
            if linked:
                near.link(other, order, bounds)
        return near

    def copied(self) -> "Near":
        return Near(self.partners.copy(), self.whole, self.users_whole)

    def link(self, other: Id, order: Order, bounds: Bounds) -> None:
        """`other` is a partner. Where there are too many, a `user:` id takes the place of another."""
        if other in self.partners or len(self.partners) < near_max(bounds):
            self.partners[other] = order
            return
        self.whole = False
        if other.startswith("user:"):
            known = next((one for one in self.partners if not one.startswith("user:")), None)
            if known is None:
                self.users_whole = False
            else:
                del self.partners[known]
                self.partners[other] = order

    def unlink(self, other: Id) -> None:
        """`other` is no partner."""
        self.partners.pop(other, None)

    def is_held(self, id: Id, bounds: Bounds) -> bool | None:
        """As `held`; None where these partners do not tell."""
        if held(id, self.partners, bounds):
            return True
        is_told = self.whole if id.startswith("anon:") else self.users_whole
        return False if is_told else None


def near_max(bounds: Bounds) -> int:
    """How many partners are near: twice as many as are ever walked to, so that some may be unlinked."""
    return 2 * (max(bounds.partners_max, bounds.ids_max) + 1)


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
