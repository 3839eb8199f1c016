"""How long every figure takes, on both runtimes: alone, by month and by each of its dimensions, and each section as a report asks it.

    python -m benchmarks.figures                    # 27,000 simulated customers
    python -m benchmarks.figures --copies 10        # ten times as many: each company beside it has the same customers under other ids

The read models are those of `journey ingest`, kept in `.bench/` as long as what derives them is the same. PostgreSQL gets SQLite's rows.
"""

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.embedded import EMBEDDED_ONLY
from benchmarks.load import World, count
from benchmarks.measuring import ROOT, bench_folder, machine, said_by
from journey.instants import Instant, instant, rfc3339
from projections.figures.answering import answer
from projections.figures.figure import Asked, Figure
from projections.figures.sections import SECTIONS
from projections.marketing import marketing
from projections.read_model import Ask, Delta, ReadModel, Table
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from projections.stores.postgres_adding import ROWS_PER_STATEMENT_MAX, Adding
from projections.stores.sqlite import SqliteReadStore
from projections.stores.sqlite_asking import SqliteAsk
from streams.postgres.database import Database

CUSTOMERS = 27_000
MODELS = {model.name: model for model in (marketing, sales)}
SECONDS_MAX = 7_200
WANTED_SECONDS = 2.0
"""Of a section, at 270,000 customers."""
REPEATED_SECONDS = 0.5
"""What takes less is asked three times, and the quickest counts."""

DERIVING = ("journey/*.py", "streams/*.py", "projections/marketing.py", "projections/sales.py", "projections/read_model.py")
"""The code that rows come from."""
OF_ONE_COMPANY = ("person", "subject", "by_subject", "deal", "lead", "account", "of_what", "order_id", "subscription", "ticket")
"""Columns of ids. Another company has others."""
SHARED = "subject LIKE 'campaign:%' OR subject LIKE 'owner:%'"
"""What is described once for all companies."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One question: `figure` is "" for a whole section."""

    store: str
    section: str
    figure: str
    by: str
    seconds: float
    cpu: float
    """Of Python and of the database, without what a parallel worker of PostgreSQL used."""
    cells: int
    peak_mb: float


# --- the read models


def ingested(world: World) -> Path:
    """A folder of embedded data that holds `world`."""
    file = world.file()
    code = hashlib.sha256()
    for pattern in DERIVING:
        for path in sorted(ROOT.glob(pattern)):
            code.update(path.read_bytes())
    folder = bench_folder("figures") / f"{file.stem}-{code.hexdigest()[:8]}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        said_by(
            [sys.executable, "-m", "app", "ingest", str(file), "--data", str(unfinished), "--json"],
            seconds_max=SECONDS_MAX,
            env=EMBEDDED_ONLY,
        )
        unfinished.rename(folder)
    return folder


