"""Workers, an operator and a log, simulated: the production code of pump, placement, relay, scheduler, read stores and rebuilds, in virtual
time, with all that may go wrong between any two of its steps. A seed gives the same run each time, to the last step.

`python -m tests.faults.simulator --seeds 200` tries many, and `--seed N` one of them again.

Checked at every step: both read models, whenever anybody looks, hold what an independent fold says of exactly the touchpoints that their
position has placed. In the end: nothing is left, transitions add up to the stage entries, and who is at which stage is what they say.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from app.engine.distributed import until_there
from app.engine.generations import bring_up_to_date, derive, follow, in_use, using
from app.engine.worker import doing, keep_doing
from journey.definition import Definition
from journey.instants import DAY, HOUR
from projections.stores.sqlite import SqliteReadStore
from streams import scheduler
from streams import world as histories
from streams.kafka.relay import Relay
from streams.kafka.settings import KafkaSettings
from streams.operators import By
from streams.placement import Placement
from streams.pump import Pump
from streams.remarks import nobody
from streams.sqlite.desk import SqliteDesk
from tests.faults.simulated import (
    HELD,
    PARTITIONS,
    PROCESS,
    Announcements,
    Crashed,
    Held,
    Life,
    SharedRecord,
    VirtualLoop,
    World,
)
from tests.faults.simulated_checks import MODELS, Seen, check_told
from tests.faults.simulated_feed import publish, touchpoints
from tests.faults.simulated_kafka import Producer, Source
from tests.streams.builders import LATER, START, definition, quick_bench

TIGHT = definition(partners_max=2, ids_max=4, evidence_max=3)
"""Bounds that a handful of ids crosses."""

RESTLESS = TIGHT.model_copy(
    update={"handoff": TIGHT.handoff.model_copy(update={"limit": HOUR, "expire_after": 20 * DAY, "business_time": False})}
)
"""More that happens only because time passes."""

WORKERS = ("w1", "w2", "w3")
SETTINGS = KafkaSettings("simulated", prefix="sim")
END = START + 1_000 * DAY
"""Up to when deadlines are announced in the end."""
POLL_SECONDS, SCHEDULE_SECONDS, ALONE_SECONDS = 0.5, 5.0, 1.5
LOST_BY_THE_FROZEN = ("relay", "scheduler")
"""What is guarded in this world as in the real one: read stores are the embedded ones, which only one process opens."""
QUIET_SECONDS_MAX = 1_000.0


class Ran(NamedTuple):
    seed: int
    lines: int
    positions: int
    passed: Counter[str]
    crashed: Counter[str]
    sometimes: Counter[str]
    trace: str


# --- processes


class Engine:
    """What a process needs of the record and the read models; see `app.engine.distributed.Distributed`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.record = SharedRecord(world)
        self.desk = SqliteDesk(self.record.db)
        self.stores = [SqliteReadStore(model, world.folder / f"{model.name}.db") for model in MODELS]
        for store in self.stores:
            store.db.execute("PRAGMA synchronous = OFF")

    @asynccontextmanager
    async def alone(self, name: str):  # type: ignore[no-untyped-def]  # see `app.engine.ports.RecordKeeper`
        world = self.world
        await world.point(f"before being the one for {name}", may_be_away=True)
        ours = Held()
        while (other := world.held.get(name)) is not None and not (other.frozen and name in LOST_BY_THE_FROZEN):
            await asyncio.sleep(ALONE_SECONDS)
        if other is not None:
            world.sometimes[f"the {name} was frozen, and another took over"] += 1
            other.lost = True
        world.held[name] = ours
        token = HELD.set(ours)
        try:
            yield
        finally:
            HELD.reset(token)
            if world.held.get(name) is ours:
                del world.held[name]

    def close(self) -> None:
        for one in (self.record, *self.stores):
            one.close()


