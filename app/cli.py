"""The command `journey`. Each command refuses in one line what it can't do, and exits 1."""

import asyncio
import gc
import getpass
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from importlib.metadata import version
from importlib.resources import files
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from app import demonstration, show, show_reports
from app.arguments import Data, File, Json, Until, asked_until, day_of, in_zone, share_of
from app.engine import Engine, Summary, opened, reading
from app.printing import as_json, note, pairs, progress, refusal
from app.reading import STDIN, Watched, check, json_lines, lines, named
from app.simulation import simulate, spoil
from app.wiring import Servers, data_folder, needs_clients, where
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import day
from projections import marketing_report, sales_report
from schemas.csv_dry_run import dry_run as try_out
from schemas.csv_map import load_map
from schemas.decode import decode
from schemas.definition_files import default_definition, dump_definition, load_definition
from schemas.incoming import Incoming
from schemas.outside_names import outside_names
from schemas.segment import read_segment
from streams.timeline import timeline

DISTRIBUTION = "customer-journey-engine"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
definition_app = typer.Typer(no_args_is_help=True, help="What a journey is: stages, rules, scoring, channels.")
app.add_typer(definition_app, name="definition")


Loaded = TypeVar("Loaded")


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


class Action(StrEnum):
    list = "list"
    show = "show"


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
    csv_map = None if map is None else _first_told(lambda: load_map(map), "--dry-run lists them", every=dry_run)
    if csv_map is not None and dry_run:
        found = try_out(csv_map, paths, decode)
        show.dry_run(found, json=json)
        _strictly(strict, sum(letters.count for letters in found.dead.values()))
        return
    # Read here, so that a file that does not fit its map is refused before there is any data.
    rows = None if csv_map is None else csv_map.read(paths)
    size = sum(path.stat().st_size for path in paths if path.is_file())

    async def run(engine: Engine) -> Summary:
        await _start(engine)
        incoming = rows
        if incoming is None:
            incoming = json_lines(paths) if format is Format.cloudevents else _segment(paths, await engine.definition())
        with progress(size, "taking in") as tell:
            watched = Watched(incoming, tell)
            summary = await engine.ingest(watched)
        if watched.simulated:
            await demonstration.note_simulated(engine)
        return summary

    summary = _write(data, run)
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
    summary, demand, deals = _write(folder, lambda engine: demonstration.play(engine, customers))
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

    status = uvloop.run(_with_servers(place, lambda engine: work(engine, place.instance, only, note)))
    if status:
        raise typer.Exit(status)


# --- asking


@app.command()
def report(model: Model, data: Data = None, until: Until = None, json: Json = False) -> None:
    """Marketing's or sales' read model, as a report. Reports stand at ends of days."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        definition = await engine.definition()
        at = in_zone(asked, definition.zone)
        if model is Model.marketing:
            answer: Any = await marketing_report.report(engine.marketing, definition, at)
        else:
            answer = await sales_report.report(engine.sales, definition, at)
        today = date.fromisoformat(day(at, definition.zone))
        return answer, await demonstration.is_simulated(engine), today

    answer, simulated, today = _read(data, run)
    if json:
        as_json({**asdict(answer), "simulated": simulated})
        return
    if model is Model.marketing:
        show_reports.marketing(answer, simulated=simulated)
    else:
        show_reports.sales(answer, simulated=simulated)
    if until is None:
        note(f"today is not over, so it is not in it; --until {today} has what is known of it")


@app.command("timeline")
def timeline_command(
    id: Annotated[str, typer.Argument(metavar="ID", help="user:…, anon:…, deal:…, campaign:…, content:…, account:…", show_default=False)],
    data: Data = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """One customer's whole story: touchpoints, and what they brought about by which rule."""
    asked = asked_until(until)

    async def run(engine: Engine) -> Any:
        definition = await engine.definition()
        return await timeline(definition, engine.record, id, in_zone(asked, definition.zone)), await demonstration.is_simulated(engine)

    story, simulated = _read(data, run)
    if json:
        as_json({**asdict(story), "simulated": simulated})
    else:
        show.timeline(story, simulated=simulated)


@app.command()
def digest(data: Data = None, json: Json = False) -> None:
    """Hashes over the whole content of both read models: equal histories give equal digests."""
    answer = _read(data, lambda engine: engine.digest())
    if json:
        as_json(answer)
    else:
        pairs(answer)


