"""Texts with cells in them: `user:{Contact ID}`. A column in braces stands for its cell; nothing is reckoned but the row's number."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, PlainValidator, Tag

from journey.problems import meant
from schemas.csv_cell import Unread, quoted
from schemas.csv_yaml import CsvPart, line_of, some

Cells = list[str]
Get = Callable[[Cells, int], str | None]
"""What a compiled template gives for the cells and the number of a row; None where it is blank."""

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_ROW = re.compile(r"row(?:\s*%\s*([1-9]\d{0,8})(?:\s*\+\s*(\d{1,9}))?)?")


@dataclass(frozen=True, slots=True)
class CsvColumn:
    name: str
    line: int = 1
    normal: tuple[str, ...] = ()
    """The names of what its cell goes through, in `NORMAL`."""

    @classmethod
    def named(cls, name: object) -> "CsvColumn":
        if not isinstance(name, str) or not name.strip():
            raise ValueError("a column's name is wanted here")
        return cls(name.strip(), line_of(name))


@dataclass(frozen=True, slots=True)
class RowNumber:
    """The row's number in its file, from 0: as it is, or `% modulo + offset`."""

    modulo: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class FileName:
    pass


@dataclass(frozen=True, slots=True)
class Item:
    """One of the pieces of a cell that `list:` took apart."""

    normal: tuple[str, ...] = ()


_SALESFORCE_ID = re.compile(r"[0-9A-Za-z]{15}")
_CHECK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ROUNDED = re.compile(r"[-+]?\d+(?:[.,]\d+[eE][-+]?|[eE]\+)\d+", re.ASCII)
"""As spreadsheets write large numbers. `12E5` may be an id."""


def salesforce_id(text: str) -> str:
    """The 18 characters of an id of Salesforce's: to 15, three are added that say which are capitals. Any other text stays as it is."""
    if _SALESFORCE_ID.fullmatch(text) is None:
        return text
    fives = (text[at : at + 5] for at in (0, 5, 10))
    check = "".join(_CHECK_LETTERS[sum(1 << at for at, one in enumerate(five) if one.isascii() and one.isupper())] for five in fives)
    return text + check


def only(text: str) -> str:
    """`text`, or nothing where it lists several ids, `9001;9002`: none of them is the one."""
    return "" if ";" in text else text


NORMAL: dict[str, Callable[[str], str]] = {
    "lower": str.lower, "upper": str.upper, "trim": str.strip, "salesforce_id": salesforce_id, "only": only,
}  # fmt: skip
"""What may stand behind a column's name: `{Email | trim | lower}`."""

Piece = str | CsvColumn | RowNumber | FileName | Item

WORDS = ("row", "file", "item")
"""What stands in braces and is no column."""


@dataclass(frozen=True, slots=True)
class Template:
    """Blank as soon as one of its cells is: half an id is no id."""

    text: str
    pieces: tuple[Piece, ...]
    line: int = 1

    @classmethod
    def parse(cls, text: object) -> "Template":
        if not isinstance(text, str):
            raise ValueError(_unquoted(text))
        return cls(str(text), tuple(_pieces(text, line_of(text))), line_of(text))

    @classmethod
    def cell(cls, text: object) -> "Template":
        """What `from:` says: the name of a column, or a text with several in braces."""
        if isinstance(text, str) and "{" not in text:
            return cls(str(text), (CsvColumn.named(text),), line_of(text))
        return cls.parse(text)

    @property
    def columns(self) -> Iterator[CsvColumn]:
        return (piece for piece in self.pieces if isinstance(piece, CsvColumn))

    def has(self, kind: type[RowNumber | FileName | Item]) -> bool:
        return any(isinstance(piece, kind) for piece in self.pieces)

    @property
    def several(self) -> "tuple[Template, ...]":
        return (self,)

    @property
    def said(self) -> str:
        """As it is said in reasons."""
        return repr(self.text)

    @property
    def varies(self) -> bool:
        """Whether it is anything else than a constant."""
        return any(not isinstance(piece, str) for piece in self.pieces)

    def compiled(self, index: Mapping[str, int], file: str, *, is_id: bool = False) -> Get:
        """The template for a file with these columns. As an id, none of its cells may be a number that a spreadsheet has rounded."""
        if is_id or any(isinstance(piece, CsvColumn | Item) and piece.normal for piece in self.pieces):
            gets = [_checked(piece, _piece(file if isinstance(piece, FileName) else piece, index), is_id) for piece in self.pieces]
            match self.pieces:
                case [str(before), _]:
                    behind = gets[1]
                    return lambda cells, row: f"{before}{text}" if (text := behind(cells, row)) else None
                case [_]:
                    return gets[0]
            return _joined(gets)
        pieces = [file if isinstance(piece, FileName) else piece for piece in self.pieces]
        if all(isinstance(piece, str) for piece in pieces):
            text = "".join(piece for piece in pieces if isinstance(piece, str)).strip() or None
            return lambda cells, row: text
        match pieces:
            case [CsvColumn(name)]:
                only = index[name]
                return lambda cells, row: cells[only].strip() or None
            case [str(before), CsvColumn(name)]:
                only = index[name]
                return lambda cells, row: f"{before}{cell}" if (cell := cells[only].strip()) else None
        return _joined([_piece(piece, index) for piece in pieces])


