"""Everything derived, derived again from the histories: under another definition, or to see that it comes out the same."""

from collections import Counter
from collections.abc import AsyncIterator, Callable

from journey import person
from journey.definition import Definition
from journey.facts import Facts, to_row
from journey.histories import is_person
from journey.identity import Id, PersonId
from streams.journeys import dump
from streams.placement import derive
from streams.ports import Bodies, Part
from streams.world import BEFORE, World

SUBJECTS_PER_PART_MAX = 2_000


async def rebuilt(
    definition: Definition, histories: Bodies, progress: Callable[[int], None] = lambda subjects: None
) -> AsyncIterator[Part]:
    """All facts, journeys and persons of the record under `definition`, in parts. Each subject is derived once."""
    last = ""
    while keys := await histories.subjects(last, SUBJECTS_PER_PART_MAX):
        last = keys[-1]
        world = World(histories, definition.bounds, [], set())
        await world.load(keys)
        facts: Facts = Counter()
        journeys: dict[str, bytes] = {}
        people = {key: await world.person(key, BEFORE) for key in keys if is_person(key)}
        # A person is derived at the id that it is named by.
        named = [one for key, one in people.items() if one.name == key]
        await world.bring(id for one in named for id in one.ids)
        for one in named:
            journey, asserted = person.derive(definition, one.name, one.ids, await world.history(one, BEFORE))
            facts.update(asserted)
            journeys[one.name] = dump(journey)
        persons: dict[Id, PersonId] = {key: one.name for key, one in people.items()}
        for key in keys:
            if not is_person(key):
                other, asserted = derive(definition, key, world.counting(key, BEFORE))
                facts.update(asserted)
                if kept := dump(other):
                    journeys[key] = kept
        progress(len(keys))
        yield Part([to_row(fact, count) for fact, count in facts.items()], journeys, persons)
