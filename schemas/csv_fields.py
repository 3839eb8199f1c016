"""What a map may say of a field: a text with cells in it, a constant, a cell read in a stated way, or lists and objects of these.

A blank cell gives no field at all, and an object whose columns are all blank is left out with its constants.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, RootModel, Tag, model_validator

from journey.integers import INTEGER_MAX
from schemas.csv_template import Cell, Cells, Template, Text, unquoted
from schemas.csv_time import Formats, Unread, ZoneName, date_reader, time_reader
from schemas.csv_yaml import Part, Scalar, Texts, constant
from schemas.no_ids import ID_FIELDS, PERSON_FIELDS

Make = Callable[[Cells, int], object]
"""What a compiled field gives for the cells and the number of a row; None where it is blank. Raises Unread."""

DIGITS_MAX = 28
"""So many digits are reckoned with exactly (and are more than any amount has)."""

IDS = frozenset({*ID_FIELDS, *PERSON_FIELDS})
"""Fields of data that hold an id."""

YES = ("true", "yes", "y", "1")
NO = ("false", "no", "n", "0")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a field is compiled for: a file, its columns, and what the map says for all fields."""

    index: Mapping[str, int]
    file: str
    zone: str | None
    number: "NumberRule"


def _short_number(value: object) -> object:
    match value:
        case "true" | "whole" | "percent":
            return {} if value == "true" else {value: "true"}
        case dict():
            return value
    raise ValueError('write `number: true`, `whole` or `percent`, or how they are written, such as {decimal: ","}')


