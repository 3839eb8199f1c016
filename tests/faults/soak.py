"""`make soak`: real workers, a real Kafka and a real PostgreSQL, killed at random while touchpoints flow.

Whatever happens, what Kafka has acknowledged is in both read models, once: their digests are those of the embedded runtime, at every
checkpoint. After each fault comes a record that is made to do harm (`tests.faults.poison`). Exits 1 where the digests differ, where
anything was lost or doubled, a dead letter too, or where the topic of stages says something else than the record. `--seed` makes the
same plan again.
"""

import argparse
import asyncio
import logging
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from streams.kafka.settings import KafkaSettings
from tests.app.command import journey
from tests.e2e.one_digest import accepted
from tests.e2e.workers import Place, placed, wait_for
from tests.faults.poison import Poisoner
from tests.faults.soaking import COMMAND_SECONDS_MAX, FAULTS, WORKERS, Flow, Met, Trial, bent, feed
from tests.services.databases import fresh_database
from tests.services.kafka import fresh_topics
from tests.services.service import Service
from tests.services.sharing import own, session

RATE = 150
"""Touchpoints a second."""
TOUCHPOINTS_PER_CUSTOMER = 18
CHECKPOINT_SECONDS = 60.0
BETWEEN_SECONDS = (0.2, 2.0)
RARE = {"broker away for a minute"}
"""Once in a deck, and in no short soak; a worker that is killed is four times as often in it as any other."""
WORKER_KILLED = "worker killed"

Report = dict[str, Any]


def deck(chance: random.Random, rare: bool) -> list[str]:
    """Faults in some order: all of them."""
    faults = [name for name in FAULTS if rare or name not in RARE] + [WORKER_KILLED] * 3
    chance.shuffle(faults)
    return faults


async def soak(
    place: Place, kafka: Service, postgres: Service, seconds: float, seed: int, say: Callable[[str], None], first: Sequence[str] = ()
) -> Report:
    """The faults `first`, if any, and then one deck after the other until `seconds` are over."""
    chance = random.Random(seed)
    began = time.monotonic()
    rare = seconds > 300
    # A deck may take longer than it is given.
    customers = int(max(seconds, 300) * 1.5 * RATE / TOUCHPOINTS_PER_CUSTOMER)
    flow = Flow(KafkaSettings(place.kafka, prefix=place.prefix), feed(seed, customers), RATE)
    trial = Trial(place, kafka, postgres, chance, flow)
    poisoner = Poisoner(KafkaSettings(place.kafka, prefix=place.prefix), random.Random(seed + 1))
    for name in WORKERS:
        place.start(name)
    for name in WORKERS:
        await asyncio.to_thread(place.at_work, name)
    flowing = asyncio.create_task(flow.run())
    faults = list(first)
    checks = Checks(trial, poisoner, say)
    try:
        await asyncio.sleep(2)
        looked = time.monotonic()
        while time.monotonic() - began < seconds or faults:
            faults = faults or deck(chance, rare)
            met = await trial.meet(faults.pop())
            dealt = await poisoner.deal()
            say(f"{time.monotonic() - began:6.0f} s  {met.fault:<28} going on after {met.seconds:5.2f} s; then {dealt}")
            if time.monotonic() - looked > CHECKPOINT_SECONDS:
                await checks.look()
                looked = time.monotonic()
            await asyncio.sleep(chance.uniform(*BETWEEN_SECONDS))
            assert not flowing.done(), "the feed is at its end"
        await checks.look()
    finally:
        flowing.cancel()
        await asyncio.wait([flowing])
    return {
        "seed": seed,
        "seconds": round(time.monotonic() - began),
        "acknowledged": len(flow.acknowledged),
        "touchpoints": checks.touchpoints,
        "lost": checks.lost,
        "doubled": checks.doubled,
        "dead_letters": poisoner.letters.total(),
        "letters_equal": checks.letters_equal,
        "bent": checks.bent,
        "poison": dict(sorted(poisoner.dealt.items())),
        "checkpoints": checks.times,
        "digests_equal": checks.digests_equal,
        "kills": trial.kills,
        "ended_by_themselves": trial.ended,
        "faults": {
            name: _times([one.seconds for one in trial.met if one.fault == name]) for name in sorted({one.fault for one in trial.met})
        },
        "after": {what: _times(seconds) for what, seconds in _after(trial.met).items() if seconds},
    }


def _after(met: Sequence[Met]) -> dict[str, list[float]]:
    """Times by what they are promised for."""
    return {
        "workers killed": [one.seconds for one in met if one.fault in (WORKER_KILLED, "both workers killed")],
        "the broker is back": [one.seconds for one in met if one.fault.startswith("broker")],
        "PostgreSQL is back": [one.seconds for one in met if one.fault.startswith("database")],
    }


