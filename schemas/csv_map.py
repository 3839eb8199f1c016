"""A CSV export becomes touchpoints by a short YAML map, written by a person who knows the export: `examples/maps/` has some.

A row's touchpoint has the id that the map makes of its columns. Without one, its id is a hash of map, columns and cells, how many equal
rows stand before it in the run, and which touchpoint of the row it is: the same files again give the same ids, and equal rows are several.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from journey.errors import Refused
from journey.problems import meant
from journey.readable import readable
from schemas.csv_cell import Unread, quoted
from schemas.csv_fields import FieldContext
from schemas.csv_number import NumberRule
from schemas.csv_query import CsvTable, QueryFailed, QueryResult, read_by
from schemas.csv_rows import SAVE, CsvRow, fitting, read_rows
from schemas.csv_rules import FileRules, MapFile, QueryRule, TouchpointRule
from schemas.csv_template import Cells, FileName, RowNumber
from schemas.csv_touchpoint import RowTouchpoint, compiled
from schemas.csv_yaml import line_of, read_yaml, refused
from schemas.incoming import Incoming
from schemas.intended import unmade
from schemas.noticed import Noticed
from schemas.unpacked import unpacked_name

DIGEST_BYTES = 16
"""What is kept of each row without an id, and of each id: all that grows with a file."""

UNMADE = b"unmade "
"""Before the digest of a row that has an id, and of which nothing could be made."""

OF = "* of "
"""What stands before a column that a map names but for a part, to mean the part: `{* of Amount spent (*)}`."""

COLUMNS_SHOWN_MAX = 12
"""So many columns of a file are named where one is not there."""

OF_A_QUERY = "the query of "
"""How the source of a row begins that no file has."""

DELIMITERS = {",": '","', ";": '";"', "\t": "tab", "|": '"|"'}


def load_map(path: Path) -> "CsvMap":
    """The map in a YAML file. Raises Refused, with file and line, what is wrong and what was meant."""
    content = read_yaml(path)
    try:
        stated = MapFile.model_validate(content)
    except ValidationError as error:
        raise refused(path, content, error) from error
    name = stated.name or path.stem
    return CsvMap(path, name, stated.source or f"/csv/{name}", tuple(stated.sections()))


@dataclass(frozen=True, slots=True)
class CsvMap:
    path: Path
    name: str
    source: str
    sections: tuple[tuple[str, FileRules], ...]

    def read(self, paths: Sequence[Path], noticed: Noticed | None = None) -> Iterator[Incoming]:
        """What the rows of all files give, in order; `noticed` counts what was rounded, and what may have been read wrong. Raises Refused
        before the first row, if a file and the map do not fit.
        """
        noticed = noticed or Noticed()
        queries = [(name, rules, rules.rows) for name, rules in self.sections if rules.rows is not None]
        plans = [_plan(self, path, noticed) for path in paths if _queried(self, path) is None]
        plans += [plan for name, rules, query in queries if (plan := _query_plan(self, paths, name, rules, query, noticed)) is not None]
        return _incoming(plans, noticed)

    def columns(self, paths: Sequence[Path]) -> set[str]:
        """All columns of the files. Raises Refused."""
        found: set[str] = set()
        for path in paths:
            found.update(_columns(path, _queried(self, path) or _section(self, path)[1]))
        return found

    def rules_of(self, path: Path) -> FileRules:
        """How a file of that name is read. Raises Refused where it is not said."""
        return _section(self, path)[1]

    def rules(self) -> Iterator[TouchpointRule]:
        for _, section in self.sections:
            yield from section.touchpoints


class CsvRows:
    """Single rows of a file, for those who look at one again."""

    def __init__(self, csv_map: CsvMap, path: Path, is_readable: Callable[[Incoming], bool]) -> None:
        self._plan = _plan(csv_map, path, Noticed())
        self._found = _found_delimiter(path, self._plan.rules)
        self._is_readable = is_readable

    def agree(self, before: bytes, now: bytes) -> bool | None:
        """Whether the rows have the same in each cell that could be read of `before`: put into `now`, any other can't be.

        None where `before` has no cells to compare.
        """
        old, new, columns = self._row(before), self._row(now), self._plan.columns
        if old is None or new is None or (len(old.cells) != len(new.cells) and len(old.cells) > columns):
            return None
        if now.startswith(before):  # It was cut off.
            return True
        cells = _evened(new.cells, columns)
        for at, (was, cell) in enumerate(zip(_evened(old.cells, columns), cells, strict=True)):
            if was.strip() != cell.strip():
                mixed = new._replace(cells=[*cells[:at], was, *cells[at + 1 :]])
                if all(map(self._is_readable, _of_row(self._plan, 0, mixed, "", "", Counter(), {}))):
                    return False
        return True

    def _row(self, raw: bytes) -> CsvRow | None:
        row = next(read_rows(BytesIO(raw), self._plan.rules.delimiter or self._found), None)
        return None if row is None or row.reason is not None or _surplus(row.cells, self._plan.columns) is not None else row


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one file is read."""

    path: Path
    rules: FileRules
    columns: int
    header: tuple[str, ...]
    padding: list[str]  # what stands behind the cells: for the columns that the file may lack, and does; and parts of columns' names
    blank: frozenset[str]  # what stands for nothing, such as "--"
    touches: tuple[RowTouchpoint, ...]
    seed: bytes  # of the ids; empty where every touchpoint has one from its columns
    answer: QueryResult | None = None  # where the rows are those of a query

    def rows(self) -> Iterator[CsvRow]:
        """Those below the columns."""
        if self.answer is not None:
            yield from self.answer.rows()
            return
        rows = _rows(self.path, self.rules)
        next(rows, None)
        yield from rows

    def place(self, row: CsvRow) -> str:
        return f"{self.path.name}:{row.line}" if self.answer is None else f"{self.path.name}, row {row.line}"


