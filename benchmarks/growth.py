"""How the cost grows with the size of one thing: an id with many links, a deal with many people. Twice as much is to cost twice as much.

python -m benchmarks.growth                     # embedded
python -m benchmarks.growth --case kiosk --sizes 3000,6000
python -m benchmarks.growth --distributed       # Kafka, PostgreSQL, a live worker, and all derived anew beside it

Another case is a function that makes its touchpoints, and a line in CASES.
"""

import asyncio
import gc
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.engine.clock import now
from app.engine.distributed import Distributed
from app.engine.embedded import opened
from app.engine.generations import rebuilding
from app.engine.reconciliation import reconcile
from benchmarks.compare import services
from benchmarks.load import publish
from benchmarks.measuring import SAID_CHARS_MAX, Failed, bench_folder, said_by, watched
from benchmarks.ours import POLL_SECONDS, WORKER, cpu_seconds, place, says, workers_of
from journey import identity, person_fold
from journey.definition import Bounds
from journey.instants import DAY, HOUR, MINUTE, Instant, instant, iso, rfc3339
from journey.touchpoints import Touchpoint
from schemas.definition_files import default_definition, dump_definition
from schemas.incoming import Incoming
from streams import placement, world
from streams.identities import all_held_back
from streams.kafka.log import KafkaLog
from streams.operators import By
from streams.sqlite import record

START: Instant = instant(rfc3339("2025-03-03T00:00:00Z"))
LIVE_SHARE = 0.1
"""Of the touchpoints, so many come while all is derived anew beside."""
LIVE_SECONDS = 0.05
SECONDS_MAX = 3_600


# --- what grows


def _touchpoint(type: str, subject: str, at: Instant, id: str, **data: Any) -> bytes:
    event = {"specversion": "1.0", "source": "urn:growth", "type": type, "subject": subject, "time": iso(at), "id": id, "data": data}
    return orjson.dumps(event)


