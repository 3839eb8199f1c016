"""What some touchpoints change in the facts: their subjects derived as they were without them, and as they are with them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from journey import deal as deals
from journey import dimension, person_fold
from journey.deal import DealJourney
from journey.definition import Definition
from journey.dimension import DimensionJourney
from journey.facts import Facts, to_row
from journey.histories import people_named
from journey.identity import Id, LinkSummary, Person
from journey.person import PersonJourney
from journey.touchpoints import Retracted, Touchpoint
from schemas.intended import Name
from streams.journeys import Journey, dump
from streams.past import Past
from streams.pauses import HISTORY_AT_ONCE_MAX
from streams.ports import Histories
from streams.units import DerivedPart
from streams.world import AFTER, BEFORE, Side, World


class Effect(NamedTuple):
    """What touchpoints change."""

    facts: Facts
    """After less before."""
    people: list[Person]
    """Those that were derived, as they are after, each with its journey in `journeys`."""
    same: list[Person]
    """Those that were looked at, and whose facts stay as they are."""
    journeys: dict[str, Journey]
    ids: set[Id]
    """Of those who were before, and those whose links change."""
    gone: set[str]
    """Persons who are no more."""
    subjects: set[str]
    """All that was derived."""


async def effect_of(
    definition: Definition,
    world: World,
    changed: Iterable[Touchpoint],
    ids: Iterable[Id],
    others: Iterable[str],
    *,
    several: Collection[Name],
) -> Effect:
    """Derive all that `changed` touchpoints change, and `ids` and `others` besides, before and after. See `World.affected`."""
    facts: Facts = Counter()
    journeys: dict[str, Journey] = {}
    affected = await world.affected(changed, ids, others, several)
    same, rest = affected.same, affected.others
    before = {name: one for name, one in affected.before.items() if name not in same}
    after = {name: one for name, one in affected.after.items() if name not in same}
    await world.bring(id for one in chain(before.values(), after.values()) for id in one.ids)
    pauses = world.pauses
    for one in sorted(before.values()):
        _, asserted = await derived_person(world, one, BEFORE)
        facts.subtract(asserted)
    for one in sorted(after.values()):
        journeys[one.name], asserted = await derived_person(world, one, AFTER)
        facts.update(asserted)
    for subject in sorted(rest):
        _, asserted = _derived(world, subject, BEFORE)
        await pauses.after(len(world.counting(subject, BEFORE)))
        facts.subtract(asserted)
        journeys[subject], asserted = _derived(world, subject, AFTER)
        facts.update(asserted)
    was = {id for one in before.values() for id in one.ids} | affected.ends
    unchanged = sorted(affected.after[name] for name in same)
    subjects = before.keys() | after.keys() | rest
    return Effect(facts, sorted(after.values()), unchanged, journeys, was, before.keys() - after.keys(), subjects)


async def since(definition: Definition, histories: Histories, known_at: int, up_to: int, near: dict[Id, LinkSummary]) -> DerivedPart:
    """What the units beyond `known_at` up to `up_to` changed, as if the record had been derived by `definition` all along.

    `near` is as of `known_at`, and then as of `up_to`.
    """
    rows, voids = await histories.brought(known_at, up_to)
    world = World(Past(histories, known_at), definition, rows, voids, kept_near=kept_in(near))
    stood = (await histories.named({name_of(row.touch) for row in rows} | voids, known_at)).values()
    found = await with_added(world, [one.touch for bodies in stood for one in bodies if not one.voided])
    near.update(world.near_to_keep())
    journeys = {subject: kept for subject, journey in found.journeys.items() if (kept := dump(journey))}
    persons = {id: one.name for one in chain(found.people, found.same) for id in one.ids}
    return DerivedPart([to_row(fact, count) for fact, count in found.facts.items() if count], journeys, persons, found.gone)


async def with_added(world: World, stood: Sequence[Touchpoint]) -> Effect:
    """What the rows and voids of `world` change. `stood` is what counted until now under their names, a retraction's too."""
    live = [row.touch for row in world.rows if not (row.voided or isinstance(row.touch.data, Retracted))]
    world.takes_part_in((id, f"deal:{touch.about.deal}") for touch in live if touch.about.deal is not None for id in people_named(touch))
    times = Counter(name_of(row.touch) for row in world.rows)
    several = world.voids | {name_of(touch) for touch in stood} | {name for name, n in times.items() if n > 1}
    return await effect_of(world.definition, world, chain(live, stood), (), (), several=several)


def name_of(touch: Touchpoint) -> Name:
    return touch.subject, touch.source, touch.id


def kept_in(near: Mapping[Id, LinkSummary]) -> Callable[[Collection[Id]], Awaitable[Mapping[Id, LinkSummary]]]:
    """What is near, as a world asks for it."""

    async def kept(ids: Collection[Id]) -> Mapping[Id, LinkSummary]:
        return {id: near[id] for id in ids if id in near}

    return kept


async def derived_person(world: World, one: Person, side: Side) -> tuple[PersonJourney, Facts]:
    """The journey and the facts of a person, from its history and what its deals say of theirs. Other tasks get their turn, however long
    the history is."""
    history = await world.history(one, side)
    definition, turns = world.definition, world.turns(one, side)
    await world.pauses.after(len(history))
    whose = (one, frozenset(turns.items()))
    found: tuple[PersonJourney, Facts] | None = None if world.folds is None else world.folds.get(whose, history)
    if found is None:
        if len(history) > HISTORY_AT_ONCE_MAX:
            found = await asyncio.to_thread(person_fold.derive, definition, one.name, one.ids, history, turns)
        else:
            found = person_fold.derive(definition, one.name, one.ids, history, turns)
        if world.folds is not None:
            world.folds.keep(whose, history, found)
    found[0].presumed = len(one.ids) == 1 and world.only_presumed(one.name, side)
    return found


def _derived(world: World, subject: str, side: Side) -> tuple[DealJourney | DimensionJourney, Facts]:
    history = world.counting(subject, side)
    found: tuple[DealJourney | DimensionJourney, Facts] | None = None if world.folds is None else world.folds.get(subject, history)
    if found is None:
        found = derive(world.definition, subject, history)
        if world.folds is not None:
            world.folds.keep(subject, history, found)
    return found


def derive(definition: Definition, subject: str, history: Sequence[Touchpoint]) -> tuple[DealJourney | DimensionJourney, Facts]:
    """The journey and the facts of a subject that is no person."""
    if subject.startswith("deal:"):
        return deals.derive(definition, subject, history)
    return dimension.derive(definition, subject, history)