def _rows(path: Path, rules: FileRules) -> Iterator[CsvRow]:
    """The header, then the rows."""
    delimiter = rules.delimiter or _found_delimiter(path, rules)
    with _opened(path) as file:
        yield from fitting(read_rows(file, delimiter, rules.skip_lines or 0))


def _opened(path: Path) -> BinaryIO:
    """Raises Refused."""
    if path.is_fifo() or path.is_char_device():
        raise Refused(f"{path} is a pipe, which can be read but once, and a map reads files; write it to a file, and give that")
    try:
        return path.open("rb")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error


def _found_delimiter(path: Path, rules: FileRules) -> str:
    """The sign by which most of the columns that the map reads are in the file's first line: a spreadsheet has one of its own."""

    def named_by(delimiter: str) -> int:
        with _opened(path) as file:
            header = next(read_rows(file, delimiter, rules.skip_lines or 0), None)
        return 0 if header is None else _read_columns(header.cells, rules)

    return max(DELIMITERS, key=named_by)


def _read_columns(cells: Sequence[str], rules: FileRules) -> int:
    """How many of `cells` are columns that the map reads; where a query does, and only that knows which, whether there are several."""
    columns = {cell.strip() for cell in cells}
    if rules.rows is not None:
        return len(columns) > 1
    wanted = {column.name.removeprefix(OF) for rule in rules.touchpoints for column in rule.columns()}
    return sum(name in columns or any(_is_part(name, column) for column in columns) for name in wanted)


def _is_part(name: str, column: str) -> bool:
    """Whether `column` is meant by `name`, `Amount spent (*)`."""
    before, star, after = name.partition("*")
    return bool(star) and len(column) >= len(name) and column.startswith(before) and column.endswith(after)


def _incoming(plans: Sequence[_Plan], noticed: Noticed) -> Iterator[Incoming]:
    equal: Counter[bytes] = Counter()
    bodies: dict[bytes, bytes] = {}
    for plan in plans:
        file = plan.path.name
        for number, row in enumerate(plan.rows()):
            noticed.place = plan.place(row)
            yield from _of_row(plan, number, row, file, noticed.place, equal, bodies)


