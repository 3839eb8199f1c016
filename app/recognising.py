"""Letters of rows are recognised in a corrected file: what their row says now, they were meant to be.

Most rows have no id but a hash of their cells, so that a row put right has another name. Found out before the file is taken in: what it
brings then closes the letters, as it does where the name stayed the same.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from app.engine import Engine, now
from journey.definition import Definition
from schemas.csv_map import CsvMap, CsvRows
from schemas.csv_same_row import is_same_row
from schemas.decode import Decoded, Unreadable, decode
from schemas.incoming import Incoming
from schemas.meant import RAW_BYTES_MAX, Name, known_of
from schemas.no_ids import check_ids
from schemas.outside_names import Noticed
from streams.ports import Letter, State

LETTERS_MAX = 1_000
"""Letters of files of one name that are looked for in another one."""


@dataclass(slots=True)
class _Found:
    """The row at a letter's place, and the rows beside it, as far as they can be read."""

    row: list[Incoming]
    beside: list[Incoming] = field(default_factory=list)


async def recognise(engine: Engine, csv_map: CsvMap, paths: Sequence[Path]) -> None:
    """Tell the letters of earlier files of these names what they were meant to be, where a row of `paths` is theirs."""
    by_name = {path.name: path for path in paths}
    letters: dict[str, Letter] = {}
    for name in by_name if len(by_name) == len(paths) else ():  # Of two of one name, nobody knows which it is.
        letters |= {one.kept.place: one for one in await _waiting(engine, name)}
    if not letters:
        return
    definition = await engine.definition()
    rows: dict[str, CsvRows] = {}
    for place, found in _rows_at(csv_map, paths, letters).items():
        letter, source = letters[place], letters[place].kept.source
        meant = _said(found.row, definition)
        if len(meant) < len(found.row):
            continue
        is_tied = _says_which(letter) or await _any_is_in(engine, _said(found.beside, definition))
        rows[source] = rows.get(source) or CsvRows(csv_map, by_name[source], lambda one: len(_said([one], definition)) == 1)
        if is_same_row(rows[source], letter.raw, found.row[0].raw, is_tied=is_tied):
            await engine.desk.expect(letter.kept.number, {_name(one) for one in meant})


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


def _says_which(letter: Letter) -> bool:
    """Whether the id that a row states, or its time, could be read."""
    if not letter.kept.needs_fix:
        return True
    known = known_of(letter.body)
    return bool(known) and all({"id", "time"} & part.keys() for part in known)


async def _any_is_in(engine: Engine, said: Sequence[Decoded]) -> bool:
    """Whether a row is in, exactly as it is: then the file was here before."""
    known = await engine.record.known({_name(one) for one in said})
    return any(one.digest == body.digest for body in said for one in known.get(_name(body), ()))


def _said(rows: Collection[Incoming], definition: Definition) -> list[Decoded]:
    """What of `rows` will be no dead letter, as far as can be told before it is taken in."""
    found = []
    for one in rows:
        if one.reason is None:
            try:
                said = decode(one.body or one.raw)
            except Unreadable:
                continue
            is_ahead = said.touch.occurred_at > now() + definition.bounds.future
            if not is_ahead and check_ids(said.touch, definition.identity.is_no_id) is None:
                found.append(said)
    return found


def _name(said: Decoded) -> Name:
    return said.touch.subject, said.touch.source, said.touch.id
