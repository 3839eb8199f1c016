"""Everything beside everything, in one run: `make bench`. One Kafka and one PostgreSQL on 127.0.0.1, started for it.

    python -m benchmarks.compare                    # 500,000 touchpoints, three repetitions
    python -m benchmarks.compare --quick            # that it runs; its figures mean nothing

The peers take turns within each repetition (A, B, C, A, B, C, …), so that a slow minute of the machine is everybody's. Ratios are taken
within a repetition; the median of them is shown, with the smallest and the largest. What else the machine was doing is shown as well:
where others used more than a few tenths of a core, measure again.
"""

import asyncio
import functools
import itertools
import json
import logging
import os
import shutil
import signal
import statistics
import sys
import uuid
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import embedded, faust_agent, latency, ours
from benchmarks.kafka_streams import peer as kafka_streams
from benchmarks.load import CUSTOMERS, QUICK_CUSTOMERS, World, count, lines, publish
from benchmarks.measuring import BENCH, Failed, Result, Use, bench_folder, machine, run, wait_until_quiet, watched

T = TypeVar("T")

REPETITIONS = 3
READ_SECONDS_MAX = 300
OURS_SECONDS_MAX = 1_800
QUICK_EVENTS = 1_000
QUICK_PACE, QUICK_SECONDS = 200, 4.0
NOISE_CORES_MAX = 0.3
PLAIN_WIDTH = 130

LIMIT, FAUST, EMBEDDED, OURS = "limit", "faust_agent", "embedded", "ours"
COLD, WARM = "kafka_streams_cold", "kafka_streams_warm"
ARRIVAL_COLD, ARRIVAL_WARM = "kafka_streams_by_arrival_cold", "kafka_streams_by_arrival_warm"
TITLES = {
    LIMIT: "the limit: getmany + orjson",
    FAUST: "an empty Faust agent per event",
    COLD: "Kafka Streams EOS v2, the same fold, cold JVM",
    WARM: "Kafka Streams EOS v2, the same fold, warm JVM",
    ARRIVAL_COLD: "Kafka Streams EOS v2, by arrival only, cold JVM",
    ARRIVAL_WARM: "Kafka Streams EOS v2, by arrival only, warm JVM",
    EMBEDDED: "ours, embedded: whole process",
    OURS: "ours, Kafka and PostgreSQL",
}
PEERS = {
    LIMIT: (LIMIT,),
    FAUST: (FAUST,),
    "kafka_streams": (COLD, WARM),
    "kafka_streams_by_arrival": (ARRIVAL_COLD, ARRIVAL_WARM),
    EMBEDDED: (EMBEDDED,),
    OURS: (OURS,),
}
"""What can be asked for, in the order of the turns; and the rows that each gives."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all peers of a run share."""

    kafka: str
    postgres: str
    topic: str
    file: Path
    touchpoints: int
    quick: bool


@dataclass(slots=True)
class Measured:
    """One row in one repetition."""

    result: Result
    use: Use

    @property
    def rate(self) -> float:
        return self.result.touchpoints / self.result.seconds