def _of_row(
    plan: _Plan, number: int, row: CsvRow, file: str, place: str, equal: Counter[bytes], bodies: dict[bytes, bytes]
) -> Iterator[Incoming]:
    """The touchpoints of a row; and the row itself, once, with the reasons for those that could not be made."""
    cells = row.cells
    if row.reason is not None:
        yield Incoming(row.raw, file, place, None, row.reason, whole=row.whole, meant=unmade(row.raw, [], plan.header))
        return
    if (surplus := _surplus(cells, plan.columns)) is not None:
        why = f"{len(cells)} cells, where the header has {plan.columns} columns"
        yield Incoming(row.raw, file, place, None, f"{why}: none for {quoted(surplus)}", kind=why, meant=unmade(row.raw, [], plan.header))
        return
    cells = _evened(cells, plan.columns)
    hashed = _hashed(plan, cells, equal) if plan.seed else ""
    if plan.blank:
        cells = ["" if cell.strip() in plan.blank else cell for cell in cells]
    if plan.padding:
        cells += plan.padding
    reasons: dict[str, str] = {}
    meant: list[dict[str, str]] = []
    for touch in plan.touches:
        if not all(holds(cells[at].strip()) for at, holds in touch.when):
            continue
        try:
            id, body = touch.id_and_body(cells, number, hashed)
            if touch.id is not None:
                _same_as_before(id, body, bodies)
        except Unread as unread:
            told = unread.at(touch.type)
            reasons[str(told)] = told.kind
            meant.append(_known(touch, cells, number, bodies))
            continue
        yield Incoming(row.raw, file, place, body)
    if reasons:
        why, kind = "; ".join(reasons), "; ".join(reasons.values())
        yield Incoming(row.raw, file, place, None, why, kind=kind, meant=unmade(row.raw, meant, plan.header))


def _surplus(cells: Cells, columns: int) -> str | None:
    """What stands in a cell beyond the columns."""
    return next(filter(str.strip, cells[columns:]), None)


def _evened(cells: Cells, columns: int) -> Cells:
    """As many cells as columns: spreadsheets leave out blank ones at the end of a row, and other programs end each row with a delimiter."""
    return cells if len(cells) == columns else [*cells[:columns], *[""] * (columns - len(cells))]


def _hashed(plan: _Plan, cells: list[str], equal: Counter[bytes]) -> str:
    # No cell holds a NUL, so that cells joined by it are joined in one way only.
    digest = blake2b("\0".join(cells).encode(), key=plan.seed, digest_size=DIGEST_BYTES).digest()
    before = equal[digest]
    equal[digest] = before + 1
    return f"{digest.hex()}-{before}"


def _known(touch: RowTouchpoint, cells: list[str], number: int, bodies: dict[bytes, bytes]) -> dict[str, str]:
    """What can be read of what could not be made; without an id that another row has had, which is not this one's name.

    No row below has that id: it would pass for this one put right.
    """
    known = touch.known(cells, number)
    row = UNMADE + _digest("\0".join(cells).encode())
    if "id" in known and bodies.setdefault(_digest(known["id"].encode()), row) != row:
        del known["id"]
    return known


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=DIGEST_BYTES).digest()


def _same_as_before(id: str, body: bytes, bodies: dict[bytes, bytes]) -> None:
    digest = _digest(body)
    if (before := bodies.setdefault(_digest(id.encode()), digest)) != digest:
        why = (
            f"was there before {'with other content' if len(before) == len(digest) else 'in a row that could not be read'}; where a row is "
            'a later state of the same thing, add the time of the change to the id, such as id: "{Deal ID}-{Last Modified}"'
        )
        raise Unread(f"its id {quoted(id)} {why}", f"its id {why}")


def _columns(path: Path, rules: FileRules) -> list[str]:
    """What the first line names. Raises Refused."""
    header = next(_rows(path, rules), None)
    if header is None:
        raise Refused(f"{path} is empty; its first line has to name the columns")
    if header.reason is not None:
        raise Refused(f"{path}:{header.line}: the line with the columns is unreadable ({header.reason.removesuffix(f'; {SAVE}')}); {SAVE}")
    return [cell.strip() for cell in header.cells]


