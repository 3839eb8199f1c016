"""What every figure takes of CPU and memory, on both runtimes: alone, by month and by each of its dimensions. Each section as well: all its
figures alone, by month, and as `journey report` shows it.

    python -m benchmarks.figures                    # 27,000 simulated customers
    python -m benchmarks.figures --copies 10        # ten times as many: each company beside it has the same customers under other ids

The read models are those of `journey ingest`, kept in `.bench/` as long as what derives them is the same. PostgreSQL gets SQLite's rows.
What grows beyond linear, and what takes Python more memory with more customers, is said beside an earlier run of one copy.
"""

import asyncio
import gc
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass
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
from projections.figures.figure import Asked, Figure, Section
from projections.figures.measures import Computed, Credited
from projections.figures.reports import report
from projections.figures.sections import SECTIONS
from projections.marketing import marketing
from projections.read_model import Ask, Delta, ReadModel, ReadStore, Table
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
"""Of CPU, of a section, at 270,000 customers."""
REPEATED_SECONDS = 0.2
"""What takes less is asked three times, and the least counts."""
SLOWEST = 10
NOISE_SECONDS = 0.1
"""What takes less than this is not asked how it grows: clocks of other processes tick every hundredth of a second."""
GROWTH_MAX = 1.5
"""Times as much as linear. More is said to be worse: n log n and the noise of a busy machine are below it."""
BYTES_PER_CUSTOMER_MAX = 8
"""By so much Python's peak may grow with each customer where the cells are as many as before: a pointer, and less than any row."""
AS_SHOWN = "as shown"

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
    """Of Python and of the database, PostgreSQL's parallel workers included."""
    cells: int
    peak_mb: float
    """What Python held at most, beyond what it held before: SQLite's and PostgreSQL's own memory is not in it."""

    @property
    def question(self) -> tuple[str, str, str, str]:
        return self.store, self.section, self.figure, self.by


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
    spelled = {name: f"CASE {name} WHEN '' THEN '' ELSE {name} || {mark} END" for name in ids}
    if table.name == "described":
        spelled["value"] = f"CASE WHEN field = 'account' AND value <> '' THEN value || {mark} ELSE value END"
    return ", ".join(spelled.get(name, name) for name in table.columns) if ids else ""


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
            await db.execute("SET statement_timeout = 0")
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
async def stores(folder: Path, copies: int, postgres: str, *, sqlite: bool) -> AsyncIterator[dict[str, dict[str, ReadStore]]]:
    """By runtime and read model, of what is in `folder` so many times. `postgres` is an address, or "" without it."""
    beside = multiplied(folder, copies)
    async with AsyncExitStack() as stack:
        found: defaultdict[str, dict[str, ReadStore]] = defaultdict(dict)
        for name, model in MODELS.items():
            if sqlite:
                store = SqliteReadStore(model, beside / f"{name}.db", read_only=True)
                stack.callback(store.close)
                found["SQLite"][name] = store
            if postgres:
                filled = await PostgresReadStore.open(model, Database(postgres))
                stack.push_async_callback(filled.close)
                await fill(filled, folder / f"{name}.db", copies)
                found["PostgreSQL"][name] = filled
        yield found


# --- the questions


def breakdowns(figure: Figure) -> Iterable[str]:
    """None, by month, and by each dimension."""
    return ("", *(("month",) if figure.dated is not None else ()), *figure.dimensions)


Question = Callable[[], Awaitable[int]]
"""Asks, and says how many cells it came to."""


def questions(ask: Ask, section: Section, figures: Sequence[Figure], until: Instant) -> Iterator[tuple[str, str, Question]]:
    """Of the whole section and of each of its figures: the name, by what, and the question."""

    def of(some: Sequence[Figure], by: str) -> Question:
        async def question() -> int:
            answered = await answer(ask, some, Asked(until, by=(by,) if by else (), top=None))
            return sum(len(figure.cells) for figure in answered.figures)

        return question

    async def as_shown() -> int:
        told = await report(ask, section.model, [section.name], Asked(until, top=None), None)
        return sum(len(figure.cells) for one in told.sections for answer in one.answers for figure in answer.figures)

    yield "", "", of(figures, "")
    if dated := [figure for figure in figures if figure.dated is not None]:
        yield "", "month", of(dated, "month")
    yield "", AS_SHOWN, as_shown
    for figure in figures:
        for by in breakdowns(figure):
            yield figure.name, by, of([figure], by)


