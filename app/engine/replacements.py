"""What is sent in place of a dead letter, from whoever puts it right: a touchpoint, or the row or call that it was to be."""

import csv
import io
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from app.engine.imports import IMPORT
from app.engine.json_files import STDIN
from app.engine.ports import Engine
from app.text.arguments import first_told
from journey.definition import Definition
from journey.errors import Refused
from schemas.csv_map import DELIMITERS, OF_A_QUERY, CsvMap
from schemas.csv_template import RowNumber
from schemas.decode import Unreadable, decode
from schemas.incoming import Incoming
from schemas.intended import columns_of
from schemas.json_formats import Format, look, read_as
from schemas.json_records import records
from schemas.noticed import Noticed
from schemas.shipped_maps import asked_map, zones
from schemas.strict_json import BODY_BYTES_MAX
from streams.dead_letters import joined
from streams.operators import By, Letter

_BOM = b"\xef\xbb\xbf"


class AsRow(NamedTuple):
    """It is a row of CSV, read with a map and on the clock of a zone: those of the letter's import where nobody says others."""

    map: Path | None = None
    zone: str | None = None


class FixedLetter(NamedTuple):
    """Whether a fix is a new one; and what was taken for granted."""

    is_new: bool
    taken: list[str]


async def fix(engine: Engine, number: int, said: bytes, reading: Format | AsRow, by: By) -> FixedLetter:
    """Keep what `said` comes to as what is sent in place of a letter. Raises Refused where it can't be read either."""
    letter = await engine.desk.show(number)
    if letter is None:
        raise Refused(f"there is no dead letter {number}")
    taken: list[str] = []
    if isinstance(reading, AsRow):
        body = row(said, letter, await _map_of(engine, letter, reading, taken))
    elif (format := format_of(said, reading)) is Format.cloudevents:
        body = event(said)
    else:
        body = call(said, letter, format, await engine.definition())
    return FixedLetter(await engine.desk.fix(number, body, by), taken)


async def _map_of(engine: Engine, letter: Letter, reading: AsRow, taken: list[str]) -> CsvMap:
    """The map that a row is read with. What is taken for granted so is added to `taken`."""
    map, zone = reading
    came = [one for one in await engine.desk.decisions(IMPORT) if one.detail["import_id"] in letter.imports and "map" in one.detail]
    if map is None:
        if not came:
            raise Refused(f"dead letter {letter.kept.number} came with no map; say with --map which one its row is read with")
        map = Path(came[-1].detail["map"])
        taken.append(f"read with the map {came[-1].detail['map']}, as import {came[-1].number} was (--map says another)")
    csv_map = first_told(lambda: asked_map(map, zone), "`journey ingest --map --dry-run` lists them")
    if zone is None and (clocks := zones(csv_map)):
        stated = came[-1].detail.get("zone") if came else None
        whence = "the map says" if stated is None else f"import {came[-1].number} was"
        taken.append(f"times are read on the clock of {stated or ' and '.join(clocks)}, as {whence} (--zone says another)")
        csv_map = asked_map(map, stated)
    return csv_map


def content(path: Path) -> bytes:
    """What is in `path`, or on standard input. Raises Refused."""
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == STDIN else path.open("rb") as file:
            return file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from error


def event(said: bytes) -> bytes:
    """The touchpoint that `said` is. Raises Refused where it is none."""
    try:
        decode(said)
    except Unreadable as error:
        raise Refused(f"the body is no touchpoint either: {error.reason}") from error
    return said


def format_of(said: bytes, asked: Format) -> Format:
    """What a body is; of what is not recognised, a CloudEvent is wanted."""
    found = asked if asked is not Format.auto else look(records(io.BytesIO(said), "", "")).format
    return found or Format.cloudevents


def call(said: bytes, letter: Letter, format: Format, definition: Definition) -> bytes:
    """The touchpoints that are made of a call of Segment's, or an event of PostHog's. Raises Refused."""
    read = records(io.BytesIO(said), letter.kept.source, letter.kept.place)
    return _made("call", read_as(format, read, definition, Noticed()))


def row(said: bytes, letter: Letter, csv_map: CsvMap) -> bytes:
    """The touchpoints that the map makes of a row, which may stand below the line with the columns. Raises Refused."""
    if letter.kept.source.startswith(OF_A_QUERY):
        number, of = letter.kept.number, letter.kept.source
        raise Refused(f"dead letter {number} is a row of {of}; put it right in its file, and ingest that again with all of them")
    name = Path(letter.kept.source).name
    if name in ("", ".."):
        raise Refused(f"dead letter {letter.kept.number} is of no file, and a map goes by the names of files")
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        rules = csv_map.rules_of(path)
        if any(one.has(RowNumber) for rule in rules.touchpoints if rule.id is not None for one in rule.id.several):
            raise Refused(
                "the ids of this map count the rows of a file, and one row is none; put it right in the file, and ingest that again"
            )
        path.write_bytes(b"\n" * (rules.skip_lines or 0) + _below_columns(said.removeprefix(_BOM), letter, rules.delimiter) + b"\n")
        try:
            made = list(csv_map.read([path], Noticed()))
        except Refused as error:
            lacks = "" if columns_of(letter.body) else f"put the line with the columns of {name} above the row: "
            raise Refused(lacks + str(error).replace(f"{folder}/", "")) from error
    if len({one.place for one in made}) != 1:
        raise Refused(f"one row is wanted in place of dead letter {letter.kept.number}, and the map makes touchpoints of {len(made)}")
    return _made("row", made)


def _below_columns(said: bytes, letter: Letter, stated: str | None) -> bytes:
    """`said` with the columns of the letter's file above it, where they are known and not there.

    Where the map does not say by which sign cells are apart, it is the one that gives as many cells as there are columns, or nearly.
    """
    columns = columns_of(letter.body)
    text = said.decode(errors="replace")
    firsts = {one: next(csv.reader(io.StringIO(text), delimiter=one), []) for one in ([stated] if stated else DELIMITERS)}
    delimiter = min(firsts, key=lambda one: abs(len(firsts[one]) - len(columns)))
    first = firsts[delimiter]
    if not columns or [cell.strip() for cell in first] == columns:
        return said
    header = io.StringIO()
    csv.writer(header, delimiter=delimiter, lineterminator="\n").writerow(columns)
    return header.getvalue().encode() + said


def _made(what: str, made: Iterable[Incoming]) -> bytes:
    """What is made of one row or call. Raises Refused where any of it can't be read."""
    touchpoints = []
    for one in made:
        reason = one.reason
        try:
            if one.body is not None and reason is None:
                decode(one.body)
                touchpoints.append(one.body)
        except Unreadable as error:
            reason = error.reason
        if reason is not None:
            raise Refused(f"the {what} can't be read either: {reason}")
    if not touchpoints:
        raise Refused(f"no touchpoint is made of this {what}; to close the letter, dismiss it")
    fix = joined(touchpoints)
    if len(fix) > BODY_BYTES_MAX:
        raise Refused(f"the touchpoints of this {what} have {len(fix):,} bytes, and a fix has at most {BODY_BYTES_MAX:,}")
    return fix
