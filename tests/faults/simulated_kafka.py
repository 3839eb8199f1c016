"""Kafka at its worst, in the simulator: what a worker reads by, and what the relay tells."""

import asyncio

from aiokafka.errors import ProducerFenced

from streams.kafka.relay import POSITION
from streams.kafka.source import RecordBatch
from tests.faults.simulated import Message, SharedRecord, Transaction, World
from tests.streams.followed import Told


class Source:
    """Hands out batches as Kafka does at its worst: of partitions that are no longer ours, twice, and with something left out."""

    def __init__(self, world: World, worker: str, record: SharedRecord) -> None:
        self.topic = "sim.touchpoints"
        self.world = world
        self.epoch = 0
        self._worker = worker
        self._offsets = record.offsets
        self._ours: set[int] = set()
        self._next: dict[int, int] = {}
        self._reset = True

        self.found_nothing = False

    def again(self) -> None:
        self.epoch += 1
        self._reset = True
        self.found_nothing = False

    async def check(self) -> None:
        await self._offsets()

    async def next(self) -> RecordBatch:
        world, chance = self.world, self.world.chance
        while True:
            ours = {one for one, worker in world.owners.items() if worker == self._worker}
            if ours != self._ours and (not world.trouble or chance.random() < 0.3):
                self._ours = ours
                self.again()
            if any(world.owners.get(one) != self._worker for one in self._ours):
                world.sometimes["a worker read a partition that was another's"] += 1
            if self._reset:
                epoch, stored = self.epoch, await self._offsets()
                if epoch == self.epoch:
                    self._next = {one: stored.get(one, -1) for one in self._ours}
                    self._reset = False
                continue
            await world.point("before a fetch")
            batch = RecordBatch(self.epoch)
            for one in sorted(self._next):
                if some := world.log[one][self._next[one] + 1 :][: chance.choice((1, 2, 3, 8))]:
                    if world.trouble and len(some) > 1 and chance.random() < 0.2:
                        world.sometimes["a fetch left something out"] += 1
                        some = some[1:]
                    batch.after[one] = some[0].offset - 1
                    batch.records += some
                    self._next[one] = some[-1].offset
                    if world.trouble and chance.random() < 0.06:
                        world.sometimes["a fetch came twice"] += 1
                        self._next[one] = batch.after[one]
            await world.point("after a fetch")
            if batch.records and batch.epoch == self.epoch:
                return batch
            self.found_nothing = not batch.records and batch.epoch == self.epoch
            await asyncio.sleep(chance.uniform(0.05, 0.5))


class Producer:
    """See `streams.kafka.client.only_producer`. Whoever sends may crash, or freeze, before it was sent, and after."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._epoch = 0
        self._open = Transaction()

    async def start(self) -> None:
        await self.world.point("before a producer begins", may_be_away=True)
        self.world.epoch += 1
        self._epoch = self.world.epoch
        await self.world.point("after a producer has begun")

    async def begin_transaction(self) -> None:
        self._open = Transaction()

    async def send(self, topic: str, value: bytes | None, key: bytes, *, headers: list[tuple[str, bytes]]) -> "asyncio.Future[None]":
        await self.world.point("before a message")
        self._check()
        self.world.topics[topic].append(Message(Told(key, value, int(dict(headers)[POSITION])), self._open))
        await self.world.point("after a message")
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent.set_result(None)
        return sent

    async def commit_transaction(self) -> None:
        await self.world.point("before a transaction ends")
        self._check()
        self._open.committed = True
        await self.world.point("after a transaction has ended")

    def _check(self) -> None:
        if self._epoch != self.world.epoch:
            self.world.sometimes["a relay was fenced"] += 1
            raise ProducerFenced
