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
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from app.distributed import until_there
from app.generations import bring_up_to_date, derive, follow, in_use, using
from app.worker import keep_doing
from journey.definition import Definition
from journey.facts import Outlook, StageEntered
from journey.instants import DAY, HOUR, iso
from projections.canonical import digest
from projections.marketing import marketing
from projections.sales import sales
from projections.sqlite_store import SqliteReadStore
from schemas.decode import Unreadable, decode
from streams import scheduler
from streams.kafka.relay import Relay
from streams.kafka.settings import KafkaSettings
from streams.placement import Placement
from streams.ports import By, Recorded
from streams.pump import Pump
from streams.sqlite.desk import SqliteDesk
from tests.faults.simulated import (
    PARTITIONS,
    PROCESS,
    Announcements,
    Crashed,
    Life,
    Placed,
    Producer,
    SharedRecord,
    Source,
    VirtualLoop,
    World,
)
from tests.streams import brute_force
from tests.streams.builders import LATER, START, deal_opened, definition, incoming, link, quick_bench, retraction, sent, unlink

TIGHT = definition(partners_max=2, ids_max=4, evidence_max=3)
"""Bounds that a handful of ids crosses."""

RESTLESS = TIGHT.model_copy(
    update={"handoff": TIGHT.handoff.model_copy(update={"limit": HOUR, "expire_after": 20 * DAY, "business_time": False})}
)
"""More that happens only because time passes."""
WORKERS = ("w1", "w2", "w3")
MODELS = (marketing, sales)
SETTINGS = KafkaSettings("simulated", prefix="sim")
END = START + 1_000 * DAY
"""Up to when deadlines are announced in the end."""
POLL_SECONDS, SCHEDULE_SECONDS = 0.5, 5.0
QUIET_SECONDS_MAX = 1_000.0
LOOKED_AT_MAX = 12
"""Positions of a run at which what was seen is compared with the independent fold; the last one is among them."""

PEOPLE = ("user:1", "user:2", "user:3", "anon:a", "anon:b", "anon:c")
DEALS = ("1", "2")


class Ran(NamedTuple):
    seed: int
    lines: int
    positions: int
    passed: Counter[str]
    crashed: Counter[str]
    sometimes: Counter[str]
    trace: str


# --- what is published


