"""The command `journey`. Each command refuses in one line what it can't do, and exits 1."""

import gc
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from app import cli_dead_letters, cli_definition, cli_identity, demonstration, show, show_reports
from app.arguments import Data, Json, KnownAt, Until, asked_until, day_of, first_told, in_zone, share_of
from app.cli_audit import audit
from app.cli_explain import explain
from app.cli_rebuild import rebuild
from app.cli_reconcile import reconcile
from app.cli_timeline import timeline
from app.doors import read, start, with_servers, write
from app.engine import Engine, Summary
from app.knowing import known, read_model
from app.printing import as_json, note, pairs, progress, refusal
from app.reading import STDIN, Watched, check, json_lines, lines, named
from app.simulation import simulate, spoil
from app.wiring import Servers, data_folder, needs_clients, where
from journey.definition import Definition
from journey.errors import Away, Refused
from journey.instants import day
from projections import marketing_report, sales_report
from projections.marketing import marketing
from projections.sales import sales
from schemas.csv_dry_run import dry_run as try_out
from schemas.csv_map import load_map
from schemas.decode import decode
from schemas.incoming import Incoming
from schemas.outside_names import outside_names
from schemas.segment import read_segment

DISTRIBUTION = "customer-journey-engine"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(cli_definition.app, name="definition")
app.add_typer(cli_dead_letters.app, name="dead-letters")
app.add_typer(cli_identity.app, name="identity")


class Model(StrEnum):
    marketing = "marketing"
    sales = "sales"


class Format(StrEnum):
    cloudevents = "cloudevents"
    segment = "segment"


class Only(StrEnum):
    """The parts of a worker's work."""

    placement = "placement"
    marketing = "marketing"
    sales = "sales"


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"journey {version(DISTRIBUTION)}\n")
        raise typer.Exit


