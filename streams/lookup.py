"""A subject as a question finds it: whose it is, and the whole history."""

from typing import NamedTuple

from journey.definition import Definition
from journey.errors import NotThere
from journey.histories import is_person, is_subject
from journey.identity import Person
from journey.touchpoints import Identified, Touchpoint
from journey.turns import Turns
from streams.ports import Bodies
from streams.world import BEFORE, World


class FoundSubject(NamedTuple):
    """The person that was asked for by one of its ids, or a subject that is no person; and what is known of it."""

    world: World
    one: Person
    history: list[Touchpoint]
    turns: Turns


async def looked_up(definition: Definition, histories: Bodies, subject: str) -> FoundSubject:
    """Whose `subject` is, and the whole history. Raises NotThere where nothing is known of it."""
    if not is_subject(subject):
        raise NotThere(f"{subject!r} is no subject; one is written like user:42, anon:9f3c or deal:12")
    world = World(histories, definition, [], set())
    await world.load([subject])
    if is_person(subject):
        one = await world.person(subject, BEFORE)
        history, turns = await world.history(one, BEFORE), world.turns(one, BEFORE)
    else:
        one = Person(subject, (subject,))
        history, turns = world.counting(subject, BEFORE), {}
    if not history and not world.stored(subject, BEFORE):
        raise NotThere(f"nothing is known of {subject!r}")
    return FoundSubject(world, one, history, turns)


def links(world: World, person: Person) -> list[Touchpoint]:
    """The statements by which the ids of `person` are one, the last of each pair."""
    last: dict[frozenset[str], Touchpoint] = {}
    for id in person.ids:
        for touch in world.counting(id, BEFORE):
            if isinstance(touch.data, Identified):
                pair = frozenset((touch.subject, touch.data.other))
                if pair <= {id, *world.partners(id, BEFORE)} and pair.issubset(person.ids):
                    last[pair] = touch
    return list(last.values())
