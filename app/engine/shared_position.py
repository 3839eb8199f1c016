"""Both read models at one position, asked together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from journey.errors import Refused
from projections.canonical import digest
from projections.read_model import Ask, ReadStore
from streams.ports import Histories

MEETINGS_MAX, MEETING_SECONDS = 100, 0.1
"""How often, and how far apart, the read models are looked at until both stand at one position: they follow one after the other."""


class ReadModels(Protocol):
    @property
    def marketing(self) -> ReadStore: ...
    @property
    def sales(self) -> ReadStore: ...


@asynccontextmanager
async def at_one_position(models: ReadModels) -> AsyncIterator[tuple[int, Mapping[str, Ask]]]:
    """The position that both reflect, and whom to ask, by name. Raises Refused where they do not meet."""
    position = other = 0
    for _ in range(MEETINGS_MAX):
        async with models.marketing.snapshot() as marketing, models.sales.snapshot() as sales:
            ((position,),) = await marketing("SELECT position FROM reflects")
            ((other,),) = await sales("SELECT position FROM reflects")
            if position == other:
                yield position, {"marketing": marketing, "sales": sales}
                return
        await asyncio.sleep(MEETING_SECONDS)
    raise Refused(f"the read models stand at different positions ({position} and {other}); is an ingest running, or no worker? try again")


async def digests(models: ReadModels, record: Histories) -> dict[str, int | str]:
    """The position that both read models reflect, the digest of each, and that of all that was accepted up to there."""
    async with at_one_position(models) as (position, asks):
        stores = (models.marketing, models.sales)
        of_models = {store.model.name: await digest(store.model, asks[store.model.name]) for store in stores}
        return {"position": position, **of_models, "record": await record.digest(position)}
