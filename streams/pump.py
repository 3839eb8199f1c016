"""The heart of a worker: batches from the log, placed and committed, one after the other, for as long as it lives.

The next batch is fetched and decoded while one is placed: what the one waits for, the other uses. What goes wrong is met in one way:
forget what is at hand, read again where the record stands, go on. The record's offsets and versions refuse what is not next, so nothing
is lost or counted twice on the way.
"""

import asyncio
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence

from journey.definition import Definition
from journey.errors import FAILED_EXIT, Away
from streams.fault_isolation import placed
from streams.kafka.source import RecordBatch, Source
from streams.placement import Placement
from streams.ports import OutOfStep, Regenerated
from streams.remarks import Outage, Say, SayAs, Tally
from streams.units import Recorded, Unit

BATCHES_AHEAD_MAX = 1
"""Batches that wait to be placed. Our own queue, and never a channel of Faust's: a rebalance would wedge it for good."""

RETRY_SECONDS = 0.5
STUCK_SECONDS_MAX = 60.0
"""How long a worker may have records waiting and place none of them before it ends itself, to be started anew."""


Observe = Callable[[Sequence[Recorded], Unit, int, float], None]
"""Is told which records became which unit, its position, and how many seconds that took."""


def unobserved(records: Sequence[Recorded], unit: Unit, position: int, seconds: float) -> None:
    """Nobody asks."""


class Pump:
    """Places what `source` hands out. Says what it waits for, and how much of it was no touchpoint."""

    def __init__(
        self,
        source: Source,
        placement: Placement,
        definition: Callable[[], Awaitable[Definition]],
        say_as: SayAs,
        observe: Observe = unobserved,
    ) -> None:
        self.source = source
        self._observe = observe
        self.placement = placement
        self._definition = definition
        """By which the record is derived."""
        self.placed = 0
        self._say = say_as("placement")
        self._fetching, self._waiting = Outage(say_as("source")), Outage(self._say)
        # One loop runs all of it, and is there once placing begins.
        self._dead = Tally(self._say, lambda seconds, tell: asyncio.get_running_loop().call_later(seconds, tell), _dead_letters)
        self._contested = Tally(self._say, lambda seconds, tell: asyncio.get_running_loop().call_later(seconds, tell), _conflicts)
        self._queue: asyncio.Queue[RecordBatch] = asyncio.Queue(BATCHES_AHEAD_MAX)
        self._at_hand: deque[RecordBatch] = deque()
        """Batches that are fetched and not placed yet: the one that is being placed, and those ahead."""
        self._placing = False
        self.moved_at = time.monotonic()
        self._worked = 0

    async def fetch(self) -> None:
        """Keep a batch ahead."""
        while True:
            try:
                if self._fetching.lasts:
                    # What comes next may be long in coming, and what was away is back.
                    await self.source.check()
                    self._fetching.is_over()
                batch = await self.source.next()
            except Away as away:
                self._fetching.goes_on(away)
                self.source.again()
                await self._pause()
                continue
            self._at_hand.append(batch)
            await self._queue.put(batch)

    async def place(self) -> None:
        """Place and commit batch by batch, in the order in which they were fetched."""
        while True:
            batch = await self._next()
            if batch.epoch != self.source.epoch:
                self._at_hand.popleft()
                continue
            self._placing = True
            began = time.monotonic()
            try:
                unit, position = await placed(self.placement, batch.records, batch.after, f"topic {self.source.topic}")
            except (OutOfStep, Away) as error:
                # Another worker was first, or nobody knows whether the commit arrived: where the record stands tells.
                reason = await self._again(error)
                if isinstance(reason, Away):
                    self._waiting.goes_on(reason)
                    await self._pause()
                continue
            finally:
                self._placing = False
                self._at_hand.popleft()
            self._observe(batch.records, unit, position, time.monotonic() - began)
            self._waiting.is_over()
            self._tell(unit)
            self.placed += unit.accepted
            self.moved_at = time.monotonic()

    async def _next(self) -> RecordBatch:
        """The next batch. What could not be placed was, where nothing is left to fetch: another worker did it."""
        while self._waiting.lasts:
            try:
                async with asyncio.timeout(RETRY_SECONDS):
                    return await self._queue.get()
            except TimeoutError:
                if self.source.found_nothing:
                    self._waiting.is_over()
        return await self._queue.get()

    def _tell(self, unit: Unit) -> None:
        """What an operator has to see: it is kept, and nothing is missing, but nobody is waited for."""
        self._dead.add(letter.code for letter in unit.dead_letters)
        self._contested.add("" for _ in unit.contested)

    def flush(self) -> None:
        """Tell what is counted and not told yet."""
        self._dead.flush()
        self._contested.flush()

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

    def waiting(self) -> dict[int, int]:
        """How many records are known not to be placed yet, by partition: of those that are ours."""
        found = Counter(self.source.waiting())
        for batch in self._at_hand:
            if batch.epoch == self.source.epoch:
                found.update(record.partition for record in batch.records)
        return dict(found)

    def is_under_way(self) -> bool:
        """Whether a touchpoint was placed, or none was waiting."""
        return self.placed > 0 or self.source.found_nothing

    def is_stuck(self) -> bool:
        """Whether records have been waiting for longer than they may, here or in Kafka, and nothing was done for them; or nobody looks."""
        looks = time.monotonic() - self.source.looked_at < STUCK_SECONDS_MAX
        worked, self._worked = self._worked, self.placement.pauses.done
        # A unit may take longer than that, on a busy machine; who goes on with it is not stuck.
        if worked != self._worked or (looks and not self._placing and self._queue.empty() and self.source.lag() == 0):
            self.moved_at = time.monotonic()
        return time.monotonic() - self.moved_at > STUCK_SECONDS_MAX


def _dead_letters(codes: Counter[str]) -> str:
    many = "1 dead letter" if codes.total() == 1 else f"{codes.total():,} dead letters"
    return f"{many}: {', '.join(f'{number:,} {code}' for code, number in codes.most_common())}; `journey dead-letters` shows them"


def _conflicts(names: Counter[str]) -> str:
    many = "1 touchpoint has" if names.total() == 1 else f"{names.total():,} touchpoints have"
    return f"{many} several bodies under one id; `journey dead-letters` shows them"


def watch(is_stuck: Callable[[], bool], say: Say) -> Callable[[], None]:
    """End the process when it is stuck. In a thread of its own, since a stuck event loop could not tell. Returns what ends the watch."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(1):
            if is_stuck():
                say(f"records are waiting and none was placed for {STUCK_SECONDS_MAX:.0f} s: ending, to be started anew", logging.ERROR)
                os._exit(FAILED_EXIT)

    threading.Thread(target=look, name="watchdog", daemon=True).start()
    return ended.set
