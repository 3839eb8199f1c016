"""The command `journey`. Each command refuses in one line what it can't do, and exits 1."""

import asyncio
import gc
import getpass
import sys
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app import show
from app.engine import Engine, now, opened, reading
from app.reading import STDIN, json_lines, lines, open_file
from app.simulation import simulate, spoil
from app.wiring import data_folder
from journey.errors import Refused
from journey.instants import Instant, instant, start_of_day
from projections import marketing_report, sales_report
from schemas.csv_dry_run import dry_run
from schemas.csv_map import load_map
from schemas.decode import decode
from schemas.definition_files import default_definition, dump_definition, load_definition
from schemas.incoming import Incoming
from schemas.outside_names import outside_names
from schemas.segment import read_segment
from streams.timeline import timeline

DEMO_START, DEMO_DAYS, DEMO_CUSTOMERS, DEMO_SEED = date(2025, 1, 1), 180, 4000, 7

app = typer.Typer(no_args_is_help=True, add_completion=False, help="An event-sourced customer journey engine.", pretty_exceptions_enable=False)
definition_app = typer.Typer(no_args_is_help=True, help="What a journey is: stages, rules, scoring, channels.")
app.add_typer(definition_app, name="definition")

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the embedded data. Default: ./journey-data", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Until = Annotated[
    str | None, typer.Option("--until", help="Ask until this instant or day, inclusive. Default: now.", metavar="TIME", show_default=False)
]


class Model(StrEnum):
    marketing = "marketing"
    sales = "sales"


class Format(StrEnum):
    cloudevents = "cloudevents"
    segment = "segment"


# --- putting touchpoints in


@app.command("simulate")
def simulate_command(
    customers: Annotated[int, typer.Option(min=1, help="People in the simulated world.")] = 2000,
    days: Annotated[int, typer.Option(min=1)] = 180,
    seed: Annotated[int, typer.Option()] = 7,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = DEMO_START.isoformat(),
    late: Annotated[str, typer.Option(help="Share that arrives late, such as 5%.")] = "0%",
    duplicates: Annotated[str, typer.Option(help="Share that is sent twice.")] = "0%",
    shuffled: Annotated[bool, typer.Option("--shuffled", help="In no order at all.")] = False,
    broken: Annotated[str, typer.Option(help="Share of unreadable records put in between.")] = "0%",
) -> None:
    """Write the touchpoints of a simulated company to standard output, one a line. The same arguments give the same bytes."""
    shares = {"late": _share("--late", late), "duplicates": _share("--duplicates", duplicates), "broken": _share("--broken", broken)}
    try:
        made: Iterable[bytes] = simulate(customers=customers, days=days, seed=seed, start=_date("--start", start))
        if any(shares.values()) or shuffled:
            made = spoil(made, seed=seed, shuffled=shuffled, **shares)
    except ValueError as error:
        raise Refused(str(error)) from error
    if sys.stdout.isatty():
        show.note("These touchpoints are simulated. To keep them: journey simulate > touchpoints.jsonl")
    out = sys.stdout.buffer
    for line in made:
        out.write(line + b"\n")
    out.flush()


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or - for standard input.", show_default=False)],
    data: Data = None,
    map: Annotated[Path | None, typer.Option("--map", help="YAML map of a CSV.", show_default=False)] = None,
    format: Annotated[Format, typer.Option("--format", help="What the lines of a file are.")] = Format.cloudevents,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --map: say what would come of it, and change nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when anything became a dead letter.")] = False,
    json: Json = False,
) -> None:
    """Take in touchpoints. Returns when both read models have them; run again, it changes nothing that is in already."""
    if dry_run and map is None:
        raise Refused("--dry-run goes with --map; without one, a file is read as it is")
    if map is not None and format is not Format.cloudevents:
        raise Refused("--map reads CSV; leave --format out")
    for path in paths:
        if str(path) != STDIN:
            open_file(path).close()
    if dry_run and map is not None:
        show.dry_run(_dry_run(map, paths), as_json=json)
        return
    size = sum(path.stat().st_size for path in paths if path.is_file())

    async def run(engine: Engine) -> Any:
        await engine.start(show.note)
        incoming = _incoming(paths, map, format, (await engine.definition()).outside_names)
        with show.progress(size) as tell:
            return await engine.ingest(_weighed(incoming, tell))

    summary = _write(data, run)
    show.summary(summary, as_json=json)
    if strict and summary.dead_letters:
        raise typer.Exit(1)


