"""A CSV export becomes touchpoints by a short YAML map, written by a person who knows the export: `examples/maps/` has some.

A row's touchpoint has the id that the map makes of its columns. Without one, its id is a hash of map, columns and cells, how many equal
rows stand before it in the run, and which touchpoint of the row it is: the same files again give the same ids, and equal rows are several.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import orjson
from pydantic import ValidationError

from journey.errors import Refused
from journey.money import nearest
from journey.problems import meant
from journey.touchpoints import TYPES
from schemas.csv_fields import IDS, Make, NumberRule, Surroundings, make
from schemas.csv_rows import Row, read_rows
from schemas.csv_rules import FileRules, MapFile, TouchpointRule
from schemas.csv_template import FileName, Get, RowNumber, Template
from schemas.csv_time import Unread, time_reader
from schemas.csv_yaml import read_yaml, refused
from schemas.incoming import Incoming
from schemas.meant import unmade
from schemas.outside_names import Noticed

DIGEST_BYTES = 16
"""What is kept of each row without an id, and of each id: all that grows with a file."""

DELIMITERS = {";": '";"', "\t": "tab", "|": '"|"', ",": '","'}


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
        """What the rows of all files give, in order; `noticed` counts what was rounded. Raises Refused before the first row, if a file and
        the map do not fit.
        """
        noticed = noticed or Noticed()
        plans = [_plan(self, path, noticed) for path in paths]
        return _incoming(plans)

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
        self._is_readable = is_readable

    def agree(self, before: bytes, now: bytes) -> bool | None:
        """Whether the rows have the same in each cell that could be read of `before`: put into `now`, any other can't be.

        None where `before` has no cells to compare.
        """
        old, new = self._row(before), self._row(now)
        if old is None or new is None or len(old.cells) != len(new.cells):
            return None
        for at, (was, cell) in enumerate(zip(old.cells, new.cells, strict=True)):
            if was.strip() != cell.strip():
                mixed = new._replace(cells=[*new.cells[:at], was, *new.cells[at + 1 :]])
                if all(map(self._is_readable, _of_row(self._plan, 0, mixed, Counter(), {}))):
                    return False
        return True

    def _row(self, raw: bytes) -> Row | None:
        row = next(read_rows(BytesIO(raw), self._plan.rules.delimiter or ","), None)
        return None if row is None or row.reason is not None or len(row.cells) != self._plan.columns else row


@dataclass(frozen=True, slots=True)
class _Touch:
    """One touchpoint of each row, compiled for a file."""

    type: str
    label: str
    head: dict[str, str]
    id: Get | None
    subject: Get
    time: Get
    read_time: Callable[[str], str]
    when: tuple[tuple[int, Callable[[str], bool]], ...]
    fields: tuple[tuple[str, Make], ...]
    rule: TouchpointRule
    money: tuple[str, ...]
    noticed: Noticed

    def _round(self, data: dict[str, object]) -> None:
        """Bring amounts into whole minor units: an export may carry more digits."""
        currency = data.get("currency")
        for name in self.money:
            if name in data and isinstance(currency, str):
                # What is no amount is a dead letter, which says so.
                with suppress(ValueError, ArithmeticError):
                    said = Decimal(str(data[name]))
                    amount, is_rounded = nearest(said, currency)
                    if amount != said:
                        data[name] = str(amount)
                    self.noticed.rounded += is_rounded

    def id_and_body(self, cells: list[str], row: int, hashed: str) -> tuple[str, bytes]:
        """Raises Unread where the row does not hold what the map says."""
        id = f"{hashed}-{self.label}" if self.id is None else self._filled("id", self.id(cells, row), self.rule.id)
        subject = self._filled("subject", self.subject(cells, row), self.rule.subject)
        written = self._filled("time", self.time(cells, row), self.rule.time.from_)
        try:
            time = self.read_time(written)
        except Unread as unread:
            raise Unread(f"{self.rule.time.from_.text}: {unread}") from unread
        data = {}
        for name, made in self.fields:
            value = made(cells, row)
            if value is not None:
                data[name] = value
        self._round(data)
        return id, orjson.dumps({**self.head, "id": id, "subject": subject, "time": time, "data": data})

    def known(self, cells: list[str], row: int) -> dict[str, str]:
        """What can be read of a touchpoint that can't be made: a letter's meant name, where its id is stated."""
        found = {"type": self.type, "source": self.head["source"]}
        for what, get in (("id", self.id), ("subject", self.subject)):
            if get is not None and (text := get(cells, row)) is not None:
                found[what] = text
        with suppress(Unread):
            found["time"] = self.read_time(self._filled("time", self.time(cells, row), None))
        return found

    def _filled(self, what: str, text: str | None, template: Template | None) -> str:
        if text is None:
            blank = template.text if template else ""
            raise Unread(f"{what} {blank!r} is blank")
        return text


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one file is read."""

    path: Path
    rules: FileRules
    columns: int
    header: tuple[str, ...]
    padding: list[str]  # for the columns that the file may lack, and does
    blank: frozenset[str]  # what stands for nothing, such as "--"
    touches: tuple[_Touch, ...]
    seed: bytes  # of the ids; empty where every touchpoint has one from its columns


