"""The part of the histories that a unit changes, as it is before the unit and after it.

Loads what it is asked about, key by key, and answers for both sides: who is one person, who takes part in a deal, what a history is.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from journey.definition import Bounds, Definition
from journey.histories import Stored, history_of_one, is_person, keys, person_history, settle, takes_part
from journey.identity import Id, Person, component, held, partners, person_of
from journey.touchpoints import Identified, Key, Retracted, Touchpoint, Unlinked
from journey.turns import Turns, turns
from schemas.canonical import content_hash
from streams.ports import Bodies, Name, Row

BEFORE, AFTER = False, True
Side = bool


@dataclass(slots=True)
class World:
    """Both sides of one unit. What `load` was not asked for is not here."""

    histories: Bodies
    bounds: Bounds
    rows: list[Row]
    voids: set[Name]
    watch: Callable[[Iterable[str]], Awaitable[None]] | None = None
    """Called with keys before they are read, by those who must know whether another writer changed them since."""
    _stored: dict[str, list[Stored]] = field(default_factory=dict)
    _added: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    _named: dict[Id, set[str]] = field(default_factory=lambda: defaultdict(set))
    _brought: set[Id] = field(default_factory=set)
    _taking_part: dict[tuple[Id, Side], set[str]] = field(default_factory=lambda: defaultdict(set))
    """The deals that an id takes part in, as far as they are here: all of them, of an id that was brought."""
    _counting: dict[tuple[str, Side], list[Touchpoint]] = field(default_factory=dict)
    _partners: dict[tuple[Id, Side], frozenset[Id]] = field(default_factory=dict)
    _turns: dict[tuple[str, Side], Turns] = field(default_factory=dict)

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

    def partners(self, id: Id, side: Side) -> frozenset[Id]:
        if self._is_same(id, side):
            side = BEFORE
        found = self._partners.get((id, side))
        if found is None:
            links = [touch for touch in self.counting(id, side) if isinstance(touch.data, Identified | Unlinked)]
            found = self._partners[id, side] = partners(links, id)
        return found

    def held(self, id: Id, side: Side) -> bool:
        return held(id, self.partners(id, side), self.bounds)

    async def person(self, id: Id, side: Side) -> Person:
        """The person that `id` belongs to: walks its links, loading as far as they go."""
        await self.load([id])
        while True:
            missing: set[Id] = set()

            def known(one: Id, missing: set[Id] = missing) -> Collection[Id]:
                if one in self._stored:
                    return self.partners(one, side)
                missing.add(one)
                return ()

            ids = component(id, known, self.bounds)
            if not missing:
                return person_of(ids)
            await self.load(missing)

    async def _load_partners(self, ids: Iterable[Id]) -> None:
        """The ids next to `ids`, in one query: most persons have no others. What `person` finds beyond them it loads by itself."""
        ids = set(ids)
        await self.load(ids)
        near = {side: {id: self.partners(id, side) for id in ids} for side in (BEFORE, AFTER)}
        few = (some for known in near.values() for id, some in known.items() if len(some) <= self.bounds.ids_max)
        await self.load(set().union(*few))

    def people(self, deal: str, side: Side) -> frozenset[Id]:
        """Who takes part in `deal`, which was loaded."""
        return takes_part(self.counting(deal, side))

    async def bring(self, ids: Iterable[Id]) -> None:
        """Load all that the histories of those with `ids` are made of, at once: their own and those of the deals they take part in."""
        new = set(ids) - self._brought
        if not new:
            return
        self._brought |= new
        await self.load(new)
        deals = await self.histories.deals_of(new) | {deal for id in new for deal in self._named.get(id, ())}
        await self.load(deals)
        for deal in deals:
            for side in (BEFORE, AFTER):
                for id in self.people(deal, side):
                    self._taking_part[id, side].add(deal)

    async def history(self, person: Person, side: Side) -> list[Touchpoint]:
        """The person's history: its own and that of the deals it takes part in."""
        await self.bring(person.ids)
        through = [touch for deal in self._deals(person, side) for touch in self.counting(deal, side)]
        if len(person.ids) == 1:
            return history_of_one(person.name, self.counting(person.name, side), through)
        own = chain.from_iterable(self._counting_bodies(id, side) for id in person.ids)
        return person_history(frozenset(person.ids), own, through, content_hash)

    def turns(self, definition: Definition, person: Person, side: Side) -> Turns:
        """What the deals that the person takes part in, which was brought, say of their touchpoints: worked out once a deal."""
        found: dict[Key, str] = {}
        for deal in self._deals(person, side):
            known = (deal, BEFORE if self._is_same(deal, side) else side)
            if known not in self._turns:
                self._turns[known] = turns(definition, self.counting(deal, side))[0]
            found.update(self._turns[known])
        return found

    def _deals(self, person: Person, side: Side) -> list[str]:
        return sorted(set().union(*(self._taking_part.get((id, side), ()) for id in person.ids)))

    def _counting_bodies(self, key: str, side: Side) -> Iterator[Stored]:
        """What counts under `key`, as it is stored."""
        counting = {touch.order: touch for touch in self.counting(key, side)}
        return (stored for stored in self.stored(key, side) if counting.get(stored.touch.order) is stored.touch)

    async def affected(
        self, changed: Iterable[Touchpoint], ids: Iterable[Id], deals: Iterable[str]
    ) -> tuple[dict[str, Person], dict[str, Person], set[str]]:
        """The persons before and after by name, and the other subjects, that `changed` touchpoints change in more than adding to an end.

        `ids` and `deals` are changed besides. Ends of a link that cross `partners_max` change all their partners.
        """
        todo, deals_hit, others = set(ids), set(deals), set[str]()
        ends: set[Id] = set()
        named: set[str] = set()
        for touch in changed:
            reached = [touch.subject]
            match touch.data:
                case Identified(other=other) | Unlinked(other=other):
                    reached.append(other)
                    ends.update(reached)
                case data if data.deal is not None:
                    reached.append(f"deal:{data.deal}")
                case _:
                    pass
            for subject in reached:
                (todo if is_person(subject) else named if subject.startswith("deal:") else others).add(subject)
        await self.load(ends | todo | named | deals_hit | others)
        for end in ends:
            if self.held(end, BEFORE) != self.held(end, AFTER):
                todo |= self.partners(end, BEFORE) | self.partners(end, AFTER)
        for deal in named:
            todo |= self.people(deal, BEFORE) | self.people(deal, AFTER)
        await self._load_partners(todo)
        before: dict[str, Person] = {}
        after: dict[str, Person] = {}
        done: set[Id] = set()
        while todo:
            id = todo.pop()
            done.add(id)
            for side, persons in ((BEFORE, before), (AFTER, after)):
                person = await self.person(id, side)
                persons[person.name] = person
                todo.update(one for one in person.ids if one not in done)
        return before, after, others | named | deals_hit
