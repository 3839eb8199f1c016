"""The embedded runtime: `journey ingest` into a fresh folder as a user runs it, and where its time goes.

python -m benchmarks.embedded                   # the whole process, without a clock in it
python -m benchmarks.embedded --steps           # microseconds a touchpoint, by step
"""

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.kafka_streams.peer import STAGES, stages_digest
from benchmarks.load import CUSTOMERS, World, count
from benchmarks.measuring import Result, bench_folder, run, said_by, tell, watched
from benchmarks.steps import EMBEDDED, journey

SECONDS_MAX = 1_800
EMBEDDED_ONLY = {"JOURNEY_KAFKA": "", "JOURNEY_POSTGRES": ""}
"""Whatever servers the environment names."""


def ingest(file: Path, folder: Path) -> Result:
    """`journey ingest` of `file` into `folder`, which is made anew: the whole process, from its start to its end."""
    shutil.rmtree(folder, ignore_errors=True)
    with watched() as use:
        said_by(
            [sys.executable, "-m", "app", "ingest", str(file), "--data", str(folder), "--json"],
            seconds_max=SECONDS_MAX,
            env=EMBEDDED_ONLY,
        )
    digest = json.loads(
        said_by([sys.executable, "-m", "app", "digest", "--data", str(folder), "--json"], seconds_max=SECONDS_MAX, env=EMBEDDED_ONLY)
    )
    with closing(sqlite3.connect(folder / "marketing.db")) as marketing:
        stages = stages_digest(marketing.execute(STAGES))
    shutil.rmtree(folder)
    return Result(count(file), use.wall, use.peer, {**{name: digest[name] for name in ("marketing", "sales")}, "stages": stages})


def steps(file: Path, folder: Path) -> Result:
    """The same with clocks in it: `detail["steps"]` is by step, as `Steps.per` tells it."""
    shutil.rmtree(folder, ignore_errors=True)
    (result,) = run(
        [sys.executable, "-m", "benchmarks.embedded", "--inside", str(file), str(folder)], seconds_max=SECONDS_MAX, env=EMBEDDED_ONLY
    )
    shutil.rmtree(folder)
    return result


def _inside(file: Path, folder: Path) -> Result:
    """In this process: be the command, with clocks in it."""
    ran = journey(EMBEDDED, ["ingest", str(file), "--data", str(folder), "--json"])
    touchpoints = count(file)
    detail = {"steps": ran.steps.per(touchpoints), "clocks_us": 1e6 * ran.clocks_seconds / touchpoints}
    return Result(touchpoints, ran.seconds, ran.cpu_seconds, detail=detail)


def breakdown(result: Result) -> Table:
    """By step, the dearest first, and what is left."""
    table = Table(title=f"microseconds a touchpoint, of {result.touchpoints:,}")
    table.add_column("step")
    for name in ("CPU", "wall", "calls a touchpoint"):
        table.add_column(name, justify="right")
    taken = result.detail["steps"]
    for step, one in taken.items():
        table.add_row(step, f"{one['cpu_us']:.1f}", f"{one['wall_us']:.1f}", f"{one['calls']:.3f}")
    wall, cpu = (1e6 * seconds / result.touchpoints for seconds in (result.seconds, result.cpu_seconds or 0))
    rest = wall - sum(one["wall_us"] for one in taken.values()), cpu - sum(one["cpu_us"] for one in taken.values())
    table.add_row("the rest: start, file, loop", f"{rest[1]:.1f}", f"{rest[0]:.1f}", "")
    table.add_section()
    table.add_row("all", f"{cpu:.1f}", f"{wall:.1f}", "")
    table.caption = f"of it about {result.detail['clocks_us']:.1f} for the clocks themselves"
    return table


def main(
    files: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    customers: Annotated[int, typer.Option(min=1, help="Of the simulated world.")] = CUSTOMERS,
    late: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    duplicates: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    by_step: Annotated[bool, typer.Option("--steps", help="With clocks in it.")] = False,
    inside: Annotated[bool, typer.Option("--inside", hidden=True)] = False,
) -> None:
    if inside:
        assert files is not None
        tell(_inside(*files))
        return
    file = World(customers=customers, late=late, duplicates=duplicates).file()
    folder = bench_folder("embedded") / "data"
    out = Console()
    if by_step:
        out.print(breakdown(steps(file, folder)))
        return
    result = ingest(file, folder)
    cpu: Any = result.cpu_seconds
    out.print(
        f"{result.touchpoints:,} touchpoints in {result.seconds:.1f} s: {result.touchpoints / result.seconds:,.0f} a second, "
        f"{1e6 * cpu / result.touchpoints:.0f} µs of CPU each"
    )
    out.print(result.digest)


if __name__ == "__main__":
    typer.run(main)
