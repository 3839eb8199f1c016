"""The part of the histories that a unit changes, as it is before the unit and after it.

Loads what it is asked about, key by key, and answers for both sides: who is one person, who takes part in a deal, what a history is.
Of an id with a long history it takes what its links come to, where that is kept (`journey.identity.Near`): then who is one person costs
what the bounds do, however many links there are.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from journey.definition import Bounds, Definition
from journey.histories import Stored, history_of_one, is_for_members, is_person, keys, members, person_history, settle, takes_part
from journey.identity import (
    Device,
    Id,
    LinkSummary,
    Person,
    StatedLink,
    device_of,
    held,
    is_known,
    is_no_id,
    joined,
    last_said,
    linked_of,
    people_of,
    person_of,
    said_by,
    walked,
)
from journey.touchpoints import AccountJoined, AccountUpdated, Identified, Key, Order, Retracted, Touchpoint, Unlinked
from journey.turns import Turns, turns
from schemas.canonical import content_hash
from schemas.intended import Name
from streams.pauses import Pauses
from streams.ports import Bodies
from streams.units import BodyRow

BEFORE, AFTER = False, True
Side = bool

NEAR_FROM = 100
"""From so many bodies of an id on, what its links come to is kept apart from them."""


class Affected(NamedTuple):
    """What some touchpoints change: persons as they are before and after, by name, and other subjects."""

    before: dict[str, Person]
    after: dict[str, Person]
    others: set[str]
    same: set[str]
    """Persons who were looked at, and are who they were, with the history that they had."""
    ends: set[Id]
    """Ids whose links change."""


async def _nothing_near(ids: Collection[Id]) -> Mapping[Id, LinkSummary]:
    return {}


class Folds:
    """Results of folding histories by one definition. Two histories are the same where their touchpoints are the same objects, so this is
    for callers that keep touchpoints in memory."""

    def __init__(self, touchpoints_max: int) -> None:
        self._touchpoints_max = touchpoints_max
        self._size = 0
        self._found: dict[tuple[Any, ...], tuple[Sequence[Touchpoint], Any]] = {}

    def get(self, whose: Hashable, history: Sequence[Touchpoint]) -> Any:
        """The result for the `history` of `whose`; None where it is not kept."""
        found = self._found.get((whose, *map(id, history)))
        return found and found[1]

    def keep(self, whose: Hashable, history: Sequence[Touchpoint], found: Any) -> None:
        self._size += len(history) + 1
        if self._size > self._touchpoints_max:
            self._found.clear()
            self._size = len(history) + 1
        # The touchpoints are kept too: else Python could give their ids to other objects.
        self._found[whose, *map(id, history)] = history, found


@dataclass(slots=True)
class World:
    """Both sides of one unit. What `load` was not asked for is not here."""

    histories: Bodies
    definition: Definition
    rows: list[BodyRow]
    voids: set[Name]
    watch: Callable[[Iterable[str]], Awaitable[None]] | None = None
    """Called with keys before they are read, by those who must know whether another writer changed them since."""
    kept_near: Callable[[Collection[Id]], Awaitable[Mapping[Id, LinkSummary]]] = _nothing_near
    """What the links of those of these ids come to of whom that is kept, before."""
    pauses: Pauses = field(default_factory=Pauses)
    folds: "Folds | None" = None
    """Results of earlier folds, for callers that ask for the same histories many times."""
    _stored: dict[str, list[Stored]] = field(default_factory=dict)
    _added: dict[str, list[BodyRow]] = field(default_factory=lambda: defaultdict(list))
    _named: dict[Id, set[str]] = field(default_factory=lambda: defaultdict(set))
    _brought: set[Id] = field(default_factory=set)
    _taking_part: dict[tuple[Id, Side], set[str]] = field(default_factory=lambda: defaultdict(set))
    """The deals that an id takes part in, as far as they are here: all of them, of an id that was brought."""
    _member_of: dict[tuple[Id, Side], set[str]] = field(default_factory=lambda: defaultdict(set))
    """The accounts whose updates an id shares, as far as they are here: all of them, of an id that was brought."""
    _counting: dict[tuple[str, Side], list[Touchpoint]] = field(default_factory=dict)
    _said: dict[tuple[Id, Side], dict[Id, StatedLink]] = field(default_factory=dict)
    _linked: set[Id] = field(default_factory=set)
    """Ids that are known to be loaded with those that links of theirs presume."""
    _partners: dict[tuple[Id, Side], frozenset[Id]] = field(default_factory=dict)
    _near: dict[tuple[Id, Side], LinkSummary] = field(default_factory=dict)
    """Of ids that were looked up and are not loaded; AFTER only where that is another than BEFORE."""
    _is_held: dict[tuple[Id, Side], bool] = field(default_factory=dict)
    held_now: dict[Id, bool] = field(default_factory=dict)
    """The ids whose being held back changes, and whether they are after."""
    _known: dict[tuple[Id, Side], bool] = field(default_factory=dict)
    _devices: dict[tuple[Id, Side], Device] = field(default_factory=dict)
    _persons: dict[tuple[Id, Side], Person] = field(default_factory=dict)
    _too_many: dict[Side, set[Id]] = field(default_factory=lambda: {BEFORE: set(), AFTER: set()})
    """Ids that are known to be of a component beyond `ids_max`."""
    _turns: dict[tuple[str, Side], Turns] = field(default_factory=dict)

    @property
    def bounds(self) -> Bounds:
        return self.definition.bounds

    def __post_init__(self) -> None:
        for row in self.rows:
            for key in row.keys:
                self._added[key].append(row)

    def takes_part_in(self, edges: Iterable[tuple[Id, str]]) -> None:
        """Note what the unit names: (id, deal)."""
        for id, deal in edges:
            self._named[id].add(deal)

    async def load(self, keys: Iterable[str]) -> None:
        missing = {key for key in keys if key not in self._stored}
        if missing:
            if self.watch is not None:
                await self.watch(missing)
            found = await self.histories.bodies(missing)
            for key in missing:
                self._stored[key] = found.get(key, [])
                await self.pauses.after(len(self._stored[key]))

    def stored(self, key: str, side: Side) -> list[Stored]:
        """The bodies under `key`, which was loaded."""
        before = self._stored[key]
        if self._is_same(key, side):
            return before
        return [self._voided(one) for one in before] + [Stored(row.touch, row.body, row.voided) for row in self._added.get(key, ())]

    def _is_same(self, key: str, side: Side) -> bool:
        """Whether what is under `key` is as it was before: most of what a unit looks at it does not change."""
        return side is BEFORE or (key not in self._added and not self.voids)

    def _voided(self, stored: Stored) -> Stored:
        touch = stored.touch
        if stored.voided or (touch.subject, touch.source, touch.id) not in self.voids:
            return stored
        return stored._replace(voided=True)

    def counting(self, key: str, side: Side) -> list[Touchpoint]:
        """What counts under `key`, in order. Rivals that name other keys compete too; a retraction is part of no history."""
        if self._is_same(key, side):
            side = BEFORE
        found = self._counting.get((key, side))
        if found is None:
            settled = settle(self.stored(key, side), content_hash)
            found = [touch for touch in settled if key in keys(touch) and not isinstance(touch.data, Retracted)]
            self._counting[key, side] = found
        return found

    # --- who is one person

    async def know(self, ids: Iterable[Id]) -> None:
        """Have at hand what the links of `ids` come to: as it is kept, or by their bodies, and of those that they presume."""
        missing = {id for id in ids if id not in self._stored and (id, BEFORE) not in self._near}
        if missing:
            if self.watch is not None:
                await self.watch(missing)
            for id, near in (await self.kept_near(missing)).items():
                if not near.presumes:
                    self._near[id, BEFORE] = self._without_never(id, near)
        await self.load_links(id for id in ids if (id, BEFORE) not in self._near)

    def _without_never(self, id: Id, near: LinkSummary) -> LinkSummary:
        if is_no_id(self.definition, id):
            return LinkSummary({})
        for other in [other for other in near.partners if is_no_id(self.definition, other)]:
            del near.partners[other]
        return near

    async def load_links(self, ids: Iterable[Id]) -> None:
        """Load `ids`, and those that links of theirs presume: whether these hold depends on them."""
        ids = [id for id in ids if id not in self._linked]
        await self.load(ids)
        await self.load(self._lacking(ids))
        self._linked.update(ids)

    def _lacking(self, ids: Iterable[Id]) -> set[Id]:
        sides = {id: (BEFORE,) if self._is_same(id, AFTER) else (BEFORE, AFTER) for id in ids}
        presumed = (said.presumed for id, both in sides.items() for side in both for said in self.said(id, side).values())
        return {one for one in presumed if one is not None and one not in self._stored}

    def _has_links(self, id: Id) -> bool:
        """Whether `id` is loaded, and so are those that links of it presume."""
        if id in self._linked:
            return True
        if id not in self._stored or self._lacking([id]):
            return False
        self._linked.add(id)
        return True

    def known(self, id: Id, side: Side) -> bool:
        """Whether `id`, which was loaded, is known by more than what presumes it."""
        if self._is_same(id, side):
            side = BEFORE
        found = self._known.get((id, side))
        if found is None:
            found = self._known[id, side] = is_known(id, self.counting(id, side), self.said(id, side), self.definition)
        return found

    def only_presumed(self, id: Id, side: Side) -> bool:
        """Whether links presume `id`, which was loaded, and nothing else knows it."""
        return any(said.presumed == id for said in self.said(id, side).values()) and not self.known(id, side)

    def said(self, id: Id, side: Side) -> dict[Id, StatedLink]:
        """The last statement about `id`, which was loaded, and each other id."""
        if self._is_same(id, side):
            side = BEFORE
        found = self._said.get((id, side))
        if found is None:
            links = [touch for touch in self.counting(id, side) if isinstance(touch.data, Identified | Unlinked)]
            found = self._said[id, side] = last_said(links, id)
        return found

    def partners(self, id: Id, side: Side) -> frozenset[Id]:
        """All partners of `id`, which was loaded with its links."""
        found = self._partners.get((id, side))
        if found is None:
            found = linked_of(self.said(id, side), id, self.definition, lambda one: self.known(one, side))
            self._partners[id, side] = found
        return found

    def held(self, id: Id, side: Side) -> bool:
        """Whether `id`, which was loaded with its links, joins nobody."""
        found = self._is_held.get((id, side))
        if found is None:
            found = self._is_held[id, side] = held(id, self.partners(id, side), self.bounds)
        return found

    def near(self, id: Id, side: Side) -> LinkSummary:
        """What the links of `id`, which is known, come to."""
        if id in self._stored:
            near = LinkSummary.of(self.said(id, side), self.partners(id, side) if self._has_links(id) else (), self.bounds)
            # Also where another statement counts now: what presumes may count again when that is taken back.
            near.presumes = any(isinstance(one.data, Identified) and one.data.presumed for one in self.counting(id, side))
            return near
        return self._near.get((id, side)) or self._near[id, BEFORE]

    def near_to_keep(self) -> Iterator[tuple[Id, LinkSummary]]:
        """What the links of ids with long histories come to after, where it was not kept or is another now."""
        for id, bodies in self._stored.items():
            if is_person(id) and len(bodies) + len(self._added.get(id, ())) >= NEAR_FROM:
                yield id, self.near(id, AFTER)
        for (id, side), near in self._near.items():
            if side is AFTER and id not in self._stored:
                yield id, near

    async def person(self, id: Id, side: Side) -> Person:
        """The person that `id` belongs to: walks its links, loading as far as they go."""
        found = self._persons.get((id, side))
        while found is None:
            walk = _Walk(self, side)
            ids, is_whole = walked(id, walk.joined, walk.held, self.bounds, self._too_many[side])
            if await self._told_more(walk, is_whole):
                continue
            if not is_whole:
                self._too_many[side] |= ids
            found = person_of(ids if is_whole else [id])
            self._persons.update(((one, side), found) for one in found.ids)
        return found

    async def _told_more(self, walk: "_Walk", to_the_end: bool = False) -> bool:
        """Whether more is known now than `walk` was told, so that it has to be walked again."""
        if walk.unknown:
            await self.know(walk.unknown)
            return True
        if walk.unsettled or (walk.short and to_the_end):
            await self.load_links(walk.unsettled | walk.short)
            return True
        return False

    async def device(self, id: Id, side: Side) -> Device:
        """The device of an `anon:` id."""
        while True:
            walk = _Walk(self, side)
            found = walk.device(id)
            if not await self._told_more(walk):
                return found

    async def _people_of(self, id: Id, side: Side) -> frozenset[Id]:
        while True:
            walk = _Walk(self, side)
            found = people_of(id, walk.users, walk.held, self.bounds)
            if not await self._told_more(walk):
                return found

    async def _partners_of(self, id: Id) -> set[Id]:
        """All partners of `id`, before and after."""
        await self.know([id])
        if id not in self._stored and not all(self.near(id, side).whole for side in (BEFORE, AFTER)):
            await self.load_links([id])
        return {
            one for side in (BEFORE, AFTER) for one in (self.partners(id, side) if id in self._stored else self.near(id, side).partners)
        }

    async def _held_otherwise(self, ends: Iterable[Id]) -> set[Id]:
        """The ids of devices whose being shared changes with the links of `ends`, and all partners of theirs."""
        looked_at: set[Id] = set()
        for end in ends:
            await self.pauses.after(1)
            if end.startswith("anon:"):
                looked_at.add(end)
                continue
            both = [await self._people_of(end, side) for side in (BEFORE, AFTER)]
            for user in both[0] | both[1] if both[0] != both[1] else ():
                looked_at.update(one for one in await self._partners_of(user) if one.startswith("anon:"))
        found: set[Id] = set()
        done: set[Id] = set()
        for start in looked_at:
            await self.pauses.after(1)
            for id in {one for side in (BEFORE, AFTER) for one in (await self.device(start, side)).ids} - done:
                done.add(id)
                is_shared = (await self.device(id, AFTER)).is_shared
                if (await self.device(id, BEFORE)).is_shared != is_shared:
                    self.held_now[id] = is_shared or self._told(id, AFTER) is True
                    found |= {id} | await self._partners_of(id)
        return found

    def _is_presumed(self, pair: tuple[Id, Id]) -> bool:
        """Whether an end that is loaded says that the last statement about both only presumes, before or after."""
        said = (self.said(one, side).get(other) for one, other in (pair, pair[::-1]) if one in self._stored for side in (BEFORE, AFTER))
        return any(one is not None and one.presumed is not None for one in said)

    async def _known_otherwise(self, ids: Iterable[Id]) -> set[Id]:
        """Both ends of the links that hold on one side only because one of `ids` is known on that side only."""
        found: set[Id] = set()
        for id in ids:
            if id in self._stored and self.known(id, BEFORE) != self.known(id, AFTER):
                those = {other for side in (BEFORE, AFTER) for other, said in self.said(id, side).items() if said.presumed == id}
                found |= those | {id} if those else set()
        return found

    async def _change_near(self, statements: Iterable[Touchpoint], several: Collection[Name]) -> None:
        """Bring what is near to how it is after `statements`, which change. `several` has names of more than one body."""
        pairs: dict[tuple[Id, Id], list[Touchpoint]] = defaultdict(list)
        for touch in statements:
            assert isinstance(touch.data, Identified | Unlinked)
            one, other = sorted((touch.subject, touch.data.other))
            if not (is_no_id(self.definition, one) or is_no_id(self.definition, other)):
                pairs[one, other].append(touch)
        await self.load_links(id for pair, those in pairs.items() if any(said_by(one).presumed for one in those) for id in pair)
        near = {pair: touches for pair, touches in pairs.items() if not any(id in self._stored for id in pair)}
        linked_at: dict[tuple[Id, Id], Order | None] = {}
        for (one, other), touches in near.items():
            order = self.near(one, BEFORE).partners.get(other) or self.near(other, BEFORE).partners.get(one)
            linked_at[one, other] = None if any(_name(touch) in several for touch in touches) else order
        await self.load_links([one for (one, _), order in linked_at.items() if order is None])
        await self.load_links([id for pair in pairs if self._is_presumed(pair) for id in pair])
        for pair, touches in pairs.items():
            for one, other in (pair, pair[::-1]):
                if one in self._stored:
                    continue
                if (one, AFTER) not in self._near:
                    self._near[one, AFTER] = self._near[one, BEFORE].copied()
                if other in self._stored:
                    said = self.said(other, AFTER).get(one)
                else:
                    order = linked_at[pair]
                    assert order is not None
                    said = max(StatedLink(order, True), *(StatedLink(touch.order, isinstance(touch.data, Identified)) for touch in touches))
                if said is not None and said.linked:
                    self._near[one, AFTER].link(other, said.order, self.bounds)
                else:
                    self._near[one, AFTER].unlink(other)

    async def _crossing(self, ends: Iterable[Id]) -> set[Id]:
        """All partners, before and after, of those of `ends` that are held on one side only."""
        found: set[Id] = set()
        for end in ends:
            told = {side: self._told(end, side) for side in (BEFORE, AFTER)}
            if None in told.values():
                await self.load_links([end])
                told = {side: self._told(end, side) for side in (BEFORE, AFTER)}
            if told[BEFORE] == told[AFTER]:
                continue
            self.held_now[end] = told[AFTER] is True
            found |= await self._partners_of(end)
        return found

    def _told(self, id: Id, side: Side) -> bool | None:
        """Whether `id`, which is known, is held; None where what is near does not tell."""
        if id in self._stored:
            return self.held(id, side)
        if (id, side) not in self._near:
            side = BEFORE
        told = self._is_held.get((id, side))
        if told is None and (told := self._near[id, side].is_held(id, self.bounds)) is not None:
            self._is_held[id, side] = told
        return told

    async def _know_partners(self, ids: Iterable[Id]) -> None:
        """The ids next to `ids`, in one query: most persons have no others. What `person` finds beyond them it loads by itself."""
        ids = set(ids)
        await self.know(ids)
        near: set[Id] = set()
        for id in ids:
            for side in (BEFORE, AFTER):
                some: Collection[Id] = self.partners(id, side) if id in self._stored else self.near(id, side).partners
                if len(some) <= self.bounds.ids_max and not self._told(id, side):
                    near.update(some)
        await self.know(near)

    # --- histories

    def people(self, deal: str, side: Side) -> frozenset[Id]:
        """Who takes part in `deal`, which was loaded."""
        return takes_part(self.counting(deal, side))

    def members(self, account: str, side: Side) -> frozenset[Id]:
        """Who shares the updates of `account`, which was loaded."""
        return members(self.counting(account, side), self.bounds.account_people_max)

    async def bring(self, ids: Iterable[Id]) -> None:
        """Load all that the histories of those with `ids` are made of, at once: their own and those of their deals and accounts."""
        new = set(ids) - self._brought
        if not new:
            return
        self._brought |= new
        await self.load(new)
        deals = await self.histories.deals_of(new) | {deal for id in new for deal in self._named.get(id, ())}
        joins = (one.touch.data for id in new for one in self.stored(id, AFTER) if isinstance(one.touch.data, AccountJoined))
        accounts = {f"account:{data.account}" for data in joins}
        await self.load(deals | accounts)
        for side in (BEFORE, AFTER):
            for deal in deals:
                for id in self.people(deal, side):
                    self._taking_part[id, side].add(deal)
            for account in accounts:
                for id in self.members(account, side):
                    self._member_of[id, side].add(account)

    async def history(self, person: Person, side: Side) -> list[Touchpoint]:
        """The person's history: its own, that of the deals it takes part in, and how its accounts changed."""
        await self.bring(person.ids)
        through = [touch for deal in self._deals(person, side) for touch in self.counting(deal, side)]
        accounts = sorted(set().union(*(self._member_of.get((id, side), ()) for id in person.ids)))
        through += [touch for account in accounts for touch in self.counting(account, side) if is_for_members(touch)]
        if len(person.ids) == 1:
            return history_of_one(person.name, self.counting(person.name, side), through)
        own = chain.from_iterable(self._counting_bodies(id, side) for id in person.ids)
        return person_history(frozenset(person.ids), own, through, content_hash)

    def turns(self, person: Person, side: Side) -> Turns:
        """What the deals that the person takes part in, which was brought, say of their touchpoints: worked out once a deal."""
        found: dict[Key, str] = {}
        for deal in self._deals(person, side):
            known = (deal, BEFORE if self._is_same(deal, side) else side)
            if known not in self._turns:
                self._turns[known] = turns(self.definition, self.counting(deal, side))[0]
            found.update(self._turns[known])
        return found

    def _deals(self, person: Person, side: Side) -> list[str]:
        return sorted(set().union(*(self._taking_part.get((id, side), ()) for id in person.ids)))

    def _counting_bodies(self, key: str, side: Side) -> Iterator[Stored]:
        """What counts under `key`, as it is stored."""
        counting = {touch.order: touch for touch in self.counting(key, side)}
        return (stored for stored in self.stored(key, side) if counting.get(stored.touch.order) is stored.touch)

    async def affected(
        self,
        changed: Iterable[Touchpoint],
        ids: Iterable[Id],
        deals: Iterable[str],
        several: Collection[Name],
    ) -> Affected:
        """What `changed` touchpoints change in more than adding to an end.

        `ids` and `deals` are changed besides. Ends of a link that cross `partners_max` change all their partners, and so do ids of a device
        that is shared on one side only. `several` has the names that stand or stood for more than one body, and those that are voided.
        """
        stirred, deals_hit, others = set(ids), set(deals), set[str]()
        """Ids under which there is something else in the history."""
        links: list[Touchpoint] = []
        ends: set[Id] = set()
        named: set[str] = set()
        shared: set[str] = set()
        """Accounts of which something else is in their members' histories, or whose members are others."""
        for touch in changed:
            reached = [touch.subject]
            match touch.data:
                case Identified(other=other) | Unlinked(other=other):
                    links.append(touch)
                    ends.update((touch.subject, other))
                    continue
                case _ if touch.about.deal is not None:
                    reached.append(f"deal:{touch.about.deal}")
                case _:
                    pass
            match touch.data:
                case AccountJoined(account=account):
                    shared.add(f"account:{account}")
                case AccountUpdated():
                    shared.add(touch.subject)
                case _:
                    pass
            for subject in reached:
                (stirred if is_person(subject) else named if subject.startswith("deal:") else others).add(subject)
        others |= shared
        await self.load(stirred | named | deals_hit | others)
        for deal in named:
            stirred |= self.people(deal, BEFORE) | self.people(deal, AFTER)
        for account in shared:
            stirred |= self.members(account, BEFORE) | self.members(account, AFTER)
        await self.know(stirred | ends)
        await self._change_near(links, several)
        ends |= await self._known_otherwise(stirred | ends)
        await self.know(ends)
        stirred |= {id for id in ends if id in self._stored and self.only_presumed(id, BEFORE) != self.only_presumed(id, AFTER)}
        changing = ends | await self._crossing(ends)
        todo = stirred | changing | await self._held_otherwise(changing)
        await self._know_partners(todo)
        before: dict[str, Person] = {}
        after: dict[str, Person] = {}
        done: set[Id] = set()
        while todo:
            await self.pauses.after(1)
            id = todo.pop()
            done.add(id)
            for side, persons in ((BEFORE, before), (AFTER, after)):
                person = await self.person(id, side)
                persons[person.name] = person
                todo.update(one for one in person.ids if one not in done)
        same = {name for name, one in before.items() if after.get(name) == one and stirred.isdisjoint(one.ids)}
        return Affected(before, after, others | named | deals_hit, same, ends)


