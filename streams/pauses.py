"""Long work in small pieces, so that the other tasks of the event loop get their turn: Kafka's heartbeat among them."""

import asyncio

TOUCHPOINTS_AT_ONCE = 500
"""Touchpoints that are read or folded before others get their turn: some ten milliseconds."""

HISTORY_AT_ONCE_MAX = 20_000
"""A history of more is folded by a thread of its own: one fold is one piece, and this many take half a second."""


class Pauses:
    """Counts what was done since others had their turn, and gives it to them."""

    def __init__(self) -> None:
        self.done = 0
        """All that was: who looks at it twice sees whether there was anything in between."""
        self._done = 0

    async def after(self, touchpoints: int) -> None:
        """So many more were read or folded."""
        self.done += touchpoints
        self._done += touchpoints
        if self._done >= TOUCHPOINTS_AT_ONCE:
            self._done = 0
            await asyncio.sleep(0)