class NumberRule(Part):
    """How numbers are written. Groups of digits are read only where the map says which sign is which."""

    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'", "none"] | None = None
    whole: bool = False
    percent: bool = False
    strip: Texts = ()

    @model_validator(mode="after")
    def _apart(self) -> "NumberRule":
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` are the same sign")
        return self

    def over(self, defaults: "NumberRule") -> "NumberRule":
        """This rule, with what it leaves open taken from `defaults`."""
        return defaults.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})

    def reader(self) -> Callable[[str], object]:
        decimal = self.decimal or ("," if self.thousands == "." else ".")
        grouping = self.thousands or ("none" if self.decimal is None else {",": ".", ".": ","}[decimal])
        group = {"none": "(?!)", " ": "[ \u00a0\u202f]", "'": "['\u2019]"}.get(grouping, re.escape(grouping))
        shape = re.compile(rf"([-+]?)(\d+|\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}})(?:{re.escape(decimal)}(\d+))?", re.ASCII)
        strip = self.strip

        def read(text: str) -> object:
            for sign in strip:
                text = text.removeprefix(sign).removesuffix(sign).strip()
            if self.percent:
                text = text.removesuffix("%").rstrip()
            found = shape.fullmatch(text)
            if found is None:
                raise Unread("no number" + (f" with {decimal!r} before its decimals" if decimal == "," else ""))
            minus, digits, decimals = found.groups()
            if len(text) > DIGITS_MAX:
                raise Unread(f"a number of more than {DIGITS_MAX} digits")
            plain = f"{minus.strip('+')}{re.sub(r'[^0-9]', '', digits)}{'.' + decimals if decimals else ''}"
            if self.percent:
                plain = f"{Decimal(plain).scaleb(-2):f}"
            return _whole(Decimal(plain)) if self.whole else plain

        return read


def _whole(number: Decimal) -> int:
    if number % 1:
        raise Unread("no whole number")
    if abs(number) > INTEGER_MAX:
        raise Unread("a whole number beyond 2^53")
    return int(number)


class BooleanRule(Part):
    """Which texts are true and which false; capitals make no difference."""

    true: Texts = YES
    false: Texts = NO

    def reader(self) -> Callable[[str], object]:
        known = {text.casefold(): True for text in self.true} | {text.casefold(): False for text in self.false}

        def read(text: str) -> object:
            found = known.get(text.casefold())
            if found is None:
                raise Unread("neither true nor false")
            return found

        return read


Number = Annotated[NumberRule, BeforeValidator(_short_number)]
Boolean = Annotated[BooleanRule, BeforeValidator(lambda value: {} if value == "true" else value)]
Constant = Annotated[bool | int | str, PlainValidator(constant)]

READINGS = ("number", "boolean", "date", "time", "list")


class FieldRule(Part):
    """A cell, and how to read it."""

    from_: Annotated[Cell, Field(alias="from")]
    number: Number | None = None
    boolean: Boolean | None = None
    date: Formats | None = None
    time: Formats | None = None
    zone: ZoneName | None = None
    list: str | None = None
    each: "FieldSpec | None" = None
    values: dict[str, Constant] | None = None
    starts: dict[str, Constant] | None = None
    """Like `values`, by how the text begins; the longest beginning counts, and "" is how all begin."""
    else_: Annotated[Literal["error", "skip", "keep"], Field(alias="else")] = "error"
    blank: Constant | None = None

    @model_validator(mode="after")
    def _one_reading(self) -> "FieldRule":
        stated = [name for name in READINGS if getattr(self, name) is not None]
        if len(stated) > 1:
            raise ValueError(f"a cell is read in one way, here are {' and '.join(stated)}")
        if self.values is not None and stated not in ([], ["list"]):
            raise ValueError(f"`values` gives what a text stands for, so `{stated[0]}` has nothing to read")
        if self.starts is not None and (stated or self.values is not None):
            raise ValueError(f"`starts` gives what a text stands for, so `{(stated or ['values'])[0]}` has nothing to read")
        if self.each is not None and self.list is None:
            raise ValueError("`each` is for the pieces of a `list`, which is not there")
        if self.values is None and self.starts is None and "else_" in self.model_fields_set:
            raise ValueError("`else` says what to do with texts that are not among `values` or `starts`, which are not there")
        return self

    def make(self, around: Surroundings, *, is_id: bool = False) -> Make:
        get = self.from_.compiled(around.index, around.file, is_id=is_id)
        read = self._read(around)
        blank = self.blank

        def made(cells: Cells, row: int) -> object:
            text = get(cells, row)
            if text is None:
                return blank
            try:
                return read(cells, row, text)
            except Unread as unread:
                raise Unread(f"{self.from_.text}: {unread}") from unread

        return made

    def _read(self, around: Surroundings) -> Callable[[Cells, int, str], object]:
        if self.list is not None:
            return self._pieces(around, self.list)
        one = self._one(around)
        return lambda cells, row, text: one(text)

    def _one(self, around: Surroundings) -> Callable[[str], object]:
        zone = self.zone or around.zone
        if self.number is not None:
            return self.number.over(around.number).reader()
        if self.boolean is not None:
            return self.boolean.reader()
        if self.date is not None:
            return date_reader(self.date, zone)
        if self.time is not None:
            return time_reader(self.time, zone)
        if self.values is not None:
            return _valued(self.values, self.else_)
        if self.starts is not None:
            return _begun(self.starts, self.else_)
        return lambda text: text

    def _pieces(self, around: Surroundings, separator: str) -> Callable[[Cells, int, str], object]:
        one = _valued(self.values, self.else_) if self.values is not None else None
        each = make(self.each, around) if self.each is not None else None

        def read(cells: Cells, row: int, text: str) -> object:
            pieces: list[object] = []
            for piece in filter(None, map(str.strip, text.split(separator))):
                value = piece if one is None else one(piece)
                pieces.append(value if each is None or value is None else each([*cells, str(value)], row))
            return [piece for piece in pieces if piece is not None] or None

        return read


def _valued(values: Mapping[str, object], otherwise: str) -> Callable[[str], object]:
    folded = {text.casefold(): value for text, value in values.items()}

    def read(text: str) -> object:
        if (found := folded.get(text.casefold())) is not None:
            return found
        if otherwise == "error":
            raise Unread("a text that is not among the map's `values`")
        return text if otherwise == "keep" else None

    return read


def _begun(starts: Mapping[str, object], otherwise: str) -> Callable[[str], object]:
    folded = sorted(((text.casefold(), value) for text, value in starts.items()), key=lambda pair: -len(pair[0]))

    def read(text: str) -> object:
        for beginning, value in folded:
            if text.casefold().startswith(beginning):
                return value
        if otherwise == "error":
            raise Unread("a text that begins like none of the map's `starts`")
        return text if otherwise == "keep" else None

    return read


class Fixed(RootModel[Constant]):
    """A constant: true, false or a whole number."""


def _kind(value: object) -> str:
    """Which kind of field is written here. A rule is known by its `from`, or by a misspelt one beside a reading."""
    match value:
        case dict() if unquoted(value):
            return "text"
        case dict():
            slip = {"form", "column", "cell"} & value.keys() and {*READINGS, "values", "starts"} & value.keys()
            return "rule" if "from" in value or slip else "object"
        case list():
            return "list"
        case Scalar(plain=True) if value.typed:
            return "constant"
    return "text"


class Several(RootModel[tuple["FieldSpec", ...]]):
    pass


class Fields(RootModel[dict[str, "FieldSpec"]]):
    """Fields by name: a touchpoint's data, or an object in it."""


FieldSpec = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[Fixed, Tag("constant")]
    | Annotated[FieldRule, Tag("rule")]
    | Annotated[Several, Tag("list")]
    | Annotated[Fields, Tag("object")],
    Discriminator(_kind),
]

FieldRule.model_rebuild()
Several.model_rebuild()
Fields.model_rebuild()


def make(spec: object, around: Surroundings, *, is_id: bool = False) -> Make:
    """`spec` for a file with these columns."""
    match spec:
        case Template():
            return spec.compiled(around.index, around.file, is_id=is_id)
        case Fixed(root=value):
            return lambda cells, row: value
        case FieldRule():
            return spec.make(around, is_id=is_id)
        case Several(root=several):
            items = [make(one, around) for one in several]
            return lambda cells, row: [made for one in items if (made := one(cells, row)) is not None] or None
        case Fields():
            return _object(spec, around)
    raise AssertionError(spec)


def _object(spec: Fields, around: Surroundings) -> Make:
    fields = [(name, make(one, around, is_id=name in IDS), varies(one)) for name, one in spec.root.items()]
    any_varies = varies(spec)

    def made(cells: Cells, row: int) -> object:
        found: dict[str, object] = {}
        filled = not any_varies
        for name, one, one_varies in fields:
            value = one(cells, row)
            if value is not None:
                found[name] = value
                filled = filled or one_varies
        return found if filled else None

    return made


def varies(spec: object) -> bool:
    """Whether a field's value depends on the row."""
    return any(one.varies for one in within(spec) if isinstance(one, Template))


def within(spec: object, each: bool = True) -> Iterator[Template | FieldRule]:
    """The templates and rules that a field is made of, itself among them; without `each`, not those for the pieces of a list."""
    match spec:
        case Template():
            yield spec
        case FieldRule():
            yield spec
            yield spec.from_
            if each:
                yield from within(spec.each)
        case Several(root=several):
            for one in several:
                yield from within(one, each)
        case Fields(root=fields):
            for one in fields.values():
                yield from within(one, each)