def _rows(path: Path, rules: FileRules) -> Iterator[Row]:
    """The header, then the rows."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    with file:
        yield from read_rows(file, rules.delimiter or ",", rules.skip_lines or 0)


def _incoming(plans: Sequence[_Plan]) -> Iterator[Incoming]:
    equal: Counter[bytes] = Counter()
    bodies: dict[bytes, bytes] = {}
    for plan in plans:
        rows = _rows(plan.path, plan.rules)
        next(rows, None)
        for number, row in enumerate(rows):
            yield from _of_row(plan, number, row, equal, bodies)


def _of_row(plan: _Plan, number: int, row: Row, equal: Counter[bytes], bodies: dict[bytes, bytes]) -> Iterator[Incoming]:
    """The touchpoints of a row; and the row itself, once, with the reasons for those that could not be made."""
    file = plan.path.name
    place = f"{file}:{row.line}"
    cells = row.cells
    reasons, meant = [], []
    if row.reason is not None or len(cells) != plan.columns:
        cells_wrong = f"{len(cells)} cells, where the header has {plan.columns} columns"
        yield Incoming(row.raw, file, place, None, row.reason or cells_wrong, whole=row.whole, meant=unmade(row.raw, [], plan.header))
        return
    hashed = _hashed(plan, cells, equal) if plan.seed else ""
    if plan.blank:
        cells = ["" if cell.strip() in plan.blank else cell for cell in cells]
    if plan.padding:
        cells += plan.padding
    for touch in plan.touches:
        if not all(holds(cells[at].strip()) for at, holds in touch.when):
            continue
        try:
            id, body = touch.id_and_body(cells, number, hashed)
            if touch.id is not None:
                _same_as_before(id, body, bodies)
        except Unread as unread:
            reasons.append(f"{touch.type}: {unread}")
            meant.append(_known(touch, cells, number, bodies))
            continue
        yield Incoming(row.raw, file, place, body)
    if reasons:
        yield Incoming(row.raw, file, place, None, "; ".join(dict.fromkeys(reasons)), meant=unmade(row.raw, meant, plan.header))


def _hashed(plan: _Plan, cells: list[str], equal: Counter[bytes]) -> str:
    # No cell holds a NUL, so that cells joined by it are joined in one way only.
    digest = blake2b("\0".join(cells).encode(), key=plan.seed, digest_size=DIGEST_BYTES).digest()
    before = equal[digest]
    equal[digest] = before + 1
    return f"{digest.hex()}-{before}"


def _known(touch: _Touch, cells: list[str], number: int, bodies: dict[bytes, bytes]) -> dict[str, str]:
    """What can be read of what could not be made; without an id that another row has had, which is not this one's name."""
    known = touch.known(cells, number)
    if "id" in known and blake2b(known["id"].encode(), digest_size=DIGEST_BYTES).digest() in bodies:
        del known["id"]
    return known


def _same_as_before(id: str, body: bytes, bodies: dict[bytes, bytes]) -> None:
    key = blake2b(id.encode(), digest_size=DIGEST_BYTES).digest()
    digest = blake2b(body, digest_size=DIGEST_BYTES).digest()
    if bodies.setdefault(key, digest) != digest:
        raise Unread(
            "its id was there before with other content; where a row is a later state of the same thing, "
            'add the time of the change to the id, such as id: "{Deal ID}-{Last Modified}"'
        )