@app.callback(help="An event-sourced customer journey engine: touchpoints in, exact marketing and sales read models out.")
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options of the command itself."""


# --- putting touchpoints in


@app.command("simulate")
def simulate_command(
    customers: Annotated[int, typer.Option(min=1, help="People in the simulated world.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="How long it is played.")] = 180,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = demonstration.START.isoformat(),
    late: Annotated[str, typer.Option(help="Share that arrives late, such as 5%.")] = "0%",
    duplicates: Annotated[str, typer.Option(help="Share that is sent twice.")] = "0%",
    shuffled: Annotated[bool, typer.Option("--shuffled", help="In no order at all.")] = False,
    broken: Annotated[str, typer.Option(help="Share of unreadable records put in between.")] = "0%",
) -> None:
    """Write the touchpoints of a simulated company to standard output, one a line. The same arguments give the same bytes."""
    shares = {"late": share_of("--late", late), "duplicates": share_of("--duplicates", duplicates), "broken": share_of("--broken", broken)}
    try:
        made: Iterable[bytes] = simulate(customers=customers, days=days, seed=seed, start=day_of("--start", start))
        if any(shares.values()) or shuffled:
            made = spoil(made, seed=seed, shuffled=shuffled, **shares)
    except ValueError as error:
        raise Refused(str(error)) from error
    if sys.stdout.isatty():
        note("These touchpoints are simulated. To keep them: journey simulate > touchpoints.jsonl")
    out = sys.stdout.buffer
    for line in made:
        out.write(line + b"\n")


@app.command()
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, or - for standard input.", show_default=False, readable=False)
    ],
    data: Data = None,
    map: Annotated[
        Path | None,
        typer.Option("--map", help="The files are CSV, and this YAML map says what their columns mean.", metavar="FILE", readable=False),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="What a line of the files is.")] = Format.cloudevents,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --map: say what would come of it, and take nothing in.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when anything became a dead letter.")] = False,
    json: Json = False,
) -> None:
    """Take in touchpoints. Returns when both read models have them; run again, it changes nothing that is in already."""
    if map is None and dry_run:
        raise Refused("--dry-run goes with --map; without one, a file is read as it is")
    if map is not None and format is not Format.cloudevents:
        raise Refused("--map reads CSV, and --format says what lines of JSON are; give one of them")
    for path in paths:
        check(path)
        if map is None and path.suffix.lower() == ".csv":
            raise Refused(f"{path} is CSV; say what its columns mean with --map FILE (examples/maps has some to start from)")
        if map is not None and str(path) == STDIN:
            raise Refused("a map goes by the names of files, and standard input has none; put it in a file")
    csv_map = None if map is None else first_told(lambda: load_map(map), "--dry-run lists them", every=dry_run)
    if csv_map is not None and dry_run:
        found = try_out(csv_map, paths, decode)
        show.dry_run(found, json=json)
        _strictly(strict, sum(letters.count for letters in found.dead.values()))
        return
    # Read here, so that a file that does not fit its map is refused before there is any data.
    rows = None if csv_map is None else csv_map.read(paths)
    size = sum(path.stat().st_size for path in paths if path.is_file())

    async def run(engine: Engine) -> Summary:
        await start(engine)
        incoming = rows
        if incoming is None:
            incoming = json_lines(paths) if format is Format.cloudevents else _segment(paths, await engine.definition())
        with progress(size, "taking in", bytes=True) as tell:
            watched = Watched(incoming, tell)
            summary = await engine.ingest(watched)
        if watched.simulated:
            await demonstration.note_simulated(engine)
        return summary

    summary = write(data, run)
    show.summary(summary, json=json)
    _strictly(strict, summary.dead_letters.total())


def _segment(paths: list[Path], definition: Definition) -> Iterator[Incoming]:
    names = outside_names(definition.outside_names)
    for path in paths:
        yield from read_segment((line for _, line in lines(path)), named(path), names)


def _strictly(strict: bool, dead: int) -> None:
    if strict and dead:
        raise Refused(f"--strict, and {dead:,} of the records {'is a dead letter' if dead == 1 else 'are dead letters'}")


@app.command()
def demo(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Folder of the demo's data; the demo's own is replaced.", readable=False)
    ] = Path(".demo-data"),
    customers: Annotated[int, typer.Option(min=1, help="People in the simulated world.")] = demonstration.CUSTOMERS,
) -> None:
    """A simulated company, from its touchpoints to both read models."""
    folder = data_folder(data)
    demonstration.cleared(folder)
    summary, demand, deals = write(folder, lambda engine: demonstration.play(engine, customers))
    show.summary(summary, short=True)
    sys.stdout.write("\n")
    show_reports.marketing(demand, simulated=True)
    show_reports.sales(deals, simulated=True)
    show.next_steps(
        f"All of this is simulated, {demonstration.START} to {demonstration.ENDS}. Look around:",
        [
            f"timeline {deals.top_leads[0].person if deals.top_leads else 'company:self'} --until {demonstration.ENDS} --data {folder}",
            f"report marketing --until {demonstration.HALF} --data {folder}",
            f"dead-letters --data {folder}",
            f"digest --data {folder}",
            "--help",
        ],
    )


@app.command()
def worker(
    only: Annotated[Only | None, typer.Option("--only", help="Do this part of the work only.", show_default=False)] = None,
) -> None:
    """Place what is published to Kafka and keep both read models up to date, until it is told to stop.

    Needs JOURNEY_KAFKA and JOURNEY_POSTGRES.
    """
    place = where(None)
    if not isinstance(place, Servers):
        raise Refused("a worker works for the distributed runtime; set JOURNEY_KAFKA and JOURNEY_POSTGRES (embedded data needs none)")
    needs_clients()
    import uvloop

    from app.worker import work  # as above

    try:
        # A read model whose server is away holds up itself only.
        status = uvloop.run(with_servers(place, lambda engine: work(engine, place.instance, only, note), prepared=False))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if status:
        raise typer.Exit(status)


# --- asking


@app.command()
def report(model: Model, data: Data = None, until: Until = None, known_at: KnownAt = None, json: Json = False) -> None:
    """Marketing's or sales' read model, as a report. Reports stand at ends of days."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        was = await known(engine, known_at)
        definition = was.definition
        at = in_zone(asked, definition.zone)
        report = marketing_report.report if model is Model.marketing else sales_report.report
        if known_at is None:
            answer: Any = await report(engine.marketing if model is Model.marketing else engine.sales, definition, at)
        else:
            async with read_model(marketing if model is Model.marketing else sales, was) as store:
                answer = await report(store, definition, at)
        today = date.fromisoformat(day(at, definition.zone))
        return answer, await demonstration.is_simulated(engine), today

    answer, simulated, today = read(data, run)
    if json:
        as_json({**asdict(answer), "simulated": simulated})
        return
    if model is Model.marketing:
        show_reports.marketing(answer, simulated=simulated)
    else:
        show_reports.sales(answer, simulated=simulated)
    if until is None:
        note(f"today is not over, so it is not in it; --until {today} has what is known of it")


@app.command()
def digest(data: Data = None, json: Json = False) -> None:
    """Hashes over the whole content of both read models: equal histories give equal digests."""
    answer = read(data, lambda engine: engine.digest())
    if json:
        as_json(answer)
    else:
        pairs(answer)


app.command()(timeline)
app.command()(explain)
app.command()(audit)
app.command()(rebuild)
app.command()(reconcile)


# --- the command itself


def run(arguments: list[str] | None = None) -> int:
    """Run one command. Returns its exit status; a mistake of the user's is one line, and 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app(arguments, prog_name="journey")
        finally:
            sys.stdout.flush()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except Refused as error:
        refusal(str(error))
    except Away as error:
        refusal(f"{error}; try again")
    except BrokenPipeError:
        _leave_unwritten()  # Whoever read our output has seen enough.
    except OSError as error:
        refusal(": ".join(str(part) for part in (error.filename, error.strerror) if part is not None))
        _leave_unwritten()
    return 1


def _leave_unwritten() -> None:
    """What is left of our output is not to be written when Python ends: it would fail once more, and say so in many lines."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    # Most of what is made lives as long as the process: looking through it again and again doubles the CPU time.
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
    gc.enable()
    sys.exit(run())