@dataclass(slots=True)
class Outcome:
    """All repetitions: by each, what was measured of each row; and the rows that there is nothing of, with the reason."""

    repetitions: list[dict[str, Measured]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    latency: dict[str, float] = field(default_factory=dict)
    """Of ours, from due at the producer to visible in both read models, at a steady pace."""
    steps: Result | None = None
    """Ours by step."""

    def of(self, row: str) -> list[Measured]:
        return [one[row] for one in self.repetitions if row in one]

    def ratios(self, row: str, to: str) -> list[float]:
        """Within each repetition."""
        return [one[row].rate / one[to].rate for one in self.repetitions if row in one and to in one]


# --- the peers


def peers(setting: Setting) -> Mapping[str, Callable[[], Sequence[Result]]]:
    """By what can be asked for: a run of it, and the results of its rows."""
    events = min(setting.touchpoints, QUICK_EVENTS if setting.quick else faust_agent.EVENTS)
    reads = ["--kafka", setting.kafka, "--topic", setting.topic]

    def module(name: str, *more: str) -> Sequence[Result]:
        return run([sys.executable, "-m", f"benchmarks.{name}", *reads, *more], seconds_max=READ_SECONDS_MAX)

    def streams(fold: kafka_streams.Fold) -> Sequence[Result]:
        cold, warm = kafka_streams.measure(setting.kafka, setting.topic, fold=fold)
        return cold, warm

    def distributed() -> Sequence[Result]:
        return (_run(ours.run(setting.kafka, setting.postgres, _prefix(), setting.topic, setting.touchpoints)),)

    return {
        LIMIT: functools.partial(module, "limit"),
        # JSON, since the limit decodes as well; with raw bytes it is half as fast again.
        FAUST: functools.partial(module, "faust_agent", "--events", str(events), "--values", "json"),
        "kafka_streams": functools.partial(streams, "same"),
        "kafka_streams_by_arrival": functools.partial(streams, "arrival"),
        EMBEDDED: lambda: (embedded.ingest(setting.file, bench_folder("embedded") / f"data-{os.getpid()}"),),
        OURS: distributed,
    }


def measure(setting: Setting, only: Sequence[str], repetitions: int, say: Callable[[str], None], *, patience: float = 0) -> Outcome:
    """Let the peers take turns. Stops at the first that fails, did not read everything, or whose read models differ: `outcome.failed`."""
    outcome, found = Outcome(), peers(setting)
    for number in range(1, repetitions + 1):
        outcome.repetitions.append({})
        for name in only:
            say(f"repetition {number} of {repetitions}: {name}")
            wait_until_quiet(patience)
            try:
                with watched() as use:
                    results = found[name]()
                for row, result in zip(PEERS[name], results, strict=True):
                    outcome.repetitions[-1][row] = Measured(result, use)
                    if name != FAUST and result.touchpoints != setting.touchpoints:
                        raise Failed(f"{row} read {result.touchpoints} of {setting.touchpoints} touchpoints")
                _check_digests(outcome)
            except NotImplementedError as reason:
                outcome.missing[name] = str(reason)
            except Failed as error:
                outcome.failed = f"{name}, repetition {number}: {error}"
                return outcome
    return outcome


def look_closer(setting: Setting, outcome: Outcome, say: Callable[[str], None]) -> None:
    """How long a touchpoint of ours takes at a steady pace, and where the time goes."""
    say("ours, latency")
    pace, seconds = (QUICK_PACE, QUICK_SECONDS) if setting.quick else (latency.PACE, latency.SECONDS)
    measured = _run(ours.latency(setting.kafka, setting.postgres, _prefix(), pace=pace, seconds=seconds))
    outcome.latency = {"pace": pace, "seconds": seconds, **measured.told()}
    say("ours, by step")
    outcome.steps = _run(ours.by_step(setting.kafka, setting.postgres, _prefix(), setting.topic, setting.touchpoints))


def _run(told: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(told, OURS_SECONDS_MAX))


def _prefix() -> str:
    return f"bench-{uuid.uuid4().hex[:8]}."


def _check_digests(outcome: Outcome) -> None:
    """Ours, the embedded runtime's and the same fold's in Kafka Streams, in every repetition: the same answers, or no speed to speak of."""
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for row in TITLES:
        for one in outcome.of(row):
            for what, digest in one.result.digest.items():
                said[what][digest] = row
    for what, digests in said.items():
        if len(digests) > 1:
            told = "\n".join(f"{row}: {digest}" for digest, row in digests.items())
            raise Failed(f"the same touchpoints came to different answers, in {what}:\n{told}")


# --- the services


@contextmanager
def services(*, postgres: bool) -> Iterator[tuple[str, str, list[str]]]:
    """The addresses of a Kafka and, where it is wanted, of a PostgreSQL; and what they are. Gone in the end."""
    from tests.services.kafka import start_kafka

    folder = bench_folder("services") / str(os.getpid())
    folder.mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        kafka = start_kafka(folder / "kafka", java=())
        stack.callback(kafka.stop)
        if not postgres:
            yield kafka.address, "", [kafka.how]
            return
        from tests.services.postgres import start_postgres

        server = start_postgres(folder / "postgres")
        stack.callback(server.stop)
        yield kafka.address, server.address, [kafka.how, server.how]


# --- what is shown


def shown(outcome: Outcome) -> Table:
    table = Table(
        title="touchpoints a second, and as a ratio to others in the same repetition: median, smallest to largest", show_lines=True
    )
    for name in ("", "touchpoints", "a second", "x Streams\ncold", "x Streams\nwarm", "x limit", "CPU µs\neach", "cores of\nothers"):
        table.add_column(name, justify="right" if name else "left")
    for row, title in TITLES.items():
        if row in outcome.missing:
            table.add_row(title, outcome.missing[row].partition(":")[0], *[""] * 6)
            continue
        several = outcome.of(row)
        if not several:
            continue
        cpu = [1e6 * one.result.cpu_seconds / one.result.touchpoints for one in several if one.result.cpu_seconds is not None]
        table.add_row(
            title,
            f"{several[0].result.touchpoints:,}",
            _spread([one.rate for one in several], ",.0f"),
            *(_spread(outcome.ratios(row, to), ".3g") for to in (COLD, WARM, LIMIT)),
            _spread(cpu, ".1f"),
            f"{max(one.use.others / one.use.wall for one in several):.2f}",
        )
    return table


def _spread(values: Sequence[float], form: str) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return format(values[0], form)
    return f"{statistics.median(values):{form}}\n{min(values):{form}}–{max(values):{form}}"


def written(outcome: Outcome, setting: Setting, how: Sequence[str], began: datetime, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """All of it, as it is kept in `.bench/last.json`."""
    rows = {
        row: {
            "a_second": statistics.median(one.rate for one in several),
            "a_second_spread": [min(one.rate for one in several), max(one.rate for one in several)],
            **{f"x_{to}": statistics.median(ratios) for to in (COLD, WARM, LIMIT) if (ratios := outcome.ratios(row, to))},
        }
        for row in TITLES
        if (several := outcome.of(row))
    }
    return {
        "began": began.isoformat(),
        "arguments": dict(arguments),
        "touchpoints": setting.touchpoints,
        "machine": machine(),
        "services": list(how),
        "packages": {name: version(name) for name in ("aiokafka", "faust-streaming", "orjson", "uvloop", "pydantic")},
        "rows": rows,
        "missing": outcome.missing,
        "failed": outcome.failed,
        "latency": outcome.latency,
        "steps": None if outcome.steps is None else asdict(outcome.steps),
        "repetitions": [{row: asdict(one) for row, one in repetition.items()} for repetition in outcome.repetitions],
    }


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Few touchpoints, one repetition: that it runs.")] = False,
    customers: Annotated[int | None, typer.Option(min=1, help=f"Of the simulated world. Default {CUSTOMERS}: 500,000 touchpoints.")] = None,
    late: Annotated[float, typer.Option(min=0, max=1, help="Share that comes late.")] = 0.0,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share that is sent twice.")] = 0.0,
    repetitions: Annotated[int | None, typer.Option(min=1, help=f"Default {REPETITIONS}.")] = None,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to wait at most, before each turn, for others to leave the machine alone.")
    ] = 0,
    only: Annotated[list[str] | None, typer.Option(help=f"Some of: {', '.join(PEERS)}.")] = None,
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON.")] = BENCH / "last.json",
) -> None:
    unknown = set(only or ()) - PEERS.keys()
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(PEERS)}")
    wanted = [name for name in PEERS if not only or name in only]
    # An orderly end, so that nothing is left running.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    began = datetime.now(UTC)
    # What the client says while a broker starts is not ours to show: what goes wrong is raised.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    with console.status("simulating") as status:
        world = World(customers or (QUICK_CUSTOMERS if quick else CUSTOMERS), late=late, duplicates=duplicates, seldom=quick)
        file = world.file()
        if not {"kafka_streams", "kafka_streams_by_arrival"}.isdisjoint(wanted):
            status.update("building the Kafka Streams peer")
            kafka_streams.build()
        status.update("starting the services")
        with services(postgres=OURS in wanted) as (kafka, postgres, how):
            topic = f"bench-{uuid.uuid4().hex[:8]}"
            status.update("loading the topic")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                sent = runner.run(publish(kafka, topic, lines(file)))
            assert sent == count(file)
            setting = Setting(kafka, postgres, topic, file, sent, quick)
            repeated = repetitions or (1 if quick else REPETITIONS)
            outcome = measure(setting, wanted, repeated, status.update, patience=patience)
            if OURS in wanted and not outcome.failed:
                try:
                    look_closer(setting, outcome, status.update)
                except Failed as error:
                    outcome.failed = str(error)
    arguments = {**asdict(world), "start": world.start.isoformat(), "quick": quick, "only": wanted}
    bench_folder()
    out.write_text(json.dumps(written(outcome, setting, how, began, arguments), indent=1) + "\n", encoding="utf-8")
    console.print(shown(outcome))
    if outcome.latency:
        console.print(
            "ours at {pace:,} touchpoints a second for {seconds:.0f} s, from due at the producer to visible in both read models:"
            " p50 {p50_ms:.0f} ms, p90 {p90_ms:.0f} ms, p99 {p99_ms:.0f} ms, max {max_ms:.0f} ms".format(**outcome.latency),
            markup=False,
        )
    if outcome.steps is not None:
        console.print(embedded.breakdown(outcome.steps))
    about = machine()
    console.print(
        f"{about['processor']}, {about['cores']} cores; {'; '.join(how)}; Python {about['python']}. All figures: {out}", markup=False
    )
    noise = max(itertools.chain((0.0,), (one.use.others / one.use.wall for some in outcome.repetitions for one in some.values())))
    if noise > NOISE_CORES_MAX:
        console.print(f"[yellow]Others used up to {noise:.1f} cores meanwhile: these figures are not to be relied on.[/yellow]")
    if quick:
        console.print("[yellow]A quick run: its figures mean nothing.[/yellow]")
    if outcome.failed:
        console.print(f"What is shown is until then. Failed: {outcome.failed}", markup=False, style="red")
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