def _joined(gets: list[Get]) -> Get:
    def get(cells: Cells, row: int) -> str | None:
        found = []
        for one in gets:
            piece = one(cells, row)
            if not piece:
                return None
            found.append(piece)
        return "".join(found)

    return get


def _checked(piece: Piece, get: Get, is_id: bool) -> Get:
    """`get` for a piece that is part of an id, or is brought into one form."""
    if not isinstance(piece, CsvColumn | Item):
        return get
    steps = [NORMAL[name] for name in piece.normal]
    name = piece.name if isinstance(piece, CsvColumn) else "item"

    def checked(cells: Cells, row: int) -> str | None:
        text = get(cells, row)
        if not text:
            return None
        try:
            if is_id and _ROUNDED.fullmatch(text):
                # Other ids became the same one.
                why = "a spreadsheet has rounded it; export again, and don't save the file with a spreadsheet"
                raise Unread(f"{quoted(text)}: {why}", why)
            for step in steps:
                text = step(text)
        except Unread as unread:
            raise unread.at(name) from unread
        return text or None

    return checked


def _piece(piece: Piece, index: Mapping[str, int]) -> Get:
    match piece:
        case str():
            return lambda cells, row: piece
        case CsvColumn(name):
            at = index[name]
            return lambda cells, row: cells[at].strip()
        case RowNumber(None, _):
            return lambda cells, row: str(row)
        case RowNumber(int(modulo), offset):
            return lambda cells, row: str(row % modulo + offset)
        case _:  # The item is handed over behind the last cell.
            return lambda cells, row: cells[-1]


def _pieces(text: str, line: int) -> Iterator[Piece]:
    for found in _PIECE.finditer(text):
        match found[0]:
            case "{{" | "}}":
                yield found[0][0]
            case "{" | "}":
                raise ValueError(f"a brace stands alone in {text!r}; a brace that means itself is written twice")
            case _ if found[1] is None:
                yield found[0]
            case _:
                yield _named(found[1].strip(), text, line)


def _named(name: str, text: str, line: int) -> Piece:
    row = _ROW.fullmatch(name)
    if row:
        return RowNumber(int(row[1]) if row[1] else None, int(row[2] or 0))
    if name == "file":
        return FileName()
    name, *normal = (one.strip() for one in name.split("|"))
    for one in normal:
        if one not in NORMAL:
            raise ValueError(f"{one!r} in {text!r} is not known{meant(one, NORMAL)}; behind a column's name goes {', '.join(NORMAL)}")
    if name == "item":
        return Item(tuple(normal))
    if not name:
        raise ValueError(f"the braces in {text!r} are empty; a column's name goes there")
    return CsvColumn(name, line, tuple(normal))


def unquoted(value: object) -> bool:
    """Whether `value` is what YAML makes of `{Column}` without quotes: a mapping with nothing in it."""
    return isinstance(value, dict) and bool(value) and all(isinstance(one, str) and not one for one in value.values())


def _unquoted(value: object) -> str:
    if isinstance(value, dict) and unquoted(value):
        return f'a text with braces goes in quotes: "{{{", ".join(value)}}}"'
    return "a text is wanted here"


Text = Annotated[Template, PlainValidator(Template.parse)]
Cell = Annotated[Template, PlainValidator(Template.cell)]
ColumnName = Annotated[CsvColumn, PlainValidator(CsvColumn.named)]


class FirstFilled(CsvPart):
    """Several texts, of which the first that is not blank counts."""

    first: Annotated[tuple[Text, ...], BeforeValidator(some)]

    @property
    def several(self) -> tuple[Template, ...]:
        return self.first

    @property
    def line(self) -> int:
        return self.first[0].line

    @property
    def text(self) -> str:
        return " or ".join(one.text for one in self.first)

    @property
    def said(self) -> str:
        return " or ".join(one.said for one in self.first)

    def compiled(self, index: Mapping[str, int], file: str, *, is_id: bool = False) -> Get:
        gets = [one.compiled(index, file, is_id=is_id) for one in self.first]
        return lambda cells, row: next((text for get in gets if (text := get(cells, row)) is not None), None)


TextOrFirst = Annotated[
    Annotated[Text, Tag("text")] | Annotated[FirstFilled, Tag("first")],
    Discriminator(lambda value: "first" if isinstance(value, dict) and not unquoted(value) else "text"),
]
"""A text, or `{first: ["user:{Email}", "anon:{Cookie}"]}`."""