def _query_plan(csv_map: CsvMap, paths: Sequence[Path], name: str, rules: FileRules, query: QueryRule, noticed: Noticed) -> _Plan | None:
    """How the rows of a query are read; None where none of its files is given. Raises Refused."""
    read = {one: read_by(one, paths) for one in query.files}
    files = list(dict.fromkeys(path.name for found in read.values() for path in found))
    if not files:
        return None
    line = line_of(query.query)
    where = f"{csv_map.path}:{line}: the query"
    given = {one: found for one, found in read.items() if found}
    optional = rules.optional_columns or () if len(given) == 1 else ()
    try:
        answer = QueryResult(query.query, [_table(one, found, rules, optional, where) for one, found in given.items()])
    except QueryFailed as failed:
        lacking = next((one for one in read if one not in given and one in str(failed)), None)
        if lacking is not None:
            raise Refused(f"{where} reads {lacking!r}, which is not among the files that are given: {', '.join(files)}") from failed
        if failed.line is not None and query.query.endswith("\n"):  # A text after `|` begins on the line below.
            where = f"{csv_map.path}:{line + failed.line}: the query"
        raise Refused(f"{where}: {failed}") from failed
    path = Path(OF_A_QUERY + ", ".join(files))
    return replace(_compiled(csv_map, path, name, rules, answer.columns, noticed), answer=answer)


def _table(name: str, paths: Sequence[Path], rules: FileRules, optional: Sequence[str], where: str) -> CsvTable:
    """The rows of all files that a query means by `name`, in the columns of the first."""
    first, *others = [_columns(path, rules) for path in paths]
    for path, columns in zip(paths[1:], others, strict=True):
        if sorted(columns) != sorted(first):
            raise Refused(f"{where} reads {paths[0].name} and {path.name} as one table, and their columns are not the same")
    lacking = [column for column in optional if column not in first]
    return CsvTable(name, [*first, *lacking], _cells(paths, rules, first, len(lacking), where))


def _cells(paths: Sequence[Path], rules: FileRules, columns: Sequence[str], lacking: int, where: str) -> Iterator[list[str]]:
    """Raises Refused for a row that can't be read: a sum without it would be wrong, and nobody would see it."""
    blank = frozenset(rules.blank_texts or ())
    for path in paths:
        rows = _rows(path, rules)
        header = [cell.strip() for cell in next(rows).cells]
        order = _order(header, columns)
        for row in rows:
            surplus = _surplus(row.cells, len(header))
            if row.reason is not None or surplus is not None:
                reason = (
                    row.reason or f"{len(row.cells)} cells, where the header has {len(header)} columns: none for {quoted(surplus or '')}"
                )
                raise Refused(f"{path}:{row.line}: {reason}. {where} needs every row; put this one right")
            evened = _evened(row.cells, len(header))
            cells = [evened[at] for at in order]
            yield ["" if not cell.strip() or cell.strip() in blank else cell for cell in cells] + [""] * lacking