async def taken(question: Question, cpu: Callable[[], float], *, in_python: bool) -> tuple[float, float, int, float]:
    """The seconds of a question, its CPU, how many cells it comes to, and its peak in MB. `in_python`: much of the work is."""
    gc.collect()
    tracemalloc.start()
    try:
        found = [await timed(question, cpu)]
        peak = tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()
    if in_python:
        # What is traced takes longer.
        found = [await timed(question, cpu)]
    while found[-1][1] <= REPEATED_SECONDS and len(found) < 3:
        found.append(await timed(question, cpu))
    seconds, used, cells = map(min, zip(*found, strict=True))
    return seconds, used, int(cells), peak


async def timed(question: Question, cpu: Callable[[], float]) -> tuple[float, float, int]:
    began, used = time.perf_counter(), cpu()
    cells = await question()
    return time.perf_counter() - began, cpu() - used, cells


async def cpu_clock(ask: Ask) -> Callable[[], float]:
    """CPU seconds of this process and, where `ask` goes to a server of this machine, of its session and of the children that the server
    has seen end: parallel workers end with their query."""
    if isinstance(ask, SqliteAsk):
        return time.process_time
    ((session,),) = await ask("SELECT pg_backend_pid()")

    def used() -> float:
        with suppress(OSError):
            server = int(_stat(session)[1])
            ended = sum(map(int, _stat(server)[13:15])) / os.sysconf("SC_CLK_TCK")
            # In nanoseconds, where `stat` has hundredths.
            of_session = int(Path(f"/proc/{session}/schedstat").read_bytes().split()[0]) / 1e9
            return time.process_time() + of_session + ended
        return time.process_time()

    return used


def _stat(process: int) -> list[bytes]:
    return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()


async def measured(asked: Mapping[str, Mapping[str, ReadStore]], until: Instant, only: Sequence[str]) -> AsyncIterator[Taken]:
    for store, models in asked.items():
        for section in SECTIONS:
            async with models[section.model].snapshot() as ask:
                cpu = await cpu_clock(ask)
                in_python = any(isinstance(figure.measure, Credited | Computed) for figure in section.figures)
                for figure, by, question in questions(ask, section, section.figures, until):
                    if not only or section.name in only or figure in only:
                        yield Taken(store, section.name, figure, by, *await taken(question, cpu, in_python=in_python))


# --- what is shown


def sections_shown(found: Sequence[Taken]) -> Shown:
    """A row a section: all its figures alone, by month, and as a report shows it."""
    stores = list(dict.fromkeys(one.store for one in found))
    table = Shown(title="CPU seconds of a section")
    table.add_column("")
    for store in stores:
        for name in ("alone", "by month", AS_SHOWN, "peak MB"):
            table.add_column(f"{store}\n{name}", justify="right")
    for section in dict.fromkeys(one.section for one in found if not one.figure):
        cells = []
        for store in stores:
            of = {one.by: one for one in found if one.question[:3] == (store, section, "")}
            cells += [f"{of[by].cpu:.2f}" if by in of else "" for by in ("", "month", AS_SHOWN)]
            cells.append(f"{max(one.peak_mb for one in of.values()):.1f}")
        table.add_row(section, *cells)
    return table


def slowest_shown(found: Sequence[Taken], before: Mapping[tuple[str, ...], Taken]) -> Shown:
    """The slowest figures by anything, beside what they took of fewer customers."""
    table = Shown(title="The slowest figures")
    for name in ("figure", "by", "runtime"):
        table.add_column(name)
    for name in ("CPU s", "before", "x", "peak MB", "before", "cells", "before"):
        table.add_column(name, justify="right")
    for one in sorted((one for one in found if one.figure), key=lambda one: -one.cpu)[:SLOWEST]:
        then = before.get(one.question)
        told = (f"{then.cpu:.2f}", f"{one.cpu / then.cpu:.1f}", f"{then.peak_mb:.2f}", f"{then.cells:,}") if then else ("", "", "", "")
        cpu, times, peak, cells = told
        table.add_row(one.figure, one.by, one.store, f"{one.cpu:.2f}", cpu, times, f"{one.peak_mb:.2f}", peak, f"{one.cells:,}", cells)
    return table