def multiplied(folder: Path, copies: int) -> Path:
    """The read models of `copies` companies that are as the one in `folder`, each with people, deals, … of its own."""
    if copies == 1:
        return folder
    beside = folder.with_name(f"{folder.name}-x{copies}")
    if not beside.exists():
        unfinished = beside.with_name(f"{beside.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for name, model in MODELS.items():
            _multiply(model, folder / f"{name}.db", unfinished / f"{name}.db", copies)
        unfinished.rename(beside)
    return beside


def _multiply(model: ReadModel, source: Path, target: Path, copies: int) -> None:
    SqliteReadStore(model, target).close()
    with closing(sqlite3.connect(target, isolation_level=None)) as db:
        db.execute("ATTACH ? AS source", (str(source),))
        db.execute("BEGIN")
        for table in model.tables:
            db.execute(f"INSERT INTO main.{table.name} SELECT * FROM source.{table.name}")
            if columns := another(table, "?"):
                statement = f"INSERT INTO main.{table.name} SELECT {columns} FROM source.{table.name} WHERE {own(table)}"
                for copy in range(1, copies):
                    db.execute(statement, (f"~{copy}",) * columns.count("?"))
        db.execute("UPDATE reflects SET position = (SELECT position FROM source.reflects)")
        db.execute("COMMIT")


def another(table: Table, mark: str) -> str:
    """The columns of a row with the ids of another company, which end in `mark`; "" where it has none."""
    ids = [column.name for column in table.key if column.name in OF_ONE_COMPANY]
    spelled = [f"CASE {name} WHEN '' THEN '' ELSE {name} || {mark} END" if name in ids else name for name in table.columns]
    return ", ".join(spelled) if ids else ""


def own(table: Table) -> str:
    """Which rows another company has of its own."""
    return f"NOT ({SHARED})" if any(column.name == "subject" for column in table.key) else "TRUE"


def rows_of(model: ReadModel, folder: Path) -> dict[str, int]:
    with closing(sqlite3.connect(folder / f"{model.name}.db")) as db:
        return {table.name: db.execute(f"SELECT COUNT(*) FROM {table.name}").fetchone()[0] for table in model.tables}


async def fill(store: PostgresReadStore, file: Path, copies: int) -> None:
    """Give `store` the rows of a SQLite file, so many times as `multiplied` does."""
    name = store.model.name
    with closing(sqlite3.connect(file)) as rows:
        async with store.database.connection() as db:
            for table in store.model.tables:
                adding, key = Adding(name, table), len(table.key)
                await db.execute(f"TRUNCATE {adding.name}")
                found = rows.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")
                while some := found.fetchmany(ROWS_PER_STATEMENT_MAX):
                    await adding.add(db, [Delta(row[:key], (row[-1], *map(int, row[key:-1]))) for row in some])
                if columns := another(table, "'~' || copy"):
                    await db.execute(
                        f"INSERT INTO {adding.name} ({', '.join(table.columns)}, row_key)"
                        f" SELECT {columns}, DECODE(MD5(ENCODE(row_key, 'hex') || copy), 'hex')"
                        f" FROM {adding.name}, GENERATE_SERIES(1, {copies - 1}) AS copy WHERE {own(table)}",
                        timeout=SECONDS_MAX,
                    )
                # As its own housekeeping does after a while.
                await db.execute(f"VACUUM (ANALYZE) {adding.name}", timeout=SECONDS_MAX)
            await db.execute(f"UPDATE {name}.reflects SET position = $1", rows.execute("SELECT position FROM reflects").fetchone()[0])


@asynccontextmanager
async def asking(folder: Path, copies: int, postgres: str) -> AsyncIterator[dict[str, dict[str, Ask]]]:
    """By runtime and read model, of what is in `folder` so many times. `postgres` is an address, or "" for SQLite alone."""
    beside = multiplied(folder, copies)
    async with AsyncExitStack() as stack:
        found: dict[str, dict[str, Ask]] = {"SQLite": {}}
        for name, model in MODELS.items():
            store = SqliteReadStore(model, beside / f"{name}.db", read_only=True)
            stack.callback(store.close)
            found["SQLite"][name] = await stack.enter_async_context(store.snapshot())
        if postgres:
            found["PostgreSQL"] = {}
            for name, model in MODELS.items():
                database = Database(postgres)
                filled = await PostgresReadStore.open(model, database)
                stack.push_async_callback(filled.close)
                await fill(filled, folder / f"{name}.db", copies)
                found["PostgreSQL"][name] = await stack.enter_async_context(filled.snapshot())
        yield found


# --- the questions


def breakdowns(figure: Figure) -> Iterable[str]:
    """None, by month, and by each dimension."""
    return ("", *(("month",) if figure.dated is not None else ()), *figure.dimensions)


async def taken(ask: Ask, cpu: Callable[[], float], figures: Sequence[Figure], asked: Asked) -> tuple[float, float, int]:
    """The seconds of a question, its CPU, and how many cells it comes to."""
    found = []
    while True:
        began, used = time.perf_counter(), cpu()
        answered = await answer(ask, figures, asked)
        found.append((time.perf_counter() - began, cpu() - used))
        if found[-1][0] > REPEATED_SECONDS or len(found) == 3:
            return *map(min, zip(*found, strict=True)), sum(len(figure.cells) for figure in answered.figures)


async def cpu_clock(ask: Ask) -> Callable[[], float]:
    """CPU seconds of this process and, where `ask` goes to a server of this machine, of its session."""
    if isinstance(ask, SqliteAsk):
        return time.process_time
    ((session,),) = await ask("SELECT pg_backend_pid()")

    def used() -> float:
        with suppress(OSError):
            fields = Path(f"/proc/{session}/stat").read_bytes().rpartition(b")")[2].split()
            return time.process_time() + sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        return time.process_time()

    return used


async def peak_mb(ask: Ask, figures: Sequence[Figure], asked: Asked) -> float:
    """What Python holds at most while it answers."""
    tracemalloc.start()
    try:
        await answer(ask, figures, asked)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


async def measured(asks: dict[str, dict[str, Ask]], until: Instant, only: Sequence[str]) -> AsyncIterator[Taken]:
    for store, models in asks.items():
        for section in SECTIONS:
            ask = models[section.model]
            figures = [figure for figure in section.figures if not only or figure.name in only or section.name in only]
            if not figures:
                continue
            cpu = await cpu_clock(ask)
            asked = Asked(until)
            yield Taken(store, section.name, "", "", *await taken(ask, cpu, figures, asked), await peak_mb(ask, figures, asked))
            for figure in figures:
                for by in breakdowns(figure):
                    asked = replace(Asked(until), by=(by,) if by else ())
                    told = await taken(ask, cpu, [figure], asked)
                    yield Taken(store, section.name, figure.name, by, *told, await peak_mb(ask, [figure], asked))


# --- what is shown


def shown(found: Sequence[Taken]) -> Shown:
    """A row a section and a figure: seconds alone, by month and by the dearest dimension."""
    stores = list(dict.fromkeys(one.store for one in found))
    table = Shown(title="CPU seconds a question")
    table.add_column("")
    for store in stores:
        for name in ("alone", "by month", "by the dearest", "", "peak MB"):
            table.add_column(f"{store}\n{name}", justify="right")
    for section, figure in dict.fromkeys((one.section, one.figure) for one in found):
        cells = []
        for store in stores:
            of = {one.by: one for one in found if (one.store, one.section, one.figure) == (store, section, figure)}
            dearest = max((one for by, one in of.items() if by not in ("", "month")), key=lambda one: one.cpu, default=None)
            cells += [
                f"{of[''].cpu:.3f}",
                f"{of['month'].cpu:.3f}" if "month" in of else "",
                f"{dearest.cpu:.3f}" if dearest else "",
                dearest.by if dearest else "",
                f"{max(one.peak_mb for one in of.values()):.1f}",
            ]
        table.add_row(f"  {figure}" if figure else f"[bold]{section}[/bold]", *cells)
    return table


async def run(world: World, copies: int, postgres: str, only: Sequence[str], say: Callable[[str], None]) -> list[Taken]:
    say("deriving the read models")
    folder = ingested(world)
    until = instant(rfc3339(f"{(world.start + timedelta(days=world.days)).isoformat()}T00:00:00Z"))
    found = []
    say("filling PostgreSQL")
    async with asking(folder, copies, postgres) as asks:
        async for one in measured(asks, until, only):
            say(f"{one.store}: {one.section} {one.figure} {one.by}")
            found.append(one)
    return found


def written(world: World, copies: int, found: Sequence[Taken]) -> dict[str, Any]:
    """All of it, as it is kept in `.bench/`."""
    folder = multiplied(ingested(world), copies)
    return {
        "customers": world.customers * copies,
        "touchpoints": count(world.file()) * copies,
        "days": world.days,
        "copies": copies,
        "machine": machine(),
        "rows": {name: rows_of(model, folder) for name, model in MODELS.items()},
        "questions": [asdict(one) for one in found],
    }


def main(
    customers: Annotated[int, typer.Option(min=1, help="Of the simulated world.")] = CUSTOMERS,
    days: Annotated[int, typer.Option(min=1, help="How long it is played.")] = 180,
    copies: Annotated[int, typer.Option(min=1, help="So many companies like it, beside each other.")] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Figures or sections.")] = None,
    postgres: Annotated[
        str, typer.Option(help="Its address; one is started without. Its schemas marketing and sales are overwritten.")
    ] = "",
    lite: Annotated[bool, typer.Option("--sqlite", help="SQLite alone.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where all of it goes, as JSON.")] = None,
) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    world = World(customers=customers, days=days)
    out = out or bench_folder() / f"figures-{customers * copies}.json"
    folder = bench_folder("services") / f"figures-{os.getpid()}"
    server = None
    try:
        with console.status("starting") as status:
            if not postgres and not lite:
                from tests.services.postgres import start_postgres

                folder.mkdir()
                server = start_postgres(folder / "postgres")
                postgres = server.address
            found = asyncio.run(run(world, copies, postgres, only or (), status.update))
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    out.write_text(json.dumps(written(world, copies, found), indent=1) + "\n", encoding="utf-8")
    console.print(shown(found))
    slow = [one for one in found if not one.figure and one.seconds > WANTED_SECONDS]
    console.print(
        f"{customers * copies:,} customers, {count(world.file()) * copies:,} touchpoints in {days} days. All of it: {out}", markup=False
    )
    if slow:
        told = ", ".join(f"{one.section} of {one.store} {one.seconds:.1f} s" for one in slow)
        console.print(f"Sections above {WANTED_SECONDS:.0f} s: {told}", style="red")


if __name__ == "__main__":
    typer.run(main)
