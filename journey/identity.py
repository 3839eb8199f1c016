"""Which ids are one person: the connected components of the links that hold, within bounds. A function of the set of links.

An id is `user:…` or `anon:…`. An id that `identity.never` names is in no link. An id with more than `partners_max` partners (for an `anon:`
id all, for a `user:` id its `user:` partners) joins nobody. A device, the `anon:` ids that links connect, is shared where more than
`users_per_device_max` people of one kind of id use it, or where it has more than `ids_max` ids: none of its links with a `user:` id holds.
People are counted by what links between `user:` ids alone make of them. Of what remains, a component of more than `ids_max` ids is not
joined at all.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from journey.definition import Bounds, Definition
from journey.touchpoints import Identified, Order, Retracted, Touchpoint, Unlinked

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


class StatedLink(NamedTuple):
    """The last statement about two ids. A link that only presumes does not replace a firm one."""

    order: Order
    linked: bool
    presumed: Id | None = None
    """The end that it only presumes: the link holds while that id is known otherwise."""


def said_by(touch: Touchpoint) -> StatedLink:
    """What a link or an unlink says of its two ids."""
    match touch.data:
        case Identified(other=other, presumed=True):
            return StatedLink(touch.order, True, other)
        case _:
            return StatedLink(touch.order, isinstance(touch.data, Identified))


def replaces(said: StatedLink, last: StatedLink) -> bool:
    """Whether `said`, which comes after `last`, takes its place: what presumes replaces no firm link."""
    return said.presumed is None or not last.linked or last.presumed is not None


def last_said(statements: Iterable[Touchpoint], of: Id) -> dict[Id, StatedLink]:
    """The last statement about `of` and each other id, by the other. `statements` are links and unlinks that count."""
    last: dict[Id, StatedLink] = {}
    for touch in sorted((one for one in statements if isinstance(one.data, Identified | Unlinked)), key=lambda one: one.order):
        assert isinstance(touch.data, Identified | Unlinked)
        if of not in (touch.subject, touch.data.other):
            continue
        partner = touch.data.other if of == touch.subject else touch.subject
        said = said_by(touch)
        if partner not in last or replaces(said, last[partner]):
            last[partner] = said
    return last


def is_known(id: Id, counting: Iterable[Touchpoint], last: Mapping[Id, StatedLink], definition: Definition) -> bool:
    """Whether `id` is known by more than what presumes it: it is the subject of a touchpoint, or the firm end of a link."""
    if any(said.linked and said.presumed != id and not is_no_id(definition, other) for other, said in last.items()):
        return True
    return any(touch.subject == id and not isinstance(touch.data, Identified | Unlinked | Retracted) for touch in counting)


def bare(id: Id) -> str:
    return id.partition(":")[2]


def is_no_id(definition: Definition, id: Id) -> bool:
    return definition.identity.is_no_id(bare(id))


def linked_of(last: Mapping[Id, StatedLink], of: Id, definition: Definition, known: Callable[[Id], bool]) -> frozenset[Id]:
    """With whom `of` is linked, by the last statements about it."""
    if is_no_id(definition, of):
        return frozenset()
    return frozenset(
        other
        for other, said in last.items()
        if said.linked and not is_no_id(definition, other) and (said.presumed is None or known(said.presumed))
    )


def held(id: Id, partners: Collection[Id], bounds: Bounds) -> bool:
    """Whether `id` has too many partners to join anybody."""
    return len(partners) > bounds.partners_max and len(_counted(id, partners)) > bounds.partners_max


def _counted(id: Id, partners: Collection[Id]) -> Collection[Id]:
    return partners if id.startswith("anon:") else [partner for partner in partners if partner.startswith("user:")]


class Device(NamedTuple):
    """The `anon:` ids that one is a device with, and why it joins nobody: how many people use it, or that it has too many ids."""

    ids: frozenset[Id]
    people: int = 0
    """More than `users_per_device_max` of one kind of id, else 0."""
    is_whole: bool = True

    @property
    def is_shared(self) -> bool:
        return self.people > 0 or not self.is_whole


PartnersOf = Callable[[Id], Iterable[Id]]


def alike(id: Id, partners_of: PartnersOf) -> list[Id]:
    """The partners of `id` that are `user:` ids where it is one, and `anon:` ids where it is one."""
    return [one for one in partners_of(id) if one[:5] == id[:5]]


def device_of(start: Id, partners_of: PartnersOf, is_held: Callable[[Id], bool], definition: Definition) -> Device:
    """The device of an `anon:` id. Looks no further than to know whether it is shared."""
    bounds = definition.bounds
    ids, is_whole = walked(start, lambda one: alike(one, partners_of), is_held, bounds)
    if is_held(start) or not is_whole:
        return Device(frozenset([start]), 0, is_whole)
    people: dict[str, set[frozenset[Id]]] = defaultdict(set)
    for id in sorted(ids):
        for user in sorted(one for one in partners_of(id) if one.startswith("user:")):
            those = people[definition.identity.kind(user)]
            if not any(user in one for one in those):
                those.add(people_of(user, partners_of, is_held, bounds))
                if len(those) > bounds.users_per_device_max:
                    return Device(frozenset(ids), len(those))
    return Device(frozenset(ids))


def people_of(user: Id, partners_of: PartnersOf, is_held: Callable[[Id], bool], bounds: Bounds) -> frozenset[Id]:
    """The `user:` ids that are one with `user` by links between `user:` ids alone."""
    ids, is_whole = walked(user, lambda one: alike(one, partners_of), is_held, bounds)
    return frozenset(ids) if is_whole else frozenset([user])


def joined(id: Id, partners_of: PartnersOf, device: Callable[[Id], Device]) -> Iterable[Id]:
    """The partners that `id` joins, as far as devices say. Works each out only when it is asked for."""
    if id.startswith("anon:"):
        yield from alike(id, partners_of) if device(id).is_shared else partners_of(id)
        return
    for one in partners_of(id):
        if one.startswith("user:") or not device(one).is_shared:
            yield one


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
class LinkSummary:
    """A summary of the links of an id: some of its partners, each with the order of the statement that links them.

    An id may have more partners than anybody ever walks to; of those it takes no more than this to know that it is held, or that it
    is one of too many. A function of the set of links, up to which partners it is that are here.
    """

    partners: dict[Id, Order]
    whole: bool = True
    """These are all."""
    presumes: bool = False
    """A link of it presumes an end, whether it counts or another statement about the two: its bodies are read."""
    users_whole: bool = True
    """All of its `user:` partners are here."""

    @classmethod
    def of(cls, last: Mapping[Id, StatedLink], partners: Collection[Id], bounds: Bounds) -> "LinkSummary":
        near = cls({})
        for other, said in last.items():
            if other in partners:
                near.link(other, said.order, bounds)
        return near

    def copied(self) -> "LinkSummary":
        return LinkSummary(self.partners.copy(), self.whole, self.presumes, self.users_whole)

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


class Links:
    """Who is one person by a set of links: `partners_of` names each id that is linked with others."""

    def __init__(self, partners_of: Mapping[Id, Collection[Id]], definition: Definition) -> None:
        self.partners_of, self.definition = partners_of, definition
        self.over = {id for id, those in partners_of.items() if held(id, those, definition.bounds)}
        self._devices: dict[Id, Device] = {}

    def partners(self, id: Id) -> Collection[Id]:
        return self.partners_of.get(id, ())

    def is_over(self, id: Id) -> bool:
        return id in self.over

    def device(self, id: Id) -> Device:
        if id not in self._devices:
            found = device_of(id, self.partners, self.is_over, self.definition)
            self._devices.update((one, found) for one in found.ids)
        return self._devices[id]

    def joined(self, id: Id) -> Iterable[Id]:
        return joined(id, self.partners, self.device)

    def component(self, start: Id) -> frozenset[Id]:
        """The ids of the person that `start` belongs to."""
        found, is_whole = walked(start, self.joined, self.is_over, self.definition.bounds)
        return frozenset(found) if is_whole else frozenset([start])


def links_of(touches: Iterable[Touchpoint], definition: Definition) -> Links:
    """By all touchpoints that count: those that are no links make their ids known."""
    by_id: dict[Id, list[Touchpoint]] = defaultdict(list)
    for touch in touches:
        by_id[touch.subject].append(touch)
        if isinstance(touch.data, Identified | Unlinked):
            by_id[touch.data.other].append(touch)
    last = {id: last_said(those, id) for id, those in by_id.items()}

    def known(id: Id) -> bool:
        return is_known(id, by_id[id], last[id], definition)

    return Links({id: linked_of(said, id, definition, known) for id, said in last.items() if said}, definition)


def resolve(touches: Iterable[Touchpoint], definition: Definition) -> Mapping[Id, PersonId]:
    """The person of every id that a link names."""
    links = links_of(touches, definition)
    return {id: name_of(links.component(id)) for id in links.partners_of}


class HeldBack(NamedTuple):
    """Ids that are kept apart although links say that they are one person."""

    ids: tuple[Id, ...]
    partners: int
    """How many partners of the one id count; 0 where it is not those that are too many."""
    people: int = 0
    """How many people of one kind of id use the device, at least; 0 where it is not those that are too many."""
    apart: tuple[Id, ...] = ()
    """The `user:` ids that a device, or the one id, is kept from."""


def _users_of(ids: Iterable[Id], partners_of: Mapping[Id, Collection[Id]]) -> tuple[Id, ...]:
    return tuple(sorted({one for id in ids for one in partners_of[id] if one.startswith("user:")}))


def held_back(partners_of: Mapping[Id, Collection[Id]], definition: Definition) -> list[HeldBack]:
    """What the bounds hold back, in order; `partners_of` names each id that has partners."""
    links = Links(partners_of, definition)
    found = [HeldBack((id,), len(_counted(id, partners_of[id])), 0, _users_of([id], partners_of)) for id in links.over]
    devices = {links.device(id) for id in partners_of if id.startswith("anon:") and id not in links.over}
    found += [HeldBack(person_of(one.ids).ids, 0, one.people, _users_of(one.ids, partners_of)) for one in devices if one.people]
    seen = set(links.over)
    for start in partners_of:
        if start in seen:
            continue
        ids, edge = {start}, [start]
        while edge:
            for one in links.joined(edge.pop()):
                if one not in ids and one not in links.over:
                    ids.add(one)
                    edge.append(one)
        seen |= ids
        if len(ids) > definition.bounds.ids_max:
            found.append(HeldBack(person_of(ids).ids, 0))
    return sorted(found)
