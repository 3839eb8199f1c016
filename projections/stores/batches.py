"""What a read store is given, cut into what it commits at a time: whole units, in order, each once; and committed so."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, NamedTuple, Protocol

from projections.read_model import ChangedFacts, Gap, ReadModel, Shadow

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


async def batches(name: str, position: int, changes: AsyncIterator[ChangedFacts], facts_max: int) -> AsyncIterator[Batch]:
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


class Committing(Protocol):
    """What `applied` asks of a store."""

    model: ReadModel

    async def position(self) -> int: ...

    async def commit(self, facts: list[list[Any]], stored: int, position: int) -> None:
        """Add facts up and go on from the position `stored` to this one, in one transaction."""
        ...

    def shadow(self) -> AbstractAsyncContextManager[Shadow]: ...


async def applied(store: Committing, changes: AsyncIterator[ChangedFacts], facts_max: int) -> int:
    """Apply `changes` to `store` batch by batch: see `ReadStore.apply`. Returns the new position."""
    stored = await store.position()
    async with AsyncExitStack() as stack:
        shadow: Shadow | None = None
        async for batch in batches(store.model.name, stored, changes, facts_max):
            if not batch.rebuilt:
                await store.commit(batch.facts, stored, batch.position)
            else:
                if shadow is None:
                    shadow = await stack.enter_async_context(store.shadow())
                await shadow.add(batch.facts)
                if not batch.last:
                    continue
                await shadow.switch(batch.position)
                await stack.aclose()
                shadow = None
            stored = batch.position
    return stored
