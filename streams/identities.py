"""Who is one person and why, and whom the bounds keep apart: read from the links in the histories when asked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from journey.definition import Definition
from journey.errors import Refused
from journey.facts import Converted, Touched
from journey.histories import is_person, joined
from journey.identity import HeldBack, Id, held_back, is_no_id
from journey.instants import iso
from journey.touchpoints import Identified, Order, Touchpoint, Unlinked
from streams.effects import derived_person
from streams.ports import Histories
from streams.world import BEFORE, World

SUBJECTS_AT_ONCE = 500

_ACCOUNT = "account:"


@dataclass(frozen=True, slots=True)
class Link:
    """A statement about two ids. `holds`: it is the last one about them that counts; else `why` it is not.

    `apart`: it holds, links them, and the bounds keep them apart all the same.
    """

    at: str
    says: str
    one: Id
    other: Id
    source: str
    id: str
    holds: bool
    apart: bool
    why: str


@dataclass(frozen=True, slots=True)
class IdentityState:
    """The person that an id belongs to. `links` is the whole trail of its ids, in order; `held`: those with too many partners to join."""

    person: str
    ids: tuple[Id, ...]
    held: tuple[Id, ...]
    position: int
    links: list[Link]


async def identity(definition: Definition, histories: Histories, id: Id) -> IdentityState:
    """The person of `id`, its ids, and each statement that tied or untied one of them. Raises Refused where nothing is known of it."""
    if not is_person(id):
        raise Refused(f"{id!r} is no id of a person; one is written like user:42 or anon:9f3c")
    position = await histories.position()
    world = World(histories, definition, [], set())
    one = await world.person(id, BEFORE)
    await world.load_links(one.ids)
    recorded = (await histories.people([id])).get(id)
    if recorded is None and not world.stored(id, BEFORE):
        raise Refused(f"nothing is known of {id!r}")
    return IdentityState(one.name, one.ids, tuple(each for each in one.ids if world.held(each, BEFORE)), position, _trail(world, one.ids))


def _trail(world: World, ids: tuple[Id, ...]) -> list[Link]:
    found: dict[tuple[Order, str, Id], Link] = {}
    for id in ids:
        counting = {touch.order: touch for touch in world.counting(id, BEFORE)}
        last = world.said(id, BEFORE)
        for stored in world.stored(id, BEFORE):
            touch = stored.touch
            if not isinstance(touch.data, Identified | Unlinked) or id not in _pair(touch):
                continue
            why = ""
            if stored.voided:
                why = "retracted"
            elif counting.get(touch.order) is not touch:
                why = "another body of its id counts"
            elif last[other := (touch.data.other if touch.subject == id else touch.subject)].order != touch.order:
                why = "said otherwise later, or again"
            elif is_no_id(world.definition, id) or is_no_id(world.definition, other):
                why = "one of them is no id"
            elif (presumed := last[other].presumed) is not None and not world.known(presumed, BEFORE):
                why = "presumed, and nothing else knows it"
            apart = not why and isinstance(touch.data, Identified) and not _pair(touch).issubset(ids)
            found[touch.order, touch.type, touch.data.other] = Link(
                iso(touch.occurred_at), touch.type, touch.subject, touch.data.other, touch.source, touch.id, not why, apart, why
            )
    return [found[key] for key in sorted(found)]


def _pair(touch: Touchpoint) -> frozenset[Id]:
    assert isinstance(touch.data, Identified | Unlinked)
    return frozenset([touch.subject, touch.data.other])


async def all_held_back(
    definition: Definition, histories: Histories, progress: Callable[[int], None] = lambda read: None
) -> list[HeldBack]:
    """What the bounds hold back among all ids: reads every person's history once, a page at a time, and keeps only the links."""
    partners_of: dict[Id, frozenset[Id]] = {}
    after = ""
    while some := await histories.subjects(after, SUBJECTS_AT_ONCE):
        after = some[-1]
        ids = [one for one in some if is_person(one)]
        world = World(histories, definition, [], set())
        await world.load_links(ids)
        partners_of.update({id: those for id in ids if (those := world.partners(id, BEFORE))})
        progress(len(some))
        await asyncio.sleep(0)  # Whoever waits for it may have gone.
    return held_back(partners_of, definition)


async def crowded(definition: Definition, histories: Histories) -> dict[str, int]:
    """The accounts that more ids joined than share what they say of themselves, and how many those are."""
    found: dict[str, int] = {}
    after = _ACCOUNT
    while accounts := [one for one in await histories.subjects(after, SUBJECTS_AT_ONCE) if one.startswith(_ACCOUNT)]:
        after = accounts[-1]
        world = World(histories, definition, [], set())
        await world.load(accounts)
        for account in accounts:
            people = joined(world.counting(account, BEFORE))
            if len(people) > definition.bounds.account_people_max:
                found[account] = len(people)
    return found


async def taken_from(definition: Definition, histories: Histories, held: HeldBack) -> tuple[int, int]:
    """How many touches and conversions the ids that are held keep to themselves."""
    touches = conversions = 0
    names: set[str] = set()
    for id in held.ids:
        world = World(histories, definition, [], set())
        one = await world.person(id, BEFORE)
        if one.name in names:
            continue
        names.add(one.name)
        _, facts = await derived_person(world, one, BEFORE)
        touches += sum(n for fact, n in facts.items() if isinstance(fact, Touched))
        conversions += sum(n for fact, n in facts.items() if isinstance(fact, Converted))
    return touches, conversions
