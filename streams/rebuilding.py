"""Everything derived, derived again from the histories: under another definition, or to see that it comes out the same.

As of a position, while the record goes on; then what came since, until nothing is left.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from journey.definition import Definition
from journey.facts import Facts, to_row
from journey.histories import is_person
from journey.identity import Id, LinkSummary, Person, PersonId
from streams.effects import derive, derived_person, kept_in, since
from streams.journeys import dump
from streams.past import Past
from streams.ports import Bodies, Histories
from streams.units import DerivedPart
from streams.world import BEFORE, World

SUBJECTS_PER_PART_MAX = 2_000
UNITS_PER_PART_MAX = 10
UNITS_LEFT_MAX = 10
"""So few units are left for when nobody else commits."""


class Anew:
    """All that `histories` derive to under `definition`, as of `known_at`, which moves on as what came since is added."""

    def __init__(self, definition: Definition, histories: Histories, progress: Callable[[int], None] = lambda subjects: None) -> None:
        self.definition = definition
        self.histories = histories
        self.known_at = 0
        self._near: dict[Id, LinkSummary] = {}
        """Of ids with long histories, as of `known_at`: so that one is read once, and not with each part and each unit that names it."""
        self._progress = progress

    async def parts(self) -> AsyncIterator[DerivedPart]:
        """All of it up to the last few units. Where units come faster than they are added, no more than there were."""
        self.known_at = await self.histories.position()
        self._near.clear()
        async for part in rebuilt(self.definition, Past(self.histories, self.known_at), self._progress, self._near):
            yield part
        left = await self.histories.position() - self.known_at
        while left > UNITS_LEFT_MAX and await self.histories.last_withdrawal() <= self.known_at:
            async for part in self.rest():
                yield part
            before, left = left, await self.histories.position() - self.known_at
            if left >= before:
                return

    async def rest(self) -> AsyncIterator[DerivedPart]:
        """What came since, up to now."""
        position = await self.histories.position()
        while self.known_at < position:
            up_to = min(position, self.known_at + UNITS_PER_PART_MAX)
            yield await since(self.definition, self.histories, self.known_at, up_to, self._near)
            self.known_at = up_to


async def rebuilt(
    definition: Definition,
    histories: Bodies,
    progress: Callable[[int], None] = lambda subjects: None,
    near: dict[Id, LinkSummary] | None = None,
) -> AsyncIterator[DerivedPart]:
    """All facts, journeys and persons of the record under `definition`, in parts. Each subject is derived once.

    What the links of ids with long histories come to is left in `near`.
    """
    last = ""
    near = {} if near is None else near
    while keys := await histories.subjects(last, SUBJECTS_PER_PART_MAX):
        last = keys[-1]
        part = await derived(definition, histories, keys, near)
        progress(len(keys))
        yield part


async def derived(definition: Definition, histories: Bodies, keys: Sequence[str], near: dict[Id, LinkSummary]) -> DerivedPart:
    """What `keys` derive to. A person is derived at the id that it is named by, and only there."""
    world = World(histories, definition, [], set(), kept_near=kept_in(near))
    await world.load(keys)
    facts: Facts = Counter()
    journeys: dict[str, bytes] = {}
    pauses = world.pauses
    people: dict[Id, Person] = {}
    for key in filter(is_person, keys):
        await pauses.after(1)
        people[key] = await world.person(key, BEFORE)
    named = [one for key, one in people.items() if one.name == key]
    await world.bring(id for one in named for id in one.ids)
    for one in named:
        journey, asserted = await derived_person(world, one, BEFORE)
        facts.update(asserted)
        journeys[one.name] = dump(journey)
    persons: dict[Id, PersonId] = {key: one.name for key, one in people.items()}
    for key in keys:
        if not is_person(key):
            history = world.counting(key, BEFORE)
            await pauses.after(len(history))
            other, asserted = derive(definition, key, history)
            facts.update(asserted)
            if kept := dump(other):
                journeys[key] = kept
    near.update(world.near_to_keep())
    return DerivedPart([to_row(fact, count) for fact, count in facts.items()], journeys, persons)
