"""One digest, whatever the runtime and whatever happens: `examples/one-digest-distributed.sh`.

The same simulated touchpoints embedded; through Kafka and PostgreSQL with two workers, in order; and once more shuffled and each twice,
with workers killed by -9 and others joining and leaving while they flow. Exits 1 where the digests differ, or anything was lost or doubled.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import asyncpg

from tests.app.command import journey
from tests.e2e.workers import Place, placed, wait_for
from tests.services.databases import fresh_database
from tests.services.kafka import fresh_topics
from tests.services.processes import NoService
from tests.services.sharing import own, session

KILLS, REBALANCES = 10, 5
CUSTOMERS = 5_300
"""They leave 100,000 touchpoints in half a year."""
DONE_SECONDS_MAX = 900.0

Digest = dict[str, Any]


class Trouble(NamedTuple):
    kills: int
    rebalances: int
    behind: int
    """How many of the kills hit while records were waiting to be placed."""


async def through_trouble(place: Place, lines: Sequence[bytes], seed: int = 3) -> Trouble:
    """Publish `lines` in pieces while two workers are killed with -9 and come back, and a third joins and leaves."""
    chance = random.Random(seed)
    for name in ("w1", "w2"):
        place.start(name)
    for name in ("w1", "w2"):
        place.at_work(name)
    troubles = ["kill"] * KILLS + ["rebalance"] * REBALANCES
    chance.shuffle(troubles)
    size = len(lines) // len(troubles) + 1
    published = behind = 0
    for number, trouble in enumerate(troubles):
        some = list(lines[number * size : (number + 1) * size])
        await place.publish(some)
        published += len(some)
        if trouble == "kill":
            name = chance.choice(["w1", "w2"])
            behind += await _placed(place) < published
            place.kill(name)
            place.start(name)
            place.at_work(name)
        elif "w3" in place.workers:
            assert place.kill("w3", signal.SIGTERM) == 0
        else:
            place.start("w3")
            place.at_work("w3")
    return Trouble(KILLS, REBALANCES, behind)


async def _placed(place: Place) -> int:
    """Records that the record has placed."""
    return int(await _asked(place, 'SELECT COALESCE(SUM("offset" + 1), 0) FROM journey.offsets'))


async def accepted(place: Place) -> int:
    """Touchpoints that the record holds, by its own count."""
    return int(await _asked(place, "SELECT COALESCE(SUM(accepted), 0) FROM journey.units"))


async def _asked(place: Place, question: str) -> Any:
    db = await asyncpg.connect(place.postgres)
    try:
        return await db.fetchval(question)
    finally:
        await db.close()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=CUSTOMERS)
    customers = options.parse_args().customers
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="journey-one-digest-")))
        try:
            kafka, postgres = stack.enter_context(_servers())
        except NoService as reason:
            _say(str(reason))
            return 1
        world = ("simulate", "--customers", str(customers), "--seed", "7")
        lines = journey(*world, cwd=folder).raw.splitlines()
        doubled = journey(*world, "--duplicates", "100%", "--shuffled", cwd=folder).raw.splitlines()
        (folder / "feed.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        wanted, taken_in = _embedded(folder)
        runs = [("Kafka and PostgreSQL, in order", lines, False), ("shuffled and doubled, through trouble", doubled, True)]
        equal = [_distributed(kafka, postgres, folder / str(nth), *run, wanted, taken_in) for nth, run in enumerate(runs)]
    _say("all digests are equal; lost 0, doubled 0" if all(equal) else "NOT as promised")
    return 0 if all(equal) else 1


def _embedded(folder: Path) -> tuple[Digest, int]:
    began = time.monotonic()
    summary = journey("ingest", "feed.jsonl", "--data", "embedded", "--json", cwd=folder).json
    found = journey("digest", "--json", "--data", "embedded", cwd=folder).json
    _told("embedded", summary["read"], found, time.monotonic() - began)
    return {model: found[model] for model in ("marketing", "sales")}, summary["accepted"]


def _distributed(
    kafka: str, postgres: str, folder: Path, name: str, lines: Sequence[bytes], trouble: bool, wanted: Digest, taken_in: int
) -> bool:
    """Whether it came to `wanted`, and holds what was taken in once each."""
    folder.mkdir()
    began = time.monotonic()
    with fresh_database(postgres) as database, fresh_topics(kafka) as prefix, placed(kafka, database, prefix, folder) as place:
        if trouble:
            met = asyncio.run(through_trouble(place, lines))
        else:
            place.start("w1")
            place.start("w2")
            asyncio.run(_published(place, lines))
            met = Trouble(0, 0, 0)
        said = lambda: "".join(place.said(worker)[-2_000:] for worker in place.starts)  # noqa: E731
        wait_for(lambda: asyncio.run(_placed(place)) >= len(lines), "all to be placed", said, DONE_SECONDS_MAX)
        found = place.digest()
        held = asyncio.run(accepted(place))
    _told(name, len(lines), found, time.monotonic() - began)
    _say(
        f"    {met.kills} kills -9 ({met.behind} while records were waiting), {met.rebalances} rebalances;"
        f" lost {max(0, taken_in - held)}, doubled {max(0, held - taken_in)}"
    )
    return found == wanted and held == taken_in


async def _published(place: Place, lines: Sequence[bytes]) -> None:
    place.at_work("w1")
    place.at_work("w2")
    await place.publish(list(lines))


@contextmanager
def _servers() -> Iterator[tuple[str, str]]:
    """Those of the environment, else a Kafka and a PostgreSQL of our own."""
    kafka, postgres = os.environ.get("JOURNEY_KAFKA"), os.environ.get("JOURNEY_POSTGRES")
    if kafka and postgres:
        yield kafka, postgres
        return
    with session() as folder, own("Kafka", folder) as ours, own("PostgreSQL", folder) as server:
        yield ours.address, server.address


def _told(name: str, records: int, digest: Digest, seconds: float) -> None:
    _say(f"{name:<38} {records:>9,} records  marketing {digest['marketing'][:12]}…  sales {digest['sales'][:12]}…  {seconds:.0f} s")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
