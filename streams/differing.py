"""What some touchpoints change in the facts: their subjects derived as they were without them, and as they are with them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from journey import deal as deals
from journey import dimension, person
from journey.deal import DealJourney
from journey.definition import Definition
from journey.dimension import DimensionJourney
from journey.facts import Facts, to_row
from journey.histories import people_named
from journey.identity import Id, Person
from journey.person import PersonJourney
from journey.touchpoints import Retracted, Touchpoint
from streams.journeys import Journey, dump
from streams.past import Past
from streams.ports import Histories, Name, Part
from streams.world import AFTER, BEFORE, Side, World


class Differing(NamedTuple):
    facts: Facts
    """After less before."""
    people: list[Person]
    """As they are after, each with its journey in `journeys`."""
    journeys: dict[str, Journey]
    ids: set[Id]
    """Of those who were before."""
    gone: set[str]
    """Persons who are no more."""
    subjects: set[str]
    """All that was derived."""


async def differing(
    definition: Definition, world: World, changed: Iterable[Touchpoint], ids: Iterable[Id], others: Iterable[str]
) -> Differing:
    """Derive all that `changed` touchpoints reach, and `ids` and `others` besides, before and after."""
    facts: Facts = Counter()
    journeys: dict[str, Journey] = {}
    before, after, rest = await world.affected(changed, ids, others)
    await world.bring(id for one in chain(before.values(), after.values()) for id in one.ids)
    for one in sorted(before.values()):
        _, asserted = await derive_person(definition, world, one, BEFORE)
        facts.subtract(asserted)
    for one in sorted(after.values()):
        journeys[one.name], asserted = await derive_person(definition, world, one, AFTER)
        facts.update(asserted)
    for subject in sorted(rest):
        _, asserted = derive(definition, subject, world.counting(subject, BEFORE))
        facts.subtract(asserted)
        journeys[subject], asserted = derive(definition, subject, world.counting(subject, AFTER))
        facts.update(asserted)
    was = {id for one in before.values() for id in one.ids}
    return Differing(facts, sorted(after.values()), journeys, was, before.keys() - after.keys(), before.keys() | after.keys() | rest)


async def since(definition: Definition, histories: Histories, known_at: int, up_to: int) -> Part:
    """What the units beyond `known_at` up to `up_to` changed, as if the record had been derived by `definition` all along."""
    rows, voids = await histories.brought(known_at, up_to)
    world = World(Past(histories, known_at), definition.bounds, rows, voids)
    live = [row.touch for row in rows if not (row.voided or isinstance(row.touch.data, Retracted))]
    world.takes_part_in((id, f"deal:{touch.data.deal}") for touch in live if touch.data.deal is not None for id in people_named(touch))
    # What stood under the same names, a retraction's too, and what is taken back, counted until now.
    names: set[Name] = {(row.touch.subject, row.touch.source, row.touch.id) for row in rows} | voids
    await world.load({subject for subject, _, _ in names})
    stood = [
        one.touch
        for subject in {subject for subject, _, _ in names}
        for one in world.stored(subject, BEFORE)
        if not one.voided and (one.touch.subject, one.touch.source, one.touch.id) in names
    ]
    found = await differing(definition, world, live + stood, (), ())
    journeys = {subject: kept for subject, journey in found.journeys.items() if (kept := dump(journey))}
    persons = {id: one.name for one in found.people for id in one.ids}
    return Part([to_row(fact, count) for fact, count in found.facts.items() if count], journeys, persons, found.gone)


async def derive_person(definition: Definition, world: World, one: Person, side: Side) -> tuple[PersonJourney, Facts]:
    """The journey and the facts of a person, from its history and what its deals say of theirs."""
    history = await world.history(one, side)
    return person.derive(definition, one.name, one.ids, history, world.turns(definition, one, side))


def derive(definition: Definition, subject: str, history: Sequence[Touchpoint]) -> tuple[DealJourney | DimensionJourney, Facts]:
    """The journey and the facts of a subject that is no person."""
    if subject.startswith("deal:"):
        return deals.derive(definition, subject, history)
    return dimension.derive(definition, subject, history)