def _incoming(paths: list[Path], map: Path | None, format: Format, stated: dict[str, dict[str, Any]]) -> Iterable[Incoming]:
    if map is not None:
        return load_map(map).read(paths)
    if format is Format.segment:
        names = outside_names(stated)
        return (one for path in paths for one in read_segment((line for _, line in lines(path)), str(path), names))
    return json_lines(paths)


def _weighed(incoming: Iterable[Incoming], tell: Callable[[int], None]) -> Iterable[Incoming]:
    """`incoming`, telling about its bytes now and then."""
    weight = 0
    for count, one in enumerate(incoming, start=1):
        weight += len(one.raw) + 1
        if count % 1000 == 0:
            tell(weight)
            weight = 0
        yield one
    tell(weight)


def _dry_run(map: Path, paths: list[Path]) -> Any:
    return dry_run(load_map(map), paths, decode)


@app.command()
def demo(
    data: Annotated[Path, typer.Option("--data", help="Folder for the demo's data; what is in it is replaced.")] = Path(".demo-data"),
    customers: Annotated[int, typer.Option(min=1)] = DEMO_CUSTOMERS,
) -> None:
    """A simulated company, from its touchpoints to both read models."""
    folder = data_folder(data)
    if folder.exists() and any(folder.iterdir()) and not (folder / ".journey-demo").exists():
        raise Refused(f"{folder} is not empty and was not made by the demo; name another folder with --data")
    for name in ("journey.db", "marketing.db", "sales.db"):
        for rest in ("", "-wal", "-shm"):
            (folder / (name + rest)).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".journey-demo").touch()
    last = start_of_day(DEMO_START + timedelta(days=DEMO_DAYS), "UTC") - 1
    made = simulate(customers=customers, days=DEMO_DAYS, seed=DEMO_SEED, start=DEMO_START)
    # Late and twice, as it is in life: the answers are the same.
    sent = spoil(made, seed=DEMO_SEED, late=0.05, duplicates=0.05, broken=0.001)

    async def run(engine: Engine) -> Any:
        await engine.start(show.note)
        with show.progress(None, "simulating and placing touchpoints") as tell:
            records = (Incoming(line, "simulation", f"simulation:{number}") for number, line in enumerate(sent, start=1))
            summary = await engine.ingest(records, lambda read: tell(0))
        definition = await engine.definition()
        demand = await marketing_report.report(engine.marketing, definition, last)
        deals = await sales_report.report(engine.sales, definition, last)
        return summary, demand, deals

    summary, demand, deals = _write(folder, run)
    show.note(f"A simulated company: {customers} people, {DEMO_DAYS} days from {DEMO_START}, 5 % late, 5 % sent twice, 0.1 % unreadable.")
    show.summary(summary, as_json=False)
    show.marketing(demand)
    show.sales(deals)
    person = deals.top_leads[0].person if deals.top_leads else "user:1000"
    show.note(f"These figures are simulated. Look around: .venv/bin/journey timeline {person} --data {folder}")


# --- asking


@app.command()
def report(model: Model, data: Data = None, until: Until = None, json: Json = False) -> None:
    """Marketing's or sales' read model, as a report."""
    at = _until(until)

    async def run(engine: Engine) -> Any:
        definition = await engine.definition()
        if model is Model.marketing:
            return await marketing_report.report(engine.marketing, definition, at)
        return await sales_report.report(engine.sales, definition, at)

    answer = _read(data, run)
    if json:
        show.as_json(answer)
    elif model is Model.marketing:
        show.marketing(answer)
    else:
        show.sales(answer)


@app.command("timeline")
def timeline_command(
    id: Annotated[str, typer.Argument(help="user:…, anon:…, deal:…", show_default=False)], data: Data = None, until: Until = None, json: Json = False
) -> None:
    """One customer's whole story: touchpoints, and what they brought about by which rule."""
    at = _until(until)

    async def run(engine: Engine) -> Any:
        return await timeline(await engine.definition(), engine.record, id, at)

    answer = _read(data, run)
    if json:
        show.as_json(answer)
    else:
        show.timeline(answer)


@app.command()
def digest(data: Data = None, json: Json = False) -> None:
    """Hashes over the whole content of both read models: equal histories give equal digests."""
    answer = _read(data, lambda engine: engine.digest())
    if json:
        show.as_json(answer)
    else:
        show.pairs(answer)