def faults(found: Sequence[Taken], before: Mapping[tuple[str, ...], Taken], copies: int, customers: int) -> Iterator[str]:
    """What is not as it is wanted: `customers` more than `before`, which were a `copies`th."""
    for one in found:
        named = f"{one.figure or one.section} {f'by {one.by} ' if one.by else ''}of {one.store}"
        if not one.figure and one.cpu > WANTED_SECONDS:
            yield f"{named}: {one.cpu:.1f} s, above {WANTED_SECONDS:.0f} s"
        then = before.get(one.question)
        if then is None:
            continue
        if one.cpu > NOISE_SECONDS and one.cpu > GROWTH_MAX * copies * max(then.cpu, NOISE_SECONDS / copies):
            yield f"{named}: {one.cpu:.2f} s, and {then.cpu:.3f} s of a {copies}th: worse than linear"
        if one.cells <= 1.1 * then.cells and (one.peak_mb - then.peak_mb) * 2**20 > BYTES_PER_CUSTOMER_MAX * customers:
            yield f"{named}: Python holds {one.peak_mb:.1f} MB, and {then.peak_mb:.1f} MB of a {copies}th, for as many cells"


async def run(world: World, copies: int, postgres: str, sqlite: bool, only: Sequence[str], say: Callable[[str], None]) -> list[Taken]:
    say("deriving the read models")
    folder = ingested(world)
    until = instant(rfc3339(f"{(world.start + timedelta(days=world.days)).isoformat()}T00:00:00Z"))
    found = []
    say("filling PostgreSQL")
    async with stores(folder, copies, postgres, sqlite=sqlite) as filled:
        async for one in measured(filled, until, only):
            say(f"{one.store}: {one.section} {one.figure} {one.by} {one.cpu:.3f} s")
            found.append(one)
    return found


def earlier(file: Path) -> dict[tuple[str, ...], Taken]:
    """What an earlier run took, by question."""
    if not file.exists():
        return {}
    found = [Taken(**one) for one in json.loads(file.read_text())["questions"]]
    return {one.question: one for one in found}


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
    server: Annotated[bool, typer.Option("--postgresql", help="PostgreSQL alone.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where all of it goes, as JSON.")] = None,
) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    world = World(customers=customers, days=days)
    out = out or bench_folder() / f"figures-{customers * copies}.json"
    folder = bench_folder("services") / f"figures-{os.getpid()}"
    keeper = None
    try:
        with console.status("starting") as status:
            if not postgres and not lite:
                from tests.services.postgres import start_postgres

                folder.mkdir()
                keeper = start_postgres(folder / "postgres")
                postgres = keeper.address
            say = status.update if console.is_terminal else lambda text: print(text, file=sys.stderr, flush=True)
            found = asyncio.run(run(world, copies, postgres, lite or not server, only or (), say))
    finally:
        if keeper is not None:
            keeper.stop()
        shutil.rmtree(folder, ignore_errors=True)
    out.write_text(json.dumps(written(world, copies, found), indent=1) + "\n", encoding="utf-8")
    console.print(sections_shown(found))
    before = earlier(bench_folder() / f"figures-{customers}.json") if copies > 1 else {}
    console.print(slowest_shown(found, before))
    console.print(
        f"{customers * copies:,} customers, {count(world.file()) * copies:,} touchpoints in {days} days ({days / 365:.1f} years)."
        f" All of it: {out}",
        markup=False,
    )
    for fault in faults(found, before, copies, customers * (copies - 1)):
        console.print(fault, style="red", markup=False)


if __name__ == "__main__":
    typer.run(main)
