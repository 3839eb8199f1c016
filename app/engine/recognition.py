"""Dead letters of CSV rows are recognised in a corrected file: what their row says now is what they were meant to be.

Most rows have no id but a hash of their cells, so that a row put right has another name. Found out before the file is taken in: what it
brings then closes the letters, as it does where the name stayed the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from app.engine.clock import now
from app.engine.imports import IMPORT
from app.engine.ports import Engine
from journey.definition import Definition
from journey.instants import Instant, instant, rfc3339
from schemas.csv_map import CsvMap, CsvRows
from schemas.csv_same_row import is_same_row
from schemas.decode import Decoded, Unreadable, decode
from schemas.incoming import Incoming
from schemas.intended import RAW_BYTES_MAX, Name, known_of
from schemas.noticed import Noticed
from streams.arrivals import refusal
from streams.operators import Letter, State

LETTERS_MAX = 1_000
"""Letters of files of one name that are looked for in another one."""


@dataclass(slots=True)
class _Found:
    """The row at a letter's place, and the rows beside it, as far as they can be read."""

    row: list[Incoming]
    beside: list[Incoming] = field(default_factory=list)


async def recognised(engine: Engine, csv_map: CsvMap, paths: Sequence[Path]) -> dict[int, set[Name]]:
    """What the letters of earlier files of these names were meant to be, by their numbers, where a row of `paths` is theirs."""
    meant_by: dict[int, set[Name]] = {}
    by_name = {path.name: path for path in paths}
    letters: dict[str, Letter] = {}
    for name in by_name if len(by_name) == len(paths) else ():  # Of two of one name, nobody knows which it is.
        letters |= {one.kept.place: one for one in await _waiting(engine, name)}
    if not letters:
        return meant_by
    definition = await engine.definition()
    maps = {one.detail["import_id"]: Path(one.detail["map"]).stem for one in await engine.desk.decisions(IMPORT) if "map" in one.detail}
    rows: dict[str, CsvRows] = {}
    for place, found in _rows_at(csv_map, paths, letters).items():
        letter, source = letters[place], letters[place].kept.source
        meant = _said(found.row, definition)
        # A row that is in already stood for itself when it came.
        if len(meant) < len(found.row) or all(await _times_in(engine, meant)):
            continue
        rules = csv_map.rules_of(by_name[source])
        timed = {rule.type for rule in rules.touchpoints if any(one.varies for one in rule.time.cell.several)}
        if (known := _known(letter)) is None:
            # Nothing but its bytes says what it is: its map does.
            is_meant = (
                letter.imports and maps.keys() >= set(letter.imports) and {maps[one] for one in letter.imports} == {csv_map.path.stem}
            )
            says_which = False
        else:
            is_meant, says_which = _agree(known, meant), all(_says_which(one, timed) for one in known)
        if not is_meant:
            continue
        is_tied = says_which or await _any_was_here(engine, _said(found.beside, definition))
        rows[source] = rows.get(source) or CsvRows(csv_map, by_name[source], lambda one: len(_said([one], definition)) == 1)
        is_timed = all(one.touch.type in timed for one in meant)
        if is_same_row(rows[source], letter.raw, found.row[0].raw, is_tied=is_tied, is_timed=is_timed):
            meant_by[letter.kept.number] = {_name(one) for one in meant}
    return meant_by


async def _waiting(engine: Engine, source: str) -> list[Letter]:
    waiting = await engine.desk.kept(after=0, limit=LETTERS_MAX, states=(State.open, State.fixed), source=source)
    loaded = [await engine.desk.show(one.number) for one in waiting if one.length <= RAW_BYTES_MAX]
    return [one for one in loaded if one is not None]


def _rows_at(csv_map: CsvMap, paths: Sequence[Path], letters: dict[str, Letter]) -> dict[str, _Found]:
    """By the place of a letter, the row that stands there now and can be read; without those whose bytes still stand anywhere."""
    unread = {letter.raw for letter in letters.values()}
    found: dict[str, _Found] = {}
    still: set[bytes] = set()
    above: list[Incoming] = []
    last: _Found | None = None
    for place, group in groupby(csv_map.read(paths, Noticed()), key=lambda one: one.place):
        row = list(group)
        if row[0].raw in unread:
            still.add(row[0].raw)
        if any(one.reason is not None for one in row):
            continue
        if last is not None:
            last.beside += row
            last = None
        if place in letters:
            last = found[place] = _Found(row, list(above))
        above = row
    return {place: one for place, one in found.items() if letters[place].raw not in still}


def _known(letter: Letter) -> list[dict[str, Any]] | None:
    """Of each touchpoint that the letter was meant to be, what could be read; None where its row had no cells of its own."""
    if letter.kept.needs_fix:
        known = known_of(letter.body)
    else:
        # What it says apart from its id, which may be a hash of what is put right, and its subject, which may be what is wrong.
        said = known_of(b'{"meant": [' + (letter.body or letter.raw) + b"]}")
        known = [{part: one[part] for part in ("type", "source", "time") if part in one} for one in said]
    for one in known:
        if (at := _time(one)) is not None and at > letter.kept.last_at:
            del one["time"]  # It may be what is wrong.
    return known or None


def _time(known: Mapping[str, Any]) -> Instant | None:
    try:
        return instant(rfc3339(known["time"]))
    except (KeyError, TypeError, ValueError):
        return None


def _agree(known: Sequence[Mapping[str, Any]], said: Sequence[Decoded]) -> bool:
    """Whether each of what the letter was meant to be is among what its row says now, as far as it was known."""
    rows = [
        (one.touch, {"type": one.touch.type, "source": one.touch.source, "subject": one.touch.subject, "id": one.touch.id}) for one in said
    ]
    return all(
        any(
            all(one[part] == now[part] for part in now if part in one) and ("time" not in one or _time(one) == touch.occurred_at)
            for touch, now in rows
        )
        for one in known
    )


def _says_which(known: Mapping[str, Any], timed: Collection[str]) -> bool:
    """Whether the id that a row states was known, or its time, where that is not the same for all rows."""
    return "id" in known or ("time" in known and known.get("type") in timed)


async def _times_in(engine: Engine, said: Sequence[Decoded]) -> list[set[Instant]]:
    """Of each, at which times it is in, exactly as it is."""
    known = await engine.record.known({_name(one) for one in said})
    return [{one.occurred_at for one in known.get(_name(body), ()) if one.digest == body.digest} for body in said]


async def _any_was_here(engine: Engine, said: Sequence[Decoded]) -> bool:
    """Whether a row is in, at its time: then the file was here before. Next month's may say the same at a time that its map states."""
    times_in = await _times_in(engine, said)
    return any(one.touch.occurred_at in times for one, times in zip(said, times_in, strict=True))


def _said(rows: Collection[Incoming], definition: Definition) -> list[Decoded]:
    """What of `rows` will be no dead letter, as far as can be told before it is taken in."""
    found = []
    for one in rows:
        if one.reason is None:
            try:
                said = decode(one.body or one.raw)
            except Unreadable:
                continue
            if refusal(said.touch, now() + definition.bounds.future, definition.identity.is_no_id) is None:
                found.append(said)
    return found


def _name(said: Decoded) -> Name:
    return said.touch.subject, said.touch.source, said.touch.id