@app.command("dead-letters")
def dead_letters(
    action: Annotated[str, typer.Argument(help="list, or show.")] = "list",
    number: Annotated[int | None, typer.Argument(help="With show: which one.", show_default=False)] = None,
    after: Annotated[int, typer.Option(min=0, help="With list: those after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    data: Data = None,
    json: Json = False,
) -> None:
    """What could not be read, kept as bytes with the reason; and conflicts, where two bodies came under one id."""
    if action not in ("list", "show"):
        raise Refused(f"dead-letters {action} is no command; use list, or show N")
    if action == "show":
        if number is None:
            raise Refused("which one? journey dead-letters show N, with a number that `journey dead-letters` lists")
        one = _read(data, lambda engine: engine.desk.show(number))
        if one is None:
            raise Refused(f"there is no dead letter {number}")
        show.dead_letter(one, as_json=json)
        return

    async def run(engine: Engine) -> Any:
        return await engine.desk.codes(), await engine.desk.kept(after=after, limit=limit), await engine.desk.conflicts()

    codes, kept, conflicts = _read(data, run)
    show.dead_letters(codes, kept, conflicts, as_json=json)


# --- the definition


@definition_app.command("check")
def definition_check(file: Path, json: Json = False) -> None:
    """Read a definition and say what is wrong with it, with file and line."""
    definition = load_definition(file)
    answer = {"file": str(file), "name": definition.name, "fingerprint": definition.fingerprint}
    if json:
        show.as_json(answer)
    else:
        show.pairs(answer)


@definition_app.command("show")
def definition_show(data: Data = None, default: Annotated[bool, typer.Option("--default", help="The one that ships.")] = False) -> None:
    """Print the definition in use, as YAML."""
    folder = data_folder(data)
    if default or not (folder / "journey.db").exists():
        sys.stdout.write(dump_definition(default_definition()))
        return
    sys.stdout.write(dump_definition(_read(data, lambda engine: engine.definition())))


@definition_app.command("use")
def definition_use(
    file: Path,
    data: Data = None,
    actor: Annotated[str | None, typer.Option(help="Who decides this. Default: you.", show_default=False)] = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    json: Json = False,
) -> None:
    """Use another definition: it is recorded in the control log, and everything is derived again by it."""
    definition = load_definition(file)

    async def run(engine: Engine) -> dict[str, Any]:
        await engine.start(show.note)
        before = (await engine.definition()).fingerprint
        if before != definition.fingerprint:
            await engine.use(definition, file=str(file), actor=actor or getpass.getuser(), reason=reason)
            await engine.start(show.note)
        return {"before": before, "definition": definition.fingerprint, "position": await engine.record.position()}

    answer = _write(data, run)
    if json:
        show.as_json(answer)
    else:
        show.pairs(answer)


# --- doors


def _write(data: Path | None, run: Callable[[Engine], Coroutine[Any, Any, Any]]) -> Any:
    with opened(data_folder(data)) as engine:
        return asyncio.run(run(engine))


def _read(data: Path | None, run: Callable[[Engine], Coroutine[Any, Any, Any]]) -> Any:
    with reading(data_folder(data)) as engine:
        return asyncio.run(run(engine))


def _until(text: str | None) -> Instant:
    """An instant, or the end of a day in UTC."""
    if text is None:
        return now()
    try:
        if len(text) == 10:
            return start_of_day(date.fromisoformat(text) + timedelta(days=1), "UTC") - 1
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--until {text!r} is no time; write 2025-06-30 or 2025-06-30T12:00:00Z") from None
    if moment.tzinfo is None:
        raise Refused(f"--until {text!r} has no zone; write {text}Z for UTC")
    return instant(moment.astimezone(UTC))


def _date(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{name} {text!r} is no date; write YYYY-MM-DD") from None


def _share(name: str, text: str) -> float:
    """5% or 0.05."""
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise Refused(f"{name} {text!r} is no share; write 5% or 0.05") from None
    if not 0 <= share <= 1:
        raise Refused(f"{name} {text!r} is not between 0% and 100%")
    return share


def main() -> None:
    """The command. A mistake of the user's is one line and exit status 1."""
    # Most of what is made lives as long as the process: looking through it again and again doubles the CPU time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        app()
    except Refused as error:
        show.refusal(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        show.refusal("interrupted; what was acknowledged is kept, and the same command goes on from there")
        sys.exit(130)


if __name__ == "__main__":
    main()