async def live(
    world: World, name: str, work: Callable[[Engine], Awaitable[list[Coroutine[Any, Any, Any]]]], *, mortal: bool = True
) -> bool:
    """Let a process work until its work is done (True), or it crashes. What else goes wrong is raised."""
    life = Life(name, mortal)
    token = PROCESS.set(life)
    engine = Engine(world)
    tasks: list[asyncio.Task[Any]] = []
    try:
        tasks = [asyncio.create_task(one) for one in await work(engine)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    except Crashed:
        world.sometimes["a process crashed"] += 1
        return False
    finally:
        life.dead = True
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        engine.close()
        PROCESS.reset(token)
    return True


async def worker(world: World, name: str, engine: Engine) -> list[Coroutine[Any, Any, Any]]:
    """The parts of a worker, as `app.engine.worker` puts them together."""
    await until_there(lambda: bring_up_to_date(engine, LATER, nobody), nobody)
    source = Source(world, name, engine.record)
    placement = Placement(await until_there(lambda: in_use(engine), nobody), engine.record)
    pump = Pump(source, placement, lambda: in_use(engine), lambda part: nobody)  # type: ignore[arg-type]
    announcements = Announcements(SharedRecord(world))

    @asynccontextmanager
    async def telling() -> AsyncIterator[Callable[[], Awaitable[int]]]:
        producer = Producer(world)
        await producer.start()
        yield Relay(SETTINGS, engine.record, announcements, producer).step

    parts = [pump.fetch(), pump.place(), keep_doing(engine, "relay", telling, POLL_SECONDS, nobody)]
    strike = partial(scheduler.announce, announcements)
    parts.append(keep_doing(engine, "scheduler", doing(lambda: strike(world.now())), SCHEDULE_SECONDS, nobody))
    return parts + [_following(engine, store) for store in engine.stores]


def _following(engine: Engine, store: SqliteReadStore) -> Coroutine[Any, Any, Any]:
    async def step() -> int:
        before = await store.position()
        return await follow(engine, store, nobody) - before

    return keep_doing(engine, store.model.name, doing(step), POLL_SECONDS, nobody)


async def supervised(world: World, name: str) -> None:
    """A worker that is started again whenever it has crashed."""
    while True:
        await live(world, name, partial(worker, world, name))
        await asyncio.sleep(world.chance.uniform(0.5, 8))


async def operate(world: World, definitions: dict[str, Definition]) -> None:
    """Somebody uses another definition, or derives everything anew by the same one, now and then."""
    for _ in range(world.chance.randrange(4)):
        await asyncio.sleep(world.chance.uniform(2, 20))
        other = world.chance.choice(list(definitions.values()))

        async def work(engine: Engine, other: Definition = other) -> list[Coroutine[Any, Any, Any]]:
            return [until_there(lambda: _use(engine, other), nobody)]

        if not await live(world, "operator", work):
            world.sometimes["who derived all anew crashed"] += 1


async def _use(engine: Engine, other: Definition) -> None:
    await derive(engine, other, [using(other, "file", None, By(LATER, "somebody", "why not"))], LATER, lambda subjects: None)


async def rebalance(world: World) -> None:
    while True:
        assign(world)
        await asyncio.sleep(world.chance.uniform(2, 20))


def assign(world: World) -> None:
    members = world.chance.sample(WORKERS, world.chance.randrange(1, len(WORKERS) + 1))
    world.owners = {partition: world.chance.choice(members) for partition in range(PARTITIONS)}
    world.sometimes["a rebalance"] += 1


# --- a run


async def run(seed: int, folder: Path) -> Ran:
    chance = random.Random(seed)
    # What links come to is kept of the shortest histories, so that it is read, raced and lost here.
    histories.NEAR_FROM = 3
    world = World(
        chance,
        folder,
        crash_share=chance.choice((0.0, 0.005, 0.02)),
        freeze_share=chance.choice((0.0, 0.002, 0.01)),
        away_share=chance.choice((0.0, 0.005, 0.03)),
        slow_share=chance.choice((0.05, 0.2, 0.5)),
    )
    definitions = {one.fingerprint: one for one in (TIGHT, RESTLESS)}
    quick_bench(folder, TIGHT).close()
    first = chance.choice([TIGHT, RESTLESS])
    world.trouble = False

    async def begin(engine: Engine) -> list[Coroutine[Any, Any, Any]]:
        return [_use(engine, first)]

    assert await live(world, "first", begin, mortal=False)
    world.trouble = True
    lines = touchpoints(chance)
    seen = Seen(world)
    assign(world)
    going = [asyncio.create_task(supervised(world, name)) for name in WORKERS]
    going += [asyncio.create_task(one) for one in (rebalance(world), seen.keep_looking())]
    doing = [asyncio.create_task(one) for one in (publish(world, lines), operate(world, definitions))]
    try:
        while not all(one.done() for one in doing):
            _raise(going + doing)
            await asyncio.sleep(1)
        # All is published and nobody decides anything any more: trouble ends, and all has to come to its end.
        world.trouble = False
        assign(world)
        deadline = asyncio.get_running_loop().time() + QUIET_SECONDS_MAX
        while not await _quiet(world):
            _raise(going)
            assert asyncio.get_running_loop().time() < deadline, f"it does not come to its end: {world.placed and max(world.placed)}"
            await asyncio.sleep(1)
        await seen.look()
    finally:
        for task in [*going, *doing]:
            task.cancel()
        await asyncio.wait([*going, *doing])
    last = max(world.placed)
    assert all((model.name, last) in seen.digests for model in MODELS)
    told = seen.check(definitions)
    check_told(world, told)
    return Ran(seed, len(lines), last, world.passed, world.crashed, world.sometimes, world.trace.hexdigest()[:16])


def _raise(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _quiet(world: World) -> bool:
    last = max(world.placed)
    if any(len(records) - 1 > world.placed[last].offsets.get(one, -1) for one, records in enumerate(world.log)):
        return False
    if world.published < last or world.now() < END:
        return False
    for model in MODELS:
        store = SqliteReadStore(model, world.folder / f"{model.name}.db", read_only=True)
        try:
            if await store.position() < last:
                return False
        finally:
            store.close()
    return True


def simulate(seed: int) -> Ran:
    """Raises what goes wrong."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="journey-simulated-", dir=place) as folder:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(run(seed, Path(folder)))


def main() -> int:
    options = argparse.ArgumentParser(description="Simulate the distributed runtime, with all that may go wrong.")
    options.add_argument("--seed", type=int, help="this one only")
    options.add_argument("--seeds", type=int, default=100, help="how many")
    options.add_argument("--first", type=int, default=0, help="the first of them")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets is a chance as well, and has to be the same each time.
        os.execve(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]], os.environ | {"PYTHONHASHSEED": "0"})
    passed, crashed, sometimes = Counter[str](), Counter[str](), Counter[str]()
    lines = positions = 0
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.seeds)
    traces = []
    for seed in seeds:
        try:
            ran = simulate(seed)
        except BaseException:
            sys.stderr.write(f"seed {seed} failed; again: python -m tests.faults.simulator --seed {seed}\n")
            raise
        passed += ran.passed
        crashed += ran.crashed
        sometimes += ran.sometimes
        lines += ran.lines
        positions += ran.positions
        traces.append(ran.trace)
    report = {
        "seeds": len(seeds),
        "records": lines,
        "units": positions,
        "points": len(passed),
        "points_crashed_at": len(crashed),
        "crashes": sum(crashed.values()),
        "sometimes": dict(sorted(sometimes.items())),
        "crashed": dict(sorted(crashed.items())),
        "never_crashed_at": sorted(passed.keys() - crashed.keys()),
        "traces": traces,
    }
    if not asked.json:
        del report["traces"]
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
