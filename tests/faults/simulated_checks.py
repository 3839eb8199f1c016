"""What is checked in the simulator: that whoever looks, or listens, knows what an independent fold says of what was placed."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Any

from journey.definition import Definition
from journey.facts import Outlook, StageEntered
from journey.instants import iso
from projections.canonical import digest
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from schemas.decode import Unreadable, decode
from tests.faults.simulated import Placed, World
from tests.streams import brute_force, followed

MODELS = (marketing, sales)


class Seen:
    """What was seen of the read models, by position."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.digests: dict[tuple[str, int], str] = {}

    async def look(self) -> None:
        for model in MODELS:
            store = SqliteReadStore(model, self.world.folder / f"{model.name}.db", read_only=True)
            try:
                async with store.snapshot() as ask:
                    ((position,),) = await ask("SELECT position FROM reflects")
                    found = await digest(model, ask)
            finally:
                store.close()
            assert self.digests.setdefault((model.name, position), found) == found, f"{model.name} was two things at position {position}"
            self.world.sometimes["somebody looked"] += 1

    async def keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self.world.chance.uniform(0.01, 3))

    def check(self, definitions: dict[str, Definition]) -> brute_force.Told:
        """Compare all with what the independent fold says of what was placed at that position. Returns what it says of the last one."""
        for position in sorted({position for _, position in self.digests if position}):
            told = fold(self.world, self.world.placed[position], definitions)
            for model in MODELS:
                if (found := self.digests.get((model.name, position))) is not None:
                    assert found == brute_force.digest(model, told.facts), f"{model.name} is not what was placed at position {position}"
        return told


def fold(world: World, placed: Placed, definitions: dict[str, Definition]) -> brute_force.Told:
    lines = [record.incoming.raw for one in world.log for record in one if record.offset <= placed.offsets.get(record.partition, -1)]
    return brute_force.told(definitions[placed.definition], [line for line in lines if _readable(line)])


def _readable(line: bytes) -> bool:
    with suppress(Unreadable):
        decode(line)
        return True
    return False


def check_told(world: World, told: brute_force.Told) -> None:
    """Whoever adds up the transitions, or reads who is at which stage, knows what the facts say."""
    mark = max(world.marks.values(), default=None)
    expected: Counter[tuple[Any, ...]] = Counter()
    for fact, count in told.facts.items():
        if isinstance(fact, StageEntered):
            expected[fact.person, fact.stage, fact.left_stage, iso(fact.at), fact.nth, fact.rule] += count
        elif isinstance(fact, Outlook):
            for one in fact.strikes:
                if isinstance(one, StageEntered) and mark is not None and one.at <= mark:
                    expected[fact.person, one.stage, one.left_stage, iso(one.at), one.nth, one.rule] += count
    stands: dict[str, tuple[str, int, str]] = {}
    for person, stage, _, at, nth, _ in expected:
        stands[person] = max(stands.get(person, ("", -1, "")), (at, nth, stage))
    at_stage = {person: stage for person, (_, _, stage) in stands.items()}
    for level in ("read_committed", "read_uncommitted"):
        transitions, stages = (
            [one.told for one in world.topics[topic] if one.of.committed or level == "read_uncommitted"]
            for topic in ("sim.transitions", "sim.stages")
        )
        assert followed.summed(transitions) == expected, f"transitions do not add up to the stage entries: {level}"
        assert followed.stands(stages) == at_stage, f"stages: {level}"
        assert followed.stands(stages, is_careful=True) == at_stage, f"stages, without what says an older position: {level}"
        world.sometimes["something was told twice"] += len(transitions) > len({one.value for one in transitions})
        world.sometimes["something told was taken back"] += any(not one.of.committed for one in world.topics["sim.transitions"])