@app.command("dead-letters")
def dead_letters(
    action: Annotated[Action, typer.Argument(help="list, or show N.")] = Action.list,
    number: Annotated[int | None, typer.Argument(metavar="N", help="With show: which one.", show_default=False)] = None,
    after: Annotated[int, typer.Option(min=0, help="With list: those after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="With list: how many.")] = 100,
    raw: Annotated[bool, typer.Option("--raw", help="With show: write its bytes as they came, and nothing else.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """What could not be read, kept as bytes with the reason; and conflicts, where two bodies came under one id."""
    if action is Action.show:
        if number is None:
            raise Refused("which one? journey dead-letters show N, with a number that `journey dead-letters` lists")
        one = _read(data, lambda engine: engine.desk.show(number))
        if one is None:
            raise Refused(f"there is no dead letter {number}")
        if raw:
            sys.stdout.buffer.write(one.raw)
        else:
            show.dead_letter(one, json=json)
        return
    if number is not None or raw:
        raise Refused("a number and --raw go with show: journey dead-letters show N")

    async def run(engine: Engine) -> Any:
        return await engine.desk.codes(), await engine.desk.kept(after=after, limit=limit), await engine.desk.conflicts()

    codes, kept, conflicts = _read(data, run)
    show.dead_letters(codes, kept, conflicts, json=json)


# --- the definition


@definition_app.command("check")
def definition_check(file: File, json: Json = False) -> None:
    """Read a definition and say what is wrong with it, each mistake with file and line."""
    definition = load_definition(file)
    answer = {"file": str(file), "name": definition.name, "fingerprint": definition.fingerprint}
    if json:
        as_json(answer)
    else:
        pairs(answer)


@definition_app.command("show")
def definition_show(
    data: Data = None,
    default: Annotated[bool, typer.Option("--default", help="The one that ships, with its comments: to copy and change.")] = False,
    json: Json = False,
) -> None:
    """Print the definition in use, as YAML."""
    if default:
        definition, text = default_definition(), files("schemas").joinpath("definitions", "default.yaml").read_text("utf-8")
    else:
        definition = _read(data, lambda engine: engine.definition())
        text = dump_definition(definition)
    if json:
        as_json({"fingerprint": definition.fingerprint, **definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)})
    else:
        sys.stdout.write(text)


@definition_app.command("use")
def definition_use(
    file: File,
    data: Data = None,
    actor: Annotated[str | None, typer.Option(help="Who decides this. Default: you.", show_default=False)] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    json: Json = False,
) -> None:
    """Use another definition: it is recorded in the control log, and everything is derived again by it."""
    definition = _first_told(lambda: load_definition(file), f"journey definition check {file} lists them")

    async def run(engine: Engine) -> dict[str, Any]:
        await _start(engine)
        before = (await engine.definition()).fingerprint
        if before != definition.fingerprint:
            await engine.use(definition, file=str(file), actor=actor or _user(), reason=reason)
            await _start(engine)
        return {"before": before, "definition": definition.fingerprint, "position": await engine.record.position()}

    answer = _write(data, run)
    if answer["before"] == answer["definition"]:
        note("it is in use already; nothing was changed")
    if json:
        as_json(answer)
    else:
        pairs(answer)


def _first_told(load: Callable[[], Loaded], where: str, *, every: bool = False) -> Loaded:
    """What `load` gives. Of several mistakes in a file only the first is told, and where to see the others."""
    try:
        return load()
    except Refused as error:
        first, *more = str(error).splitlines()
        if every or not more:
            raise
        raise Refused(f"{first} (and {len(more)} more: {where})") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


# --- doors


Run = Callable[[Any], Coroutine[Any, Any, Any]]
"""What a command does with an engine: the embedded one or the distributed one, which answer alike."""


def _write(data: Path | None, run: Run) -> Any:
    place = where(data)
    try:
        if isinstance(place, Servers):
            return asyncio.run(_with_servers(place, run))
        with opened(place) as engine:
            return asyncio.run(run(engine))
    except KeyboardInterrupt:
        refusal("interrupted; what was acknowledged is kept, and the same command goes on from there")
        raise typer.Exit(130) from None


async def _start(engine: Engine) -> None:
    """Bring the data up to date, which takes a while where everything is derived again."""
    with progress(None, "bringing the data up to date"):
        await engine.start(note)


def _read(data: Path | None, run: Run) -> Any:
    place = where(data)
    if isinstance(place, Servers):
        return asyncio.run(_with_servers(place, run))
    with reading(place) as engine:
        return asyncio.run(run(engine))


async def _with_servers(place: Servers, run: Run) -> Any:
    # Its clients take half a second to load, which the embedded commands need not wait for.
    needs_clients()
    from app import distributed

    async with distributed.opened(place, note) as engine:
        return await run(engine)


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
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is left is not to be written when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        refusal(": ".join(str(part) for part in (error.filename, error.strerror) if part is not None))
    return 1


def main() -> None:
    # Most of what is made lives as long as the process: looking through it again and again doubles the CPU time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.exit(run())


if __name__ == "__main__":
    main()
