"""The heart of a worker: batches from the log, placed and committed, one after the other, for as long as it lives.

The next batch is fetched and decoded while one is placed: what the one waits for, the other uses. What goes wrong is met in one way:
forget what is at hand, read again where the record stands, go on. The record's offsets and versions refuse what is not next, so nothing
is lost or counted twice on the way.
"""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable

from journey.definition import Definition
from journey.errors import Away
from streams.culprit import placed
from streams.kafka.source import Batch, Source
from streams.placement import Placement
from streams.ports import OutOfStep, Regenerated

BATCHES_AHEAD_MAX = 1
"""Batches that wait to be placed. Our own queue, and never a channel of Faust's: a rebalance would wedge it for good."""

RETRY_SECONDS = 0.5
STUCK_SECONDS_MAX = 60.0
"""How long a worker may have records waiting and place none of them before it ends itself, to be started anew."""

STUCK_EXIT = 70


class Pump:
    """Places what `source` hands out. `say` is told what it waits for."""

    def __init__(
        self, source: Source, placement: Placement, definition: Callable[[], Awaitable[Definition]], say: Callable[[str], None]
    ) -> None:
        self.source = source
        self.placement = placement
        self._definition = definition
        """By which the record is derived."""
        self.placed = 0
        self._say = say
        self._queue: asyncio.Queue[Batch] = asyncio.Queue(BATCHES_AHEAD_MAX)
        self._placing = False
        self.moved_at = time.monotonic()

    async def fetch(self) -> None:
        """Keep a batch ahead."""
        waiting = ""
        while True:
            try:
                batch = await self.source.next()
            except Away as away:
                if str(away) != waiting:
                    waiting = str(away)
                    self._say(f"waiting: {away}")
                self.source.again()
                await self._pause()
                continue
            if waiting:
                waiting = ""
                self._say("going on")
            await self._queue.put(batch)

    async def place(self) -> None:
        """Place and commit batch by batch, in the order in which they were fetched."""
        waiting = ""
        while True:
            batch = await self._queue.get()
            if batch.epoch != self.source.epoch:
                continue
            self._placing = True
            try:
                unit = await placed(self.placement, batch.records, batch.after, f"topic {self.source.topic}")
            except (OutOfStep, Away) as error:
                # Another worker was first, or nobody knows whether the commit arrived: where the record stands tells.
                reason = await self._again(error)
                if isinstance(reason, Away):
                    if str(reason) != waiting:
                        waiting = str(reason)
                        self._say(f"waiting: {reason}")
                    await self._pause()
                continue
            finally:
                self._placing = False
            if waiting:
                waiting = ""
                self._say("going on")
            self.placed += unit.accepted
            self.moved_at = time.monotonic()

    async def _again(self, reason: OutOfStep | Away) -> OutOfStep | Away:
        """Forget what is at hand, and begin where the record stands, by the definition that it is derived by. Returns what went wrong."""
        self.placement.forget()
        self.source.again()
        try:
            if isinstance(reason, Regenerated):
                self.placement.use(await self._definition())
                self._say(f"going on by definition {self.placement.definition.fingerprint[:12]}")
        except Away as away:
            return away
        return reason

    async def _pause(self) -> None:
        """Wait for what is away. Who knows what he waits for is not stuck, however long it takes."""
        self.moved_at = time.monotonic()
        await asyncio.sleep(RETRY_SECONDS)

    def is_under_way(self) -> bool:
        """Whether a touchpoint was placed, or none was waiting."""
        return self.placed > 0 or self.source.found_nothing

    def is_stuck(self) -> bool:
        """Whether records have been waiting for longer than they may, here or in Kafka, and none was placed; or nobody looks for any."""
        looks = time.monotonic() - self.source.looked_at < STUCK_SECONDS_MAX
        if looks and not self._placing and self._queue.empty() and self.source.lag() == 0:
            self.moved_at = time.monotonic()
        return time.monotonic() - self.moved_at > STUCK_SECONDS_MAX


def watch(is_stuck: Callable[[], bool], say: Callable[[str], None]) -> Callable[[], None]:
    """End the process when it is stuck. In a thread of its own, since a stuck event loop could not tell. Returns what ends the watch."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(1):
            if is_stuck():
                say(f"records are waiting and none was placed for {STUCK_SECONDS_MAX:.0f} s: ending, to be started anew")
                os._exit(STUCK_EXIT)

    threading.Thread(target=look, name="watchdog", daemon=True).start()
    return ended.set
