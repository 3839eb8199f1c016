"""`journey ingest`: files of touchpoints, taken in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.engine.access import definition_there, start, user, write
from app.engine.clock import now
from app.engine.file_imports import Files, tried_out
from app.engine.json_files import STDIN, check, json_files
from app.engine.ports import Engine
from app.engine.summary import Summary
from app.text import ingest as show
from app.text.arguments import Data, Json, first_told, name_of
from app.text.printing import note, progress
from journey.errors import Refused
from schemas.json_formats import Format
from streams.operators import By

if TYPE_CHECKING:
    from schemas.csv_map import CsvMap

app = typer.Typer(add_completion=False)


@app.command()
def ingest(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Files, plain or compressed with gzip; - is standard input.", show_default=False, readable=False
        ),
    ],
    data: Data = None,
    map: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="The files are CSV, and this map says what their columns mean: a YAML file, or a name that `journey maps` lists.",
            metavar="MAP",
            readable=False,
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone",
            help="With --map: the time zone of the times in the files, such as America/New_York. Default: the map's.",
            metavar="ZONE",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", help="The format of JSON files; auto: recognised by their first events.")
    ] = Format.auto,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be taken in, and take nothing in.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if anything became a dead letter.")] = False,
    json: Json = False,
) -> None:
    """Take in touchpoints. Returns when both read models have them. Running it again with the same files changes nothing."""
    if map is not None and format is not Format.auto:
        raise Refused("--map reads CSV, and --format says what files of JSON hold; give one of them")
    if map is None and zone is not None:
        raise Refused("--zone goes with --map; a time in JSON says its zone")
    for path in paths:
        check(path)
        if map is None and path.suffix.lower() == ".csv":
            raise Refused(f"{path} is CSV; say what its columns mean with --map FILE or NAME (journey maps lists those that ship)")
        if map is not None and str(path) == STDIN:
            raise Refused("a map goes by the names of files, and standard input has none; put it in a file")
    csv_map: CsvMap | None = None
    if map is not None:
        from schemas.shipped_maps import asked_map  # Only those who have a map wait until maps are understood.

        csv_map = first_told(lambda: asked_map(map, zone), "--dry-run lists them", every=dry_run)
    if dry_run:
        dead = _try_out(csv_map, paths, format, data, json=json)
        _note_assumed(csv_map, zone, paths)
        _strictly(strict, dead)
        return
    # Looked at here, so that a file that does not fit is refused before there is any data.
    read_as = {} if map is None else {"map": name_of(map), **({} if zone is None else {"zone": zone})}
    files = Files(paths, csv_map, json_files(paths, format) if csv_map is None else [], read_as)
    _note_assumed(csv_map, zone, paths)
    size = sum(path.stat().st_size for path in paths if path.is_file())

    async def run(engine: Engine) -> Summary:
        await start(engine)
        return await files.take_in(engine, By(now(), user(), ""), lambda: progress(size, "taking in", bytes=True))

    summary = write(data, run, begins=True)
    show.summary(summary, files.noticed, json=json)
    _strictly(strict, summary.dead_letters.total())


def _note_assumed(csv_map: "CsvMap | None", zone: str | None, paths: list[Path]) -> None:
    """Say what a map that ships takes for granted of an export that it can't know."""
    if csv_map is None:
        return
    from schemas.shipped_maps import assumed  # as above

    if (said := assumed(csv_map, zone, paths)) is not None:
        note(said)


def _try_out(csv_map: "CsvMap | None", paths: list[Path], format: Format, data: Path | None, *, json: bool) -> int:
    """Show what would come of `paths`. Returns how many dead letters."""
    from app.text.dry_run import dry_run as show_dry_run

    found = tried_out(paths, csv_map, json_files(paths, format) if csv_map is None else [], definition_there(data))
    show_dry_run(found, json=json)
    return sum(letters.count for letters in found.dead.values())


def _strictly(strict: bool, dead: int) -> None:
    if strict and dead:
        raise Refused(f"--strict, and {dead:,} of the records {'is a dead letter' if dead == 1 else 'are dead letters'}")
