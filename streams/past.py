"""The record as it stood at an earlier position: what questions `as known at` it are answered from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from journey.histories import Stored
from journey.identity import Id
from streams.ports import Histories


@dataclass(frozen=True, slots=True)
class Past:
    """Bodies as of the position `known_at`. Links, voids and who takes part in a deal all follow from them."""

    histories: Histories
    known_at: int

    async def position(self) -> int:
        return self.known_at

    async def bodies(self, keys: Collection[str]) -> Mapping[str, list[Stored]]:
        return await self.histories.bodies(keys, self.known_at)

    async def deals_of(self, ids: Collection[Id]) -> set[str]:
        """Those that became known since as well: nothing is found in them."""
        return await self.histories.deals_of(ids)

    async def subjects(self, after: str, limit: int) -> Sequence[str]:
        """Those that became known since as well: they assert nothing."""
        return await self.histories.subjects(after, limit)

    async def subjects_count(self) -> int:
        return await self.histories.subjects_count()
