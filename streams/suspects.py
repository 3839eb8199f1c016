"""Joins that hold and look wrong, in the whole record: read a page of persons at a time, the worst are kept."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from journey import deal as deals
from journey.channels import excluded
from journey.definition import Definition
from journey.explain import evidence
from journey.histories import is_person, takes_part
from journey.identity import Person
from journey.money import major
from journey.orders import Orders, order_of, sent_again
from journey.suspects import ORDER, Suspect, Win, statement, suspects_of, words
from journey.touchpoints import OrderPlaced, Touchpoint
from journey.turns import turns
from streams.lookup import links
from streams.ports import Bodies
from streams.world import BEFORE, World

SUBJECTS_AT_ONCE = 100


@dataclass(slots=True)
class WorstSuspects:
    """The worst `limit` suspects, and how many there are."""

    limit: int
    number: int = 0
    found: list[Suspect] = field(default_factory=list)

    def add(self, one: Suspect) -> None:
        self.number += 1
        self.found.append(one)
        if len(self.found) > 2 * self.limit + 100:
            self.cut()

    def cut(self) -> None:
        self.found = sorted(self.found, key=lambda one: one.rank)[: self.limit]


async def suspects(
    definition: Definition, histories: Bodies, limit: int, kind: str = "", progress: Callable[[int], None] = lambda read: None
) -> WorstSuspects:
    """The worst suspects of all persons, of `kind` where one is given. Orders are compared in a database of the time being, on disk."""
    worst = WorstSuspects(limit)
    with closing(sqlite3.connect("")) as orders:
        orders.execute("CREATE TABLE orders (number TEXT, person TEXT, subject TEXT, source TEXT, id TEXT)")
        async for world, person in _persons(definition, histories, progress):
            history = await world.history(person, BEFORE)
            placed = list(_orders(definition, person, history))
            orders.executemany(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
                [(win.of, person.name, win.touch.subject, win.touch.source, win.touch.id) for win in placed],
            )
            if len(person.ids) > 1:
                names = {*definition.attribution.touches, *definition.traffic}
                touches = [one for one in history if one.type in names and one.subject in person.ids]
                wins = [*placed, *await _deals(definition, world, person, history)]
                for one in suspects_of(definition, person.ids, links(world, person), wins, touches):
                    if kind in ("", one.kind):
                        worst.add(one)
        if kind in ("", ORDER):
            async for one in _twice(definition, histories, orders):
                worst.add(one)
    worst.cut()
    return worst


async def _persons(definition: Definition, histories: Bodies, progress: Callable[[int], None]) -> AsyncIterator[tuple[World, Person]]:
    """Each person once, by its first id."""
    after = ""
    while some := await histories.subjects(after, SUBJECTS_AT_ONCE):
        after = some[-1]
        for id in filter(is_person, some):
            # A world keeps what it reads: one for each, so that no more than one person is held.
            world = World(histories, definition, [], set())
            person = await world.person(id, BEFORE)
            if person.ids[0] == id:
                yield world, person
        progress(len(some))
        await asyncio.sleep(0)  # Whoever waits for it may have gone.


def _orders(definition: Definition, person: Person, history: list[Touchpoint]) -> Iterator[Win]:
    own = [touch for touch in history if touch.subject in person.ids and not excluded(definition, touch.about)]
    silent, orders = sent_again(own), Orders()
    counting = [touch for touch in own if touch.key not in silent]
    for touch in counting:
        for _ in orders.after(person.name, touch, definition.zone):
            pass
    for touch in counting:
        if isinstance(touch.data, OrderPlaced):
            one = orders.known[order_of(touch.data)]
            yield Win(order_of(touch.data), one.at, frozenset([touch.subject]), one.left_minor, one.currency, touch)


async def _deals(definition: Definition, world: World, person: Person, history: list[Touchpoint]) -> list[Win]:
    found = []
    named = {one.about.deal or one.subject.removeprefix("deal:") for one in history if one.about.deal or one.subject.startswith("deal:")}
    await world.load(f"deal:{name}" for name in named)
    for name in sorted(named):
        said = world.counting(f"deal:{name}", BEFORE)
        stood = deals.derive(definition, name, said)[0].stood(definition)
        turned = turns(definition, said)[0]
        won = [touch for touch in said if turned.get(touch.key) == "won"]
        if won and stood.outcome == "won" and stood.currency:
            ids = takes_part(said) & frozenset(person.ids)
            found.append(Win(f"deal:{name}", stood.closed_at, ids, stood.amount_minor, stood.currency, won[-1]))
    return found


async def _twice(definition: Definition, histories: Bodies, orders: sqlite3.Connection) -> AsyncIterator[Suspect]:
    """Orders that several persons report: the line makes them one."""
    for (number,) in orders.execute("SELECT number FROM orders GROUP BY number HAVING COUNT(DISTINCT person) > 1 ORDER BY number"):
        world, touches = World(histories, definition, [], set()), list[Touchpoint]()
        rows = orders.execute("SELECT person, subject, source, id FROM orders WHERE number = ? ORDER BY 1", (number,)).fetchall()
        await world.load(subject for _, subject, _, _ in rows)
        for _, subject, source, id in rows:
            touches += [one for one in world.counting(subject, BEFORE) if one.key == (source, id, subject)]
        touches.sort(key=lambda one: one.order)
        first, *others = touches
        send = []
        for other in others:
            said = world.said(first.subject, BEFORE).get(other.subject)
            is_held = world.held(first.subject, BEFORE) or world.held(other.subject, BEFORE)
            if not is_held and not (said and said.linked):
                after = max(first.occurred_at, other.occurred_at, said.order[0] if said else 0)
                send.append(statement("identified", first.subject, other.subject, after))
        data = [one.data for one in touches if isinstance(one.data, OrderPlaced)]
        amounts = tuple((one.currency, one.minor("amount") or 0) for one in data)
        ids = tuple(one.subject for one in touches)
        reason = f"order {number} counts {len(ids)} times, under ids that are not one person: {words(amounts)}"
        if len(send) < len(others):
            reason += "; links are there or too many, and the definition's bounds keep them apart"
        weight = sum(float(major(minor, currency)) for currency, minor in amounts[1:])
        yield Suspect(ORDER, reason, ids, amounts, tuple(map(evidence, touches)), tuple(send), weight)
