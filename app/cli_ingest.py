"""`journey ingest`: files of touchpoints, taken in."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.arguments import Data, Json, first_told, name_of
from app.doors import start, user, write
from app.engine import Engine, Summary, now
from app.imports import begun, stamped
from app.printing import note, progress
from app.reading import STDIN, Watched, check, json_lines, lines, named
from app.simulated import note_simulated
from journey.definition import Definition
from journey.errors import Refused
from schemas.decode import decode
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from schemas.no_ids import check_ids
from schemas.outside_names import Noticed, outside_names
from schemas.segment import SOURCE, Reading, read_segment
from streams.ports import By

if TYPE_CHECKING:
    from schemas.csv_map import CsvMap

app = typer.Typer(add_completion=False)

OTHER_FORMAT = {"not-json", "not-utf-8", "not-an-object", "no-specversion", "unmapped"}
"""Why lines are dead letters that are something else than they were said to be."""


class Format(StrEnum):
    cloudevents = "cloudevents"
    segment = "segment"


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
    noticed = Noticed()
    rows: Iterator[Incoming] | None = None
    if map is not None:
        from schemas.csv_map import load_map  # Only those who have a map wait until maps are understood.

        csv_map = first_told(lambda: load_map(map), "--dry-run lists them", every=dry_run)
        if dry_run:
            _strictly(strict, _try_out(csv_map, paths, json=json))
            return
        # Read here, so that a file that does not fit its map is refused before there is any data.
        rows = csv_map.read(paths, noticed)
    size = sum(path.stat().st_size for path in paths if path.is_file())

    async def run(engine: Engine) -> Summary:
        await start(engine)
        incoming = rows
        if incoming is None:
            incoming = json_lines(paths) if format is Format.cloudevents else _segment(paths, await engine.definition(), noticed)
        read_as = {"format": format.value} if map is None else {"map": name_of(map)}
        number, import_id = await begun(engine, paths, read_as, By(now(), user(), ""))
        with progress(size, "taking in", bytes=True) as tell:
            watched = Watched(incoming, tell)
            summary = await engine.ingest(stamped(watched, import_id))
        await engine.desk.ended(import_id, summary.read)
        summary.number = number
        if watched.simulated:
            await note_simulated(engine)
        return summary

    summary = write(data, run)
    show.summary(summary, noticed, json=json)
    if map is None and not json and _is_something_else(summary):
        note(f"none of it could be read: are these lines what --format {format} says?")
    _strictly(strict, summary.dead_letters.total())


def _try_out(csv_map: "CsvMap", paths: list[Path], *, json: bool) -> int:
    """Show what would come of `paths`. Returns how many dead letters."""
    from app.show_dry_run import dry_run  # as above
    from schemas.csv_dry_run import dry_run as try_out

    is_no_id = default_definition().identity.is_no_id

    def taken_in(body: bytes) -> None:
        if (reason := check_ids(decode(body).touch, is_no_id)) is not None:
            raise reason

    found = try_out(csv_map, paths, taken_in)
    dry_run(found, json=json)
    return sum(letters.count for letters in found.dead.values())


def _segment(paths: list[Path], definition: Definition, noticed: Noticed) -> Iterator[Incoming]:
    by = Reading(
        outside_names(definition.outside_names), definition.default_currency.get(SOURCE, ""), noticed, definition.identity.is_no_id
    )
    for path in paths:
        yield from read_segment(((raw, whole) for _, raw, whole in lines(path)), named(path), by)


def _is_something_else(summary: Summary) -> bool:
    return 0 < summary.read == summary.dead_letters.total() and summary.dead_letters.keys() <= OTHER_FORMAT


def _strictly(strict: bool, dead: int) -> None:
    if strict and dead:
        raise Refused(f"--strict, and {dead:,} of the records {'is a dead letter' if dead == 1 else 'are dead letters'}")