@dataclass
class Checks:
    """What is looked at while nothing flows: whether everything is exactly what was acknowledged by now."""

    trial: Trial
    poisoner: Poisoner
    say: Callable[[str], None]
    times: int = 0
    digests_equal: bool = True
    letters_equal: bool = True
    touchpoints: int = 0
    """Acknowledged, each counted once, by the last look."""
    lost: int = 0
    doubled: int = 0
    bent: int = 0
    """People of whom the topic of stages says something else than the record does."""
    _flowed: int = 0
    _poisoned: int = 0

    async def look(self) -> None:
        trial, flow = self.trial, self.trial.flow
        await flow.pause()
        await trial.caught_up()
        new = [*flow.acknowledged[self._flowed :], *self.poisoner.touchpoints[self._poisoned :]]
        self._flowed, self._poisoned = len(flow.acknowledged), len(self.poisoner.touchpoints)
        (trial.place.folder / "acknowledged.jsonl").write_bytes(b"".join(line + b"\n" for line in new))
        self.times += 1
        equal, letters = await asyncio.to_thread(self._has_one_digest), await asyncio.to_thread(self._has_all_letters)
        self.digests_equal &= equal
        self.letters_equal &= letters
        self.bent += (wrong := await bent(trial))
        self.touchpoints, held = len({*flow.acknowledged, *self.poisoner.touchpoints}), await accepted(trial.place)
        self.lost += max(0, self.touchpoints - held)
        self.doubled += max(0, held - self.touchpoints)
        told = "one digest" if equal else "DIFFERENT digests"
        told += "" if letters else ", DIFFERENT dead letters"
        told += f", {wrong} people BENT in the topic of stages" if wrong else ""
        told += "" if held == self.touchpoints else f", {held:,} HELD of {self.touchpoints:,}"
        self.say(f"          checkpoint: {self._flowed:,} + {self._poisoned:,} acknowledged, {told}")
        flow.go_on()

    def _has_one_digest(self) -> bool:
        """Whether both read models hold exactly what the embedded runtime makes of the same."""
        place = self.trial.place
        ran = journey("ingest", "acknowledged.jsonl", "--data", "embedded", cwd=place.folder, seconds_max=COMMAND_SECONDS_MAX)
        assert ran.status == 0, ran.err
        expected = journey("digest", "--json", "--data", "embedded", cwd=place.folder, seconds_max=COMMAND_SECONDS_MAX).json
        try:
            wait_for(lambda: place.digest() == {model: expected[model] for model in ("marketing", "sales")}, "one digest")
        except AssertionError:
            self.say(f"NOT the embedded digest; journey reconcile says:\n{place.command('reconcile').out}\n{self.trial.said()}")
            return False
        return True

    def _has_all_letters(self) -> bool:
        """Whether every record that can't be read is kept, each as one letter, and none is taken for sent again."""
        kept = self.trial.place.command("dead-letters", "--json", "--limit", "1").json
        letters = {code: counted["letters"] for code, counted in kept["codes"].items()}
        equal = letters == dict(self.poisoner.letters) and set(kept["states"]) <= {"open"}
        if not equal:
            self.say(f"NOT the dead letters that were sent, {dict(self.poisoner.letters)}, but {letters}, {kept['states']}")
        return equal


def _times(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"times": len(ordered), "p50": round(statistics.median(ordered), 2), "p99": round(p99, 2), "max": round(ordered[-1], 2)}


def run(
    folder: Path, kafka: Service, postgres: Service, seconds: float, seed: int, say: Callable[[str], None], first: Sequence[str] = ()
) -> Report:
    with (
        fresh_database(postgres.address) as database,
        fresh_topics(kafka.address) as prefix,
        placed(kafka.address, database, prefix, folder) as place,
    ):
        return asyncio.run(soak(place, kafka, postgres, seconds, seed, say, first))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument(
        "--seed", type=int, default=None, help="of the plan and the touchpoints; another one each time, where it is not given"
    )
    options.add_argument("--fault", choices=FAULTS, help="this one only, and not by the clock but TIMES times")
    options.add_argument("--times", type=int, default=40)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    seed = random.randrange(1_000_000) if asked.seed is None else asked.seed

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    say(f"seed {seed}")
    # That a server is away is what we want to see, and not to be told.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="journey-soak-")))
        services = stack.enter_context(session())
        kafka, postgres = stack.enter_context(own("Kafka", services)), stack.enter_context(own("PostgreSQL", services))
        only = [asked.fault] * asked.times if asked.fault else []
        report = run(folder, kafka, postgres, 0 if only else asked.minutes * 60, seed, say, only)
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n" if asked.json else _told(report))
    return 0 if report["digests_equal"] and report["letters_equal"] and not any(report[how] for how in ("lost", "doubled", "bent")) else 1


def _told(report: Report) -> str:
    lines = [f"{name:<24} {report[name]}" for name in report if not isinstance(report[name], dict)]
    for part, head in (("faults", "fault"), ("after", "going on after")):
        lines += ["", f"{head:<28} times     p50     p99     max  (s)"]
        for name, met in report[part].items():
            lines.append(f"{name:<28} {met['times']:>5} {met['p50']:>7.2f} {met['p99']:>7.2f} {met['max']:>7.2f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
