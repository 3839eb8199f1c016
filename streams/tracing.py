"""Whole histories of several subjects, folded so that every fact knows the touchpoints that brought it about."""

from collections.abc import Collection
from dataclasses import dataclass, field

from journey.definition import Definition
from journey.histories import is_person, joined
from journey.provenance import ExplainedFact, of_other, of_person
from journey.touchpoints import Key, Touchpoint
from streams.ports import Bodies
from streams.world import BEFORE, World


@dataclass(frozen=True, slots=True)
class Traced:
    """`facts` by the subject whose history asserts them, a person by its name; `ids` are those of persons. `touches` are all touchpoints of
    these histories."""

    facts: dict[str, list[ExplainedFact]] = field(default_factory=dict)
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)
    touches: dict[Key, Touchpoint] = field(default_factory=dict)


async def traced(definition: Definition, histories: Bodies, subjects: Collection[str]) -> Traced:
    """The facts of `subjects`, each of which is a person's id or no person. Of who is unknown there are none."""
    world, found = World(histories, definition, [], set()), Traced()
    people = [subject for subject in subjects if is_person(subject)]
    others = [subject for subject in subjects if not is_person(subject)]
    await world.load(subjects)
    persons = {one.name: one for one in [await world.person(id, BEFORE) for id in sorted(people)]}
    await world.bring(id for one in persons.values() for id in one.ids)
    for name, one in persons.items():
        history = await world.history(one, BEFORE)
        found.ids[name] = one.ids
        found.facts[name] = of_person(definition, one, history, world.turns(one, BEFORE))
        found.touches.update((touch.key, touch) for touch in history)
    for subject in sorted(others):
        history = world.counting(subject, BEFORE)
        found.facts[subject] = of_other(definition, subject, history)
        found.touches.update((touch.key, touch) for touch in history)
    return found


async def taking_part(definition: Definition, histories: Bodies, subjects: Collection[str]) -> set[str]:
    """Who and what is looked at with `subjects`: the people of deals and accounts, by their ids, and the deals of people."""
    world = World(histories, definition, [], set())
    await world.load(subjects)
    found: set[str] = set()
    for subject in subjects:
        if subject.startswith("deal:"):
            found |= world.people(subject, BEFORE)
        elif subject.startswith("account:"):
            found |= joined(world.counting(subject, BEFORE))
    ids = [id for subject in subjects if is_person(subject) for id in (await world.person(subject, BEFORE)).ids]
    return found | (await histories.deals_of(ids) if ids else set())


SUBJECTS_AT_ONCE = 1_000


async def named(histories: Bodies, kinds: Collection[str]) -> list[str]:
    """All subjects of these kinds."""
    found: list[str] = []
    for kind in kinds:
        after = f"{kind}:"
        while some := await histories.subjects(after, SUBJECTS_AT_ONCE):
            ours = [subject for subject in some if subject.startswith(f"{kind}:")]
            found += ours
            if len(ours) < len(some):
                break
            after = some[-1]
    return found
