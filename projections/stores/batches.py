"""What a read store is given, cut into what it commits at a time: whole units, in order, each once."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from projections.read_model import Change, Gap

UNITS_PER_BATCH_MAX = 50


class Batch(NamedTuple):
    """Facts to add up in one transaction, after which the store reflects `position`.

    Where they are `rebuilt`, all of the units before it is void: they are a part of what is built beside the live rows, and
    take their place with the `last` one.
    """

    facts: list[list[Any]]
    position: int
    rebuilt: bool = False
    last: bool = True


async def batches(name: str, position: int, changes: AsyncIterator[Change], facts_max: int) -> AsyncIterator[Batch]:
    """The batches that take the read model `name` on from `position`: units that it has are left out. Raises Gap where one is missing, or
    the last part of one."""
    held: list[list[Any]] = []
    units, in_parts = 0, False
    async for change in changes:
        if change.position <= position:
            continue
        if change.position > position + 1:
            raise Gap(f"{name} reflects unit {position}, and the next one it was given is {change.position}")
        in_parts = not change.last
        if change.rebuilt:
            yield Batch(change.facts, change.position, rebuilt=True, last=change.last)
            if change.last:
                held, units, position = [], 0, change.position
            continue
        held.extend(change.facts)
        if in_parts:
            continue
        position, units = change.position, units + 1
        if units >= UNITS_PER_BATCH_MAX or len(held) >= facts_max:
            yield Batch(held, position)
            held, units = [], 0
    if in_parts:
        raise Gap(f"{name} was given unit {position + 1} without its last part")
    if units:
        yield Batch(held, position)