def kiosk(size: int) -> Iterator[bytes]:
    """One device that `size` users log in at, each of whom has looked at a page before."""
    for n in range(size):
        at = START + n * MINUTE
        yield _touchpoint("page_view", f"user:u{n}", at, f"view-{n}", url="https://shop.example/")
        yield _touchpoint("identified", "anon:kiosk", at + MINUTE // 2, f"login-{n}", other=f"user:u{n}")


def device(size: int) -> Iterator[bytes]:
    """A browser whose cookie is renewed again and again, and that several users log in with."""
    for n in range(size // 3):
        at = START + n * MINUTE
        yield _touchpoint("page_view", f"anon:cookie-{n}", at, f"view-{n}", url="https://example.com/")
        yield _touchpoint("identified", f"anon:cookie-{n}", at + MINUTE // 3, f"renewed-{n}", other=f"anon:cookie-{n + 1}")
        yield _touchpoint("identified", f"anon:cookie-{n}", at + MINUTE // 2, f"login-{n}", other=f"user:{n % 15 + 1}")


def call_centre(size: int) -> Iterator[bytes]:
    """One user that `size` devices are said to be."""
    for n in range(size):
        at = START + n * MINUTE
        yield _touchpoint("page_view", f"anon:a{n}", at, f"view-{n}", url="https://shop.example/")
        yield _touchpoint("identified", f"anon:a{n}", at + MINUTE // 2, f"call-{n}", other="user:agent")


def regular(size: int) -> Iterator[bytes]:
    """One person who logs in each time before looking at something."""
    for n in range(size):
        at = START + n * HOUR
        yield _touchpoint("identified", "anon:phone", at, f"login-{n}", other="user:regular")
        yield _touchpoint("page_view", "anon:phone", at + MINUTE, f"view-{n}", url="https://shop.example/")


PEOPLE = 200
OPENING = {"pipeline": "new", "kind": "new", "owner": "ann", "expected_close_on": "2025-12-31"}


def _deals(size: int, person: Callable[[int, int], str]) -> Iterator[bytes]:
    for n in range(size):
        at, deal = START + n * HOUR, f"d{n}"
        people = [{"person": person(n, nth), "primary": nth == 0} for nth in range(PEOPLE)]
        stated = {"deal": deal, "amount": "1000.00", "currency": "EUR"}
        yield _touchpoint("deal_opened", f"deal:{deal}", at, f"open-{n}", **stated, **OPENING, stage="qualified", people=people)
        for day in range(1, 4):
            yield _touchpoint("deal_updated", f"deal:{deal}", at + day * DAY, f"update-{n}-{day}", **stated, people=people)
        yield _touchpoint("close", f"deal:{deal}", at + 5 * DAY, f"close-{n}", **stated, outcome="won")


def deals_of_others(size: int) -> Iterator[bytes]:
    """Deals of 200 people each, none of whom is in two."""
    return _deals(size, lambda deal, nth: f"user:{deal}-{nth}")


def deals_of_the_same(size: int) -> Iterator[bytes]:
    """Deals of the same 200 people, as they come: what a deal's close means is another thing for each of them."""
    made = map(orjson.loads, _deals(size, lambda deal, nth: f"user:person-{nth}"))
    return iter([orjson.dumps(one) for one in sorted(made, key=lambda one: (one["time"], one["id"]))])


CALL = {"deal": "1", "owner": "ann", "direction": "out", "outcome": "connected"}
AMOUNTS = 5
"""A deal's amount changes now and then, however often it is exported."""


def nightly(size: int) -> Iterator[bytes]:
    """One deal of five people, whose record is touched every day: each of `size` nightly exports states anew its opening, its stage, and
    a call of the day or, from the middle on, that it was won, dated back."""
    deal, people = "deal:1", [{"person": f"user:person-{nth}", "primary": nth == 0} for nth in range(5)]
    half = size // 2
    won_at = START + half * DAY - HOUR
    for night in range(size):
        modified, is_won = START + night * DAY, night >= half
        amount = 1_000 + min(night, half) * (AMOUNTS - 1) // half
        stated = {"deal": "1", "amount": f"{amount}.00", "currency": "EUR", "people": people}
        stage = {"stage": "won", "stage_outcome": "won"} if is_won else {"stage": "proposal", "stage_outcome": "open"}
        yield _touchpoint("deal_opened", deal, START - DAY, f"1-opened-{iso(modified)}", **OPENING, **stated)
        yield _touchpoint("deal_updated", deal, modified, f"1-{iso(modified)}", **stated, **stage)
        if is_won:
            stated.pop("people")
            yield _touchpoint("close", deal, won_at, f"1-closed-{iso(modified)}", **stated, outcome="won", stated_at=iso(modified))
        else:
            yield _touchpoint("call", "user:person-1", modified - HOUR, f"call-{night}", **CALL)


@dataclass(frozen=True, slots=True)
class Case:
    """Something that grows. In units of so many touchpoints, as live traffic comes, or of as many as there are."""

    lines: Callable[[int], Iterator[bytes]]
    sizes: tuple[int, ...]
    per_unit: int = 40_000


CASES = {
    "kiosk": Case(kiosk, (3_000, 6_000, 12_000, 50_000)),
    "a device of many users": Case(device, (3_000, 6_000, 12_000)),
    "kiosk, live": Case(kiosk, (1_500, 3_000, 6_000), per_unit=20),
    "call centre": Case(call_centre, (3_000, 6_000, 12_000, 50_000)),
    "call centre, live": Case(call_centre, (1_500, 3_000, 6_000), per_unit=20),
    "regular, live": Case(regular, (1_000, 2_000, 4_000), per_unit=20),
    "deals of 200": Case(deals_of_others, (75, 150, 300)),
    "deals of 200, live": Case(deals_of_others, (37, 75, 150), per_unit=20),
    "deals of the same 200": Case(deals_of_the_same, (75, 150, 300)),
    "deals of the same 200, live": Case(deals_of_the_same, (20, 40, 80), per_unit=20),
    "a deal exported nightly": Case(nightly, (90, 180, 365), per_unit=3),
}


# --- what it costs


@dataclass(slots=True)
class Work:
    """What was done, counted: the same on any machine, however busy it is."""

    bodies: int = 0
    """Read from the record."""
    folded: int = 0
    """Touchpoints folded into somebody's journey."""
    partners: int = 0
    """Counted, to see who is held."""
    kept: int = 0
    """Bytes of journeys."""

    @property
    def all(self) -> int:
        return self.bodies + self.folded + self.partners


@dataclass(slots=True)
class Cost:
    """By what was done: CPU seconds, and the work that was counted."""

    size: int
    seconds: dict[str, float] = field(default_factory=dict)
    work: dict[str, Work] = field(default_factory=dict)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        began = time.process_time()
        with counted() as work:
            yield
        self.seconds[what] = time.process_time() - began
        self.work[what] = work


@contextmanager
def counted() -> Iterator[Work]:
    """Counts what is done in the block, from outside."""
    work = Work()
    read, fold, held, dump = record.touchpoint_of, person_fold._Fold.fold, identity.held, placement.dump

    def reading(body: bytes, occurred_at: Instant) -> Touchpoint:
        work.bodies += 1
        return read(body, occurred_at)

    def folding(self: Any, touch: Touchpoint) -> None:
        work.folded += 1
        fold(self, touch)

    def holding(id: str, partners: Collection[str], bounds: Bounds) -> bool:
        work.partners += len(partners)
        return held(id, partners, bounds)

    def dumping(journey: Any) -> bytes:
        kept = dump(journey)
        work.kept += len(kept)
        return kept

    with ExitStack() as stack:
        for owner, name, counting in (
            (record, "touchpoint_of", reading),
            (person_fold._Fold, "fold", folding),
            (identity, "held", holding),
            (world, "held", holding),
            (placement, "dump", dumping),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, counting)
        yield work


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """By which power of the size the cost grows, from the first to the last."""
    return math.log(max(costs[-1], 1e-9) / max(costs[0], 1e-9)) / math.log(sizes[-1] / sizes[0])


async def embedded(case: Case, size: int) -> Cost:
    """Everything that reads links and deals, one after the other, in this process."""
    folder = bench_folder("growth") / f"data-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    cost = Cost(size)
    with opened(folder) as engine:
        await engine.start()
        lines = list(case.lines(size))
        with cost.of("place"):
            for some in _batches(lines, case.per_unit):
                await engine.record.append([Incoming(line, "growth", "growth") for line in some], now())
                await engine.place()
        with cost.of("follow"):
            await engine.follow()
        with cost.of("rebuild"):
            definition = await engine.definition()
            by = By(now(), "growth", "to see what it costs")
            await engine.derive(definition, [rebuilding(await engine.record.generation(), definition, by)], lambda subjects: None)
        with cost.of("held"):
            await all_held_back(definition, engine.record)
        with cost.of("reconcile"):
            reconciled = await reconcile(engine, lambda definition: now(), lambda subjects: None)
        if codes := await engine.desk.codes():
            raise Failed(f"not all of it can be read: {dict(codes)}")
        if reconciled.broken:
            raise Failed(f"{reconciled.broken} laws are broken: {reconciled.laws}")
    shutil.rmtree(folder)
    return cost


def _batches(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while some := list(islice(rest, size)):
        yield some


# --- the same beside a live worker


async def distributed(kafka: str, postgres: str, case: Case, size: int) -> Cost:
    """Placed by a live worker, from Kafka; and while more comes, all derived anew, and another definition used. Then every law holds."""
    cost, name = Cost(size), f"growth-{time.time_ns()}"
    lines = list(case.lines(size))
    first = int(len(lines) * (1 - LIVE_SHARE))
    await publish(kafka, name, iter(lines[:first]))
    async with place(kafka, postgres, name, name) as (engine, settings):
        env = {
            "JOURNEY_KAFKA": kafka,
            "JOURNEY_POSTGRES": settings.postgres or "",
            "JOURNEY_PREFIX": settings.prefix,
            "JOURNEY_TOUCHPOINTS": name,
        }
        with workers_of(settings, {"worker": WORKER}) as workers:
            worker = workers["worker"]
            await says(worker, b"at work")
            await _placed(engine, first, worker)
            cost.seconds["place"] = cpu_seconds(worker.pid)
            other = default_definition().model_copy(update={"bounds": Bounds(partners_max=30)})
            file = bench_folder("growth") / f"{name}.yaml"
            file.write_text(dump_definition(other), encoding="utf-8")
            rest = iter(lines[first:])
            half = (len(lines) - first) // 2
            for what, command in (("rebuild all", ("rebuild", "all")), ("definition use", ("definition", "use", str(file)))):
                with watched() as use:
                    some = list(islice(rest, half))
                    await asyncio.gather(_trickle(engine, some), asyncio.to_thread(_command, env, *command))
                cost.seconds[what] = use.peer
            await _trickle(engine, list(rest))
            await _placed(engine, len(lines), worker)
            cost.seconds["worker in all"] = cpu_seconds(worker.pid)
            with watched() as use:
                await asyncio.to_thread(_command, env, "reconcile")
            cost.seconds["reconcile"] = use.peer
            file.unlink()
    return cost


async def _trickle(engine: Distributed, lines: Sequence[bytes]) -> None:
    """As live traffic comes: a few at a time."""
    async with KafkaLog(engine.kafka) as log:
        for some in _batches(lines, 10):
            await log.append([Incoming(line, "growth", "growth") for line in some], now())
            await asyncio.sleep(LIVE_SECONDS)


async def _placed(engine: Distributed, touchpoints: int, worker: "subprocess.Popen[bytes]") -> None:
    """Wait until both read models have so many."""
    until = time.monotonic() + SECONDS_MAX
    while sum(offset + 1 for offset in (await engine.record.offsets()).values()) < touchpoints:
        if worker.poll() is not None:
            assert worker.stderr is not None
            raise Failed(f"the worker ended before all was placed: {worker.stderr.read().decode()[-SAID_CHARS_MAX:]}")
        if time.monotonic() > until:
            raise Failed(f"not all was placed within {SECONDS_MAX} s")
        await asyncio.sleep(POLL_SECONDS)
    position = await engine.record.position()
    while min(await engine.marketing.position(), await engine.sales.position()) < position:
        await asyncio.sleep(POLL_SECONDS)


def _command(env: dict[str, str], *arguments: str) -> None:
    said_by([sys.executable, "-m", "app", *arguments], seconds_max=SECONDS_MAX, env=env)


@contextmanager
def _servers() -> Iterator[tuple[str, str]]:
    with services(postgres=True) as (kafka, postgres, _):
        yield kafka, postgres


# --- what is shown


def table(title: str, costs: Sequence[Cost]) -> Table:
    """CPU seconds by size, and how they grow; below, how the work grows that was counted."""
    made = Table(title=f"{title}: CPU seconds")
    made.add_column("size", justify="right")
    for what in costs[0].seconds:
        made.add_column(what, justify="right")
    for cost in costs:
        made.add_row(f"{cost.size:,}", *(f"{seconds:.2f}" for seconds in cost.seconds.values()))
    if len(costs) > 1:
        sizes = [cost.size for cost in costs]
        made.add_section()
        made.add_row("grows by the power", *(f"{exponent(sizes, [cost.seconds[what] for cost in costs]):.2f}" for what in costs[0].seconds))
        if costs[0].work:
            work = [f"{exponent(sizes, [cost.work[what].all for cost in costs]):.2f}" for what in costs[0].work]
            made.add_row("the work counted, by", *work)
    return made


def main(
    case: Annotated[list[str] | None, typer.Option(help="One of the cases; all without it.")] = None,
    sizes: Annotated[str, typer.Option(help="Instead of the case's own, such as 1000,2000.")] = "",
    on_servers: Annotated[bool, typer.Option("--distributed", help="With Kafka, PostgreSQL and a live worker.")] = False,
) -> None:
    out = Console(width=140)
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)  # as the command does
    with _servers() if on_servers else nullcontext() as servers:
        for name in case or CASES:
            one = CASES[name]
            of_each = map(int, sizes.split(",")) if sizes else one.sizes
            costs = [asyncio.run(distributed(*servers, one, size) if servers else embedded(one, size)) for size in of_each]
            out.print(table(name, costs))


if __name__ == "__main__":
    typer.run(main)