def touchpoints(chance: random.Random) -> list[bytes]:
    """Some people, deals and campaigns; links, retractions, conflicts; some lines twice, some that can't be read."""
    lines: list[bytes] = []
    for _ in range(chance.randrange(15, 45)):
        lines.append(_line(chance, lines))
    if chance.random() < 0.5:
        lines.sort(key=lambda line: line[line.find(b'"time"') :])
    lines += chance.sample(lines, len(lines) // 4)
    lines.insert(chance.randrange(len(lines)), b"{not a touchpoint")
    return lines


def _line(chance: random.Random, before: Sequence[bytes]) -> bytes:
    when = START + chance.randrange(0, 120) * DAY + chance.choice((0, 0, chance.randrange(DAY)))
    id = f"e{chance.randrange(40)}"
    one, other = chance.sample(PEOPLE, 2)
    deal = chance.choice(DEALS)
    match chance.choices(
        ("seen", "lead", "link", "unlink", "deal", "close", "spend", "taken back", "other body"), (9, 5, 4, 1, 3, 2, 1, 2, 2)
    )[0]:
        case "seen":
            return sent(chance.choice(("page_view", "content_view", "demo", "call")), one, when, id=id)
        case "lead":
            of_lead = chance.choice(("form_submitted", "lead_created", "lead_assigned", "lead_accepted", "lead_qualified", "order_placed"))
            return sent(of_lead, one, when, id=id)
        case "link":
            return link(one, other, when, id=id)
        case "unlink":
            return unlink(one, other, when, id=id)
        case "deal":
            return deal_opened(deal, when, *chance.sample(PEOPLE, chance.randrange(3)), id=id)
        case "close":
            return sent("close", f"deal:{deal}", when, id=id, outcome=chance.choice(("won", "lost")), reason="price")
        case "spend":
            return sent("spend_recorded", "campaign:spring", when, id=id, campaign="spring")
        case "taken back" if before:
            return retraction(chance.choice(before), when, id=id)
        case _ if before:
            earlier = orjson.loads(chance.choice(before))
            return orjson.dumps(earlier | {"time": iso(when)})
        case _:
            return sent("page_view", one, when, id=id)


async def publish(world: World, lines: Sequence[bytes]) -> None:
    rest = list(lines)
    while rest:
        for line in rest[: world.chance.choice((1, 3, 12))]:
            key = line.split(b'"subject":"')[-1].split(b'"')[0]
            at = zlib.crc32(key) % PARTITIONS if world.chance.random() < 0.8 else world.chance.randrange(PARTITIONS)
            partition = world.log[at]
            partition.append(Recorded(at, len(partition), LATER, incoming(line, len(partition))))
            rest.pop(0)
        await asyncio.sleep(world.chance.choice((0, 0, world.chance.uniform(0, 5))))


# --- processes


class Engine:
    """What a process needs of the record and the read models; see `app.distributed.Distributed`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.record = SharedRecord(world)
        self.desk = SqliteDesk(self.record.db)
        self.stores = [SqliteReadStore(model, world.folder / f"{model.name}.db") for model in MODELS]
        for store in self.stores:
            store.db.execute("PRAGMA synchronous = OFF")

    @asynccontextmanager
    async def alone(self, name: str):  # type: ignore[no-untyped-def]  # see `app.generations.Engine`
        await self.world.point(f"before being the one for {name}", may_be_away=True)
        async with self.world.locks[name]:
            yield

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


def nothing(text: str) -> None: ...


async def worker(world: World, name: str, engine: Engine) -> list[Coroutine[Any, Any, Any]]:
    """The parts of a worker, as `app.worker` puts them together."""
    await until_there(lambda: bring_up_to_date(engine, LATER, nothing), nothing)
    source = Source(world, name, engine.record)
    pump = Pump(source, Placement(await until_there(lambda: in_use(engine), nothing), engine.record), lambda: in_use(engine), nothing)  # type: ignore[arg-type]
    announcements = Announcements(SharedRecord(world))
    relay = Relay(SETTINGS, engine.record, announcements, Producer(world))  # type: ignore[arg-type]
    parts = [pump.fetch(), pump.place(), keep_doing(engine, "relay", relay.step, POLL_SECONDS, nothing)]
    strike = partial(scheduler.announce, announcements)
    parts.append(keep_doing(engine, "scheduler", lambda: strike(world.now()), SCHEDULE_SECONDS, nothing))
    return parts + [_following(engine, store) for store in engine.stores]


def _following(engine: Engine, store: SqliteReadStore) -> Coroutine[Any, Any, Any]:
    async def step() -> int:
        before = await store.position()
        return await follow(engine, store, nothing) - before

    return keep_doing(engine, store.model.name, step, POLL_SECONDS, nothing)


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
            return [until_there(lambda: _use(engine, other), nothing)]

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


# --- what is checked


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

    def check(self, definitions: dict[str, Definition], most: int) -> brute_force.Told:
        """Compare with what the independent fold says of what was placed at that position. Returns what it says of the last one."""
        positions = sorted({position for _, position in self.digests if position})
        for position in [*self.world.chance.sample(positions[:-1], min(most - 1, len(positions) - 1)), positions[-1]]:
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
            expected[fact.person, fact.stage, fact.left, iso(fact.at), fact.nth] += count
        elif isinstance(fact, Outlook):
            for one in fact.strikes:
                if one.cycle == 0 and mark is not None and one.at <= mark:
                    expected[fact.person, one.name, one.left, iso(one.at), one.nth] += count
    messages = world.topics["sim.transitions"]
    transitions = [orjson.loads(value) for value in dict.fromkeys(value for value, _ in messages) if value is not None]
    world.sometimes["something was told twice"] += len(messages) > len(transitions)
    since = max((one["since"] for one in transitions), default=0)
    summed: Counter[tuple[Any, ...]] = Counter()
    for one in transitions:
        if one["since"] == since:
            summed[one["person"], one["stage"], one["left"], one["at"], one["nth"]] += one["count"]
    assert {key: count for key, count in summed.items() if count} == dict(expected), "transitions do not add up to the stage entries"
    last: dict[str, tuple[str, int, str]] = {}
    for person, stage, _, at, nth in expected:
        last[person] = max(last.get(person, ("", -1, "")), (at, nth, stage))
    stages = {key.decode(): orjson.loads(value) for value, key in world.topics["sim.stages"] if value is not None}
    for value, key in world.topics["sim.stages"]:
        if value is None:
            stages.pop(key.decode(), None)
        else:
            stages[key.decode()] = orjson.loads(value)
    assert {person: one["stage"] for person, one in stages.items()} == {person: stage for person, (_, _, stage) in last.items()}, "stages"


# --- a run


async def run(seed: int, folder: Path, looked_at_max: int) -> Ran:
    chance = random.Random(seed)
    world = World(
        chance,
        folder,
        crash_share=chance.choice((0.0, 0.005, 0.02)),
        freeze_share=chance.choice((0.0, 0.002)),
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
    assert {position for _, position in list(seen.digests)[-2:]} == {last} or all((model.name, last) in seen.digests for model in MODELS)
    told = seen.check(definitions, looked_at_max)
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


def simulate(seed: int, looked_at_max: int = LOOKED_AT_MAX) -> Ran:
    """Raises what goes wrong."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="journey-simulated-", dir=place) as folder:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(run(seed, Path(folder), looked_at_max))


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