def _plan(csv_map: CsvMap, path: Path, noticed: Noticed) -> _Plan:
    name, rules = _section(csv_map, path)
    header = next(_rows(path, rules), None)
    if header is None:
        raise Refused(f"{path} is empty; its first line has to name the columns")
    if header.reason is not None:
        raise Refused(f"{path}:{header.line}: the line with the columns is unreadable ({header.reason}); save the file as CSV UTF-8")
    columns = [cell.strip() for cell in header.cells]
    lacking = _lacking(csv_map, path, rules, columns)
    index = {column: at for at, column in enumerate([*columns, *lacking])}
    around = Surroundings(index, path.name, rules.zone, rules.number or NumberRule())
    seen: Counter[str] = Counter()
    touches = tuple(_touch(rule, csv_map.source, around, seen, noticed) for rule in rules.touchpoints)
    seed = b""
    if any(touch.id is None for touch in touches):
        named_after_file = any(template.has(FileName) for rule in rules.touchpoints for template in rule.templates())
        parts = [csv_map.name, name, path.name if named_after_file else "", *columns]
        seed = blake2b("\0".join(parts).encode(), digest_size=DIGEST_BYTES).digest()
    return _Plan(path, rules, len(columns), tuple(columns), [""] * len(lacking), frozenset(rules.blank_texts or ()), touches, seed)


def _touch(rule: TouchpointRule, source: str, around: Surroundings, seen: Counter[str], noticed: Noticed) -> _Touch:
    index, file = around.index, around.file
    seen[rule.type] += 1
    return _Touch(
        type=rule.type,
        label=rule.type if seen[rule.type] == 1 else f"{rule.type}-{seen[rule.type]}",
        head={"specversion": "1.0", "source": source, "type": rule.type},
        id=None if rule.id is None else rule.id.compiled(index, file, is_id=True),
        subject=rule.subject.compiled(index, file, is_id=True),
        time=rule.time.from_.compiled(index, file),
        read_time=time_reader(rule.time.format, rule.time.zone or around.zone, rule.time.plus),
        when=tuple((index[column.name], condition.holds()) for column, condition in rule.when.items()),
        fields=tuple((name, make(spec, around, is_id=name in IDS)) for name, spec in rule.data.root.items()),
        rule=rule,
        money=TYPES[rule.type].money,
        noticed=noticed,
    )


def _section(csv_map: CsvMap, path: Path) -> tuple[str, FileRules]:
    """The rules for a file: of several that match its name the first."""
    for name, rules in csv_map.sections:
        if any(fnmatchcase(path.name, pattern) for pattern in rules.match):
            return name, rules
    patterns = ", ".join(pattern for _, rules in csv_map.sections for pattern in rules.match)
    raise Refused(f"{csv_map.path} has no rules for a file named {path.name!r}, it has some for {patterns}")


def _lacking(csv_map: CsvMap, path: Path, rules: FileRules, columns: Sequence[str]) -> list[str]:
    """The optional columns that the file lacks. Raises Refused for any other that the map reads."""
    has = f"{path.name} has {', '.join(columns)}"
    for rule in rules.touchpoints:
        for column in rule.columns():
            where = f"{csv_map.path}:{column.line}: column {column.name!r}"
            if columns.count(column.name) > 1:
                raise Refused(f"{where} is there more than once in {path}; {has}")
            if column.name not in columns and column.name not in (rules.optional_columns or ()):
                raise Refused(f"{where} is not in {path}{_hint(column.name, columns, rules)}; {has}")
        for template in rule.templates():
            if "row" in columns and template.has(RowNumber):
                where = f"{csv_map.path}:{template.line}"
                raise Refused(f"{where}: {{row}} is the number of the row, and {path} has a column of that name; rename it there")
    return sorted(set(rules.optional_columns or ()) - set(columns))


def _hint(column: str, columns: Sequence[str], rules: FileRules) -> str:
    """Perhaps the cells are apart by another sign; or a column has nearly that name."""
    used = rules.delimiter or ","
    for other, written in DELIMITERS.items():
        if len(columns) == 1 and other != used and other in columns[0]:
            return f"; its cells seem to be apart by another sign: state `delimiter: {written}`"
    return meant(column, columns)