def _order(header: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Where each of `columns` stands: of several with one name the first is the first."""
    places: dict[str, deque[int]] = {}
    for at, column in enumerate(header):
        places.setdefault(column, deque()).append(at)
    return [places[column].popleft() for column in columns]


def _plan(csv_map: CsvMap, path: Path, noticed: Noticed) -> _Plan:
    name, rules = _section(csv_map, path)
    return _compiled(csv_map, path, name, rules, _columns(path, rules), noticed)


def _compiled(csv_map: CsvMap, path: Path, name: str, rules: FileRules, columns: list[str], noticed: Noticed) -> _Plan:
    named = _parts(csv_map, path, rules, columns)
    lacking = _lacking(csv_map, path, rules, [*columns, *named, *(OF + name for name in named)])
    behind = [*lacking, *(OF + name for name in named)]
    index = {column: at for at, column in enumerate([*columns, *behind])} | {name: columns.index(of) for name, (of, _) in named.items()}
    around = FieldContext(index, unpacked_name(path), rules.zone, rules.number or NumberRule(), noticed, "")
    seen: Counter[str] = Counter()
    touches = tuple(compiled(rule, csv_map.source, replace(around, field=rule.type), seen) for rule in rules.touchpoints)
    seed = b""
    if any(touch.id is None for touch in touches):
        named_after_file = any(template.has(FileName) for rule in rules.touchpoints for template in rule.templates())
        parts = [csv_map.name, name, unpacked_name(path) if named_after_file else "", *columns]
        seed = blake2b("\0".join(parts).encode(), digest_size=DIGEST_BYTES).digest()
    padding = [*([""] * len(lacking)), *(part for _, part in named.values())]
    return _Plan(path, rules, len(columns), tuple(columns), padding, frozenset(rules.blank_texts or ()), touches, seed)


def _section(csv_map: CsvMap, path: Path) -> tuple[str, FileRules]:
    """The rules for a file: of several that match its name the first."""
    for name, rules in csv_map.sections:
        if any(fnmatchcase(unpacked_name(path), pattern) for pattern in rules.match):
            return name, rules
    patterns = [pattern for _, rules in csv_map.sections for pattern in (rules.match if rules.rows is None else rules.rows.files)]
    raise Refused(f"{csv_map.path} has no rules for a file named {path.name!r}, it has some for {', '.join(patterns)}")


def _queried(csv_map: CsvMap, path: Path) -> FileRules | None:
    """The rules of the first query that reads a file, where it is read by none but queries."""
    if any(fnmatchcase(unpacked_name(path), pattern) for _, rules in csv_map.sections for pattern in rules.match):
        return None
    queries = (rules for _, rules in csv_map.sections if rules.rows is not None and any(read_by(name, [path]) for name in rules.rows.files))
    return next(queries, None)


def _parts(csv_map: CsvMap, path: Path, rules: FileRules, columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """The columns that the map names but for a part, `Amount spent (*)`: each with its whole name, and that part."""
    found: dict[str, tuple[str, str]] = {}
    for rule in rules.touchpoints:
        for column in rule.columns():
            name = column.name.removeprefix(OF)
            before, star, after = name.partition("*")
            if not star or column.name in columns or name in columns:
                continue
            fits = [one for one in columns if _is_part(name, one)]
            if len(fits) > 1:
                where = f"{csv_map.path}:{column.line}: column {name!r}"
                raise Refused(f"{where} may be {' or '.join(fits)} in {path}; leave all but one out of the export")
            if fits:
                found[name] = (fits[0], fits[0][len(before) : len(fits[0]) - len(after)])
    return found


def _lacking(csv_map: CsvMap, path: Path, rules: FileRules, columns: Sequence[str]) -> list[str]:
    """The optional columns that the file lacks. Raises Refused for any other that the map reads."""
    for rule in rules.touchpoints:
        for column in rule.columns():
            where = f"{csv_map.path}:{column.line}: column {column.name!r}"
            if columns.count(column.name) > 1:
                raise Refused(f"{where} is there more than once in {path}; {_has(path, columns)}")
            if column.name not in columns and column.name not in (rules.optional_columns or ()):
                if _holds_data(columns, rules):
                    raise Refused(f"{where} is not in {path}, whose first line seems to hold data; the first line has to name the columns")
                raise Refused(f"{where} is not in {path}{_hint(column.name, columns, rules)}; {_has(path, columns)}")
        for template in rule.templates():
            if "row" in columns and template.has(RowNumber):
                where = f"{csv_map.path}:{template.line}"
                raise Refused(f"{where}: {{row}} is the number of the row, and {path} has a column of that name; rename it there")
    return sorted(set(rules.optional_columns or ()) - set(columns))


def _has(path: Path, columns: Sequence[str]) -> str:
    names = [column for column in columns if column and not column.startswith(OF)]
    more = f" and {len(names) - COLUMNS_SHOWN_MAX} more" if len(names) > COLUMNS_SHOWN_MAX else ""
    return f"{path.name} has {', '.join(map(readable, names[:COLUMNS_SHOWN_MAX]))}{more}"


def _holds_data(columns: Sequence[str], rules: FileRules) -> bool:
    """Whether what should be names of columns seems to be of a row, about a person perhaps: an address, a number, a day."""
    return _read_columns(columns, rules) == 0 and any("@" in one or _has_digits_alone(one) for one in columns)


def _has_digits_alone(text: str) -> bool:
    """Whether `text` is a number, an amount, a telephone's number, a day or a time."""
    return any(map(str.isdigit, text)) and not any(letter.isalpha() for letter in text if letter not in "TZ")


def _hint(column: str, columns: Sequence[str], rules: FileRules) -> str:
    """Perhaps the cells are apart by another sign; or a column has nearly that name."""
    for other, written in DELIMITERS.items():
        if len(columns) == 1 and rules.delimiter not in (None, other) and other in columns[0]:
            return f"; its cells seem to be apart by another sign: state `delimiter: {written}`"
    return meant(column, columns)
