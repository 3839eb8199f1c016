"""How the cost grows with the size of one thing: an id with many links, a deal with many people. Twice as much is to cost twice as much.

python -m benchmarks.growth                     # embedded
python -m benchmarks.growth --case kiosk --sizes 3000,6000
python -m benchmarks.growth --distributed       # Kafka, PostgreSQL, a live worker, and all derived anew beside it
"""

import asyncio
import math
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from app.engine import Engine, now, opened
from app.generations import rebuilding
from app.reconciling import reconcile
from benchmarks.measuring import Failed, bench_folder
from journey.instants import DAY, HOUR, MINUTE, Instant, instant, iso, rfc3339
from schemas.incoming import Incoming
from streams.identities import all_held_back
from streams.ports import By

START: Instant = instant(rfc3339("2025-03-03T00:00:00Z"))
GROWS_MAX = 1.35
"""By more than this exponent of the size, nothing here may grow: 1 is linear, 2 is quadratic, and small sizes have their start in it."""


# --- what grows


def _touchpoint(type: str, subject: str, at: Instant, id: str, **data: Any) -> bytes:
    event = {"specversion": "1.0", "source": "urn:growth", "type": type, "subject": subject, "time": iso(at), "id": id, "data": data}
    return orjson.dumps(event)


def kiosk(size: int) -> Iterator[bytes]:
    """One device that `size` users log in at, each of whom has looked at a page before."""
    for n in range(size):
        at = START + n * MINUTE
        yield _touchpoint("page_view", f"user:{n}", at, f"view-{n}", url="https://shop.example/")
        yield _touchpoint("identified", "anon:kiosk", at + MINUTE // 2, f"login-{n}", other=f"user:{n}")


def call_centre(size: int) -> Iterator[bytes]:
    """One user that `size` devices are said to be."""
    for n in range(size):
        at = START + n * MINUTE
        yield _touchpoint("page_view", f"anon:{n}", at, f"view-{n}", url="https://shop.example/")
        yield _touchpoint("identified", f"anon:{n}", at + MINUTE // 2, f"call-{n}", other="user:agent")


def regular(size: int) -> Iterator[bytes]:
    """One person who logs in each time before looking at something."""
    for n in range(size):
        at = START + n * HOUR
        yield _touchpoint("identified", "anon:phone", at, f"login-{n}", other="user:regular")
        yield _touchpoint("page_view", "anon:phone", at + MINUTE, f"view-{n}", url="https://shop.example/")


PEOPLE = 200


def _deals(size: int, person: Callable[[int, int], str]) -> Iterator[bytes]:
    for n in range(size):
        at, deal = START + n * HOUR, f"deal:{n}"
        people = [{"person": person(n, nth), "primary": nth == 0} for nth in range(PEOPLE)]
        stated = {"deal": str(n), "amount": "1000.00", "currency": "EUR"}
        yield _touchpoint("deal_opened", deal, at, f"open-{n}", **stated, pipeline="new", stage="qualified", people=people)
        for day in range(1, 4):
            yield _touchpoint("deal_updated", deal, at + day * DAY, f"update-{n}-{day}", **stated, people=people)
        yield _touchpoint("close", deal, at + 5 * DAY, f"close-{n}", **stated, outcome="won")


def deals_of_others(size: int) -> Iterator[bytes]:
    """Deals of 200 people each, none of whom is in two."""
    return _deals(size, lambda deal, nth: f"user:{deal}-{nth}")


def deals_of_the_same(size: int) -> Iterator[bytes]:
    """Deals of the same 200 people, as they come: what a deal's close means is another thing for each of them."""
    return iter(sorted(_deals(size, lambda deal, nth: f"user:{nth}"), key=lambda line: orjson.loads(line)["time"]))


@dataclass(frozen=True, slots=True)
class Case:
    """Something that grows. In units of so many touchpoints, as live traffic comes, or of as many as there are."""

    lines: Callable[[int], Iterator[bytes]]
    sizes: tuple[int, ...]
    per_unit: int = 40_000


CASES = {
    "kiosk": Case(kiosk, (3_000, 6_000, 12_000, 50_000)),
    "kiosk, live": Case(kiosk, (1_500, 3_000, 6_000), per_unit=20),
    "call centre": Case(call_centre, (3_000, 6_000, 12_000, 50_000)),
    "call centre, live": Case(call_centre, (1_500, 3_000, 6_000), per_unit=20),
    "regular, live": Case(regular, (1_000, 2_000, 4_000), per_unit=20),
    "deals of 200": Case(deals_of_others, (75, 150, 300)),
    "deals of 200, live": Case(deals_of_others, (37, 75, 150), per_unit=20),
    "deals of the same 200": Case(deals_of_the_same, (75, 150, 300)),
    "deals of the same 200, live": Case(deals_of_the_same, (20, 40, 80), per_unit=20),
}


# --- what it costs


@dataclass(slots=True)
class Cost:
    """CPU seconds by what was done."""

    size: int
    seconds: dict[str, float] = field(default_factory=dict)


def exponent(costs: Sequence[Cost], what: str) -> float:
    """By which power of the size it grows, from the first to the last."""
    first, last = costs[0], costs[-1]
    return math.log(last.seconds[what] / first.seconds[what]) / math.log(last.size / first.size)


async def embedded(case: Case, size: int) -> Cost:
    """Everything that reads a hub's links, one after the other, in this process."""
    folder = bench_folder("growth") / "data"
    shutil.rmtree(folder, ignore_errors=True)
    cost = Cost(size)
    with opened(folder) as engine:
        await engine.start()
        lines = list(case.lines(size))
        with _timed(cost, "place"):
            for some in _batches(lines, case.per_unit):
                await engine.record.append([Incoming(line, "growth", "growth") for line in some], now())
                await engine.place()
        with _timed(cost, "follow"):
            await engine.follow()
        with _timed(cost, "rebuild"):
            definition = await engine.definition()
            by = By(now(), "growth", "to see what it costs")
            await engine.derive(definition, [rebuilding(await engine.record.generation(), definition, by)], lambda subjects: None)
        with _timed(cost, "held"):
            await all_held_back(definition.bounds, engine.record)
        with _timed(cost, "reconcile"):
            reconciled = await reconcile(engine, lambda definition: now(), lambda subjects: None)
        if reconciled.broken:
            raise Failed(f"{reconciled.broken} laws are broken: {reconciled.laws}")
    shutil.rmtree(folder)
    return cost


def _batches(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while some := list(islice(rest, size)):
        yield some


class _timed:
    """Adds the CPU seconds of the block to a cost."""

    def __init__(self, cost: Cost, what: str) -> None:
        self.cost, self.what = cost, what

    def __enter__(self) -> None:
        self.began = time.process_time()

    def __exit__(self, *error: object) -> None:
        self.cost.seconds[self.what] = time.process_time() - self.began


def table(title: str, costs: Sequence[Cost]) -> Table:
    made = Table(title=f"{title}: CPU seconds")
    made.add_column("size", justify="right")
    for what in costs[0].seconds:
        made.add_column(what, justify="right")
    for cost in costs:
        made.add_row(f"{cost.size:,}", *(f"{seconds:.2f}" for seconds in cost.seconds.values()))
    made.add_section()
    made.add_row("grows by the power", *(f"{exponent(costs, what):.2f}" if len(costs) > 1 else "" for what in costs[0].seconds))
    return made


def main(
    case: Annotated[list[str] | None, typer.Option(help="One of the cases; all without it.")] = None,
    sizes: Annotated[str, typer.Option(help="Instead of the case's own, such as 1000,2000.")] = "",
) -> None:
    out = Console(width=140)
    for name in case or CASES:
        one = CASES[name]
        costs = []
        for size in tuple(map(int, sizes.split(","))) if sizes else one.sizes:
            costs.append(asyncio.run(embedded(one, size)))
        out.print(table(name, costs))


if __name__ == "__main__":
    typer.run(main)