class _Walk:
    """What one walk from partner to partner has to be told."""

    def __init__(self, world: World, side: Side) -> None:
        self.world, self.side = world, side
        self.unknown: set[Id] = set()
        self.unsettled: set[Id] = set()
        """Of whom what is near does not tell whether they are held."""
        self.short: set[Id] = set()
        """Of whom not all partners are near."""

    def held(self, id: Id) -> bool:
        if not self._is_here(id):
            return False
        told = self.world._told(id, self.side)
        if told is None:
            self.unsettled.add(id)
        return told is True

    def _is_here(self, id: Id) -> bool:
        if self.world._has_links(id) or (id not in self.world._stored and (id, BEFORE) in self.world._near):
            return True
        (self.unsettled if id in self.world._stored else self.unknown).add(id)
        return False

    def users(self, id: Id) -> Collection[Id]:
        """The partners of `id`: of a `user:` id all of its `user:` partners, at least."""
        if not self._is_here(id):
            return ()
        return self.world.partners(id, self.side) if id in self.world._stored else self.world.near(id, self.side).partners

    def partners(self, id: Id) -> Collection[Id]:
        """All partners of `id`."""
        found = self.users(id)
        if found and id not in self.world._stored and not self.world.near(id, self.side).whole:
            self.short.add(id)
        return found

    def device(self, id: Id) -> Device:
        found = self.world._devices.get((id, self.side))
        if found is None:
            lacking = len(self.unknown), len(self.unsettled)
            found = device_of(id, self.users, self.held, self.world.definition)
            if lacking == (0, 0) == (len(self.unknown), len(self.unsettled)):
                self.world._devices.update(((one, self.side), found) for one in found.ids)
        return found

    def joined(self, id: Id) -> Iterable[Id]:
        return joined(id, self.partners, self.device)


def _name(touch: Touchpoint) -> Name:
    return touch.subject, touch.source, touch.id
