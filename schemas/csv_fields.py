"""What a map may say of a field: a text with cells in it, a constant, a cell read in a stated way, or lists and objects of these.

A blank cell gives no field at all, and an object whose columns are all blank is left out with its constants.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainValidator, RootModel, Tag, model_validator

from schemas.csv_cell import Unread
from schemas.csv_number import Number, NumberRule
from schemas.csv_template import Cell, Cells, FirstFilled, Template, Text, unquoted
from schemas.csv_time import Formats, Reader, date_reader, time_reader
from schemas.csv_yaml import CsvPart, Scalar, Texts, constant, some
from schemas.csv_zone import zone_name
from schemas.no_ids import ID_FIELDS, PERSON_FIELDS
from schemas.noticed import Noticed, Separated

Make = Callable[[Cells, int], object]
"""What a compiled field gives for the cells and the number of a row; None where it is blank. Raises Unread."""

ReadCell = Callable[[Cells, int, str], object]
"""Reads the text of a cell of a row. Raises Unread."""

IDS = frozenset({*ID_FIELDS, *PERSON_FIELDS})
"""Fields of data that hold an id."""

YES = ("true", "yes", "y", "1")
NO = ("false", "no", "n", "0")


@dataclass(frozen=True, slots=True)
class FieldContext:
    """What a field is compiled for: a file, its columns, and what the map says for all fields."""

    index: Mapping[str, int]
    file: str
    zone: str | None
    number: NumberRule
    noticed: Noticed
    field: str
    """Which field, as `deal_updated.stage`."""

    def of(self, name: str) -> "FieldContext":
        """What the field `name` of this one is compiled for."""
        return replace(self, field=f"{self.field}.{name}")


class BooleanRule(CsvPart):
    """Which texts are true and which false; capitals make no difference."""

    true: Texts = YES
    false: Texts = NO

    def reader(self) -> Callable[[str], object]:
        known = {text.casefold(): True for text in self.true} | {text.casefold(): False for text in self.false}

        def read(text: str) -> object:
            found = known.get(text.casefold())
            if found is None:
                raise Unread.cell(text, "is neither true nor false")
            return found

        return read


Boolean = Annotated[BooleanRule, BeforeValidator(lambda value: {} if value == "true" else value)]
Constant = Annotated[bool | int | str, PlainValidator(constant)]

READINGS = ("number", "boolean", "date", "time", "list")


def _zone_or_column(value: object) -> str | Template:
    if isinstance(value, str) and "{" not in value:
        return zone_name(value)
    return Template.parse(value)


class Sourced(CsvPart):
    """A cell of one column, or of the first of several that is filled; and, where it says a time, on whose clock that is."""

    from_: Annotated[Cell | None, Field(alias="from")] = None
    first: Annotated[tuple[Cell, ...], BeforeValidator(some)] | None = None
    zone: Annotated[str | Template, PlainValidator(_zone_or_column)] | None = None
    """The name of a zone, or the text with the cell that says it."""

    @property
    def cell(self) -> Template | FirstFilled:
        return self.from_ or FirstFilled.model_construct(first=self.first or ())

    def column(self, around: FieldContext, cells: Cells, row: int) -> str:
        """The column that is read in this row."""
        if self.from_ is not None:
            return self.from_.text
        several = self.cell.several
        return next((one.text for one in several if one.compiled(around.index, around.file)(cells, row) is not None), several[0].text)

    @property
    def zone_column(self) -> str:
        return self.zone.text if isinstance(self.zone, Template) else ""

    def own_zone(self, around: FieldContext) -> str | None:
        """The zone of times whose row says none."""
        return self.zone if isinstance(self.zone, str) else around.zone

    def read_time(self, around: FieldContext, formats: tuple[str, ...], read: Reader) -> Callable[[Cells, int, str], str]:
        """Reads a time or a day in `formats` by `read`, with what the row says of the zone; notes which cells may be read in two ways."""
        if not isinstance(self.zone, Template) and len(formats) == 1:
            return lambda cells, row, text: read(text)[0]
        zone_of = self.zone.compiled(around.index, around.file) if isinstance(self.zone, Template) else None
        noticed = around.noticed

        def made(cells: Cells, row: int, text: str) -> str:
            found, twice = read(text, (zone_of and zone_of(cells, row)) or "")
            if twice:
                noticed.note_twice(self.column(around, cells, row), formats, text, twice)
            return found

        return made


class FieldRule(Sourced):
    """A cell, and how to read it."""

    number: Number | None = None
    boolean: Boolean | None = None
    date: Formats | None = None
    time: Formats | None = None
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
        if (self.from_ is None) == (self.first is None):
            raise ValueError("one of from, first is wanted here")
        if isinstance(self.zone, Template) and self.time is None:
            raise ValueError("a zone from a column is for `time`, which is not there")
        if self.starts is not None and (stated not in ([], ["list"]) or self.values is not None):
            raise ValueError(f"`starts` gives what a text stands for, so `{(stated or ['values'])[0]}` has nothing to read")
        if self.each is not None and self.list is None:
            raise ValueError("`each` is for the pieces of a `list`, which is not there")
        if self.values is None and self.starts is None and "else_" in self.model_fields_set:
            raise ValueError("`else` says what to do with texts that are not among `values` or `starts`, which are not there")
        return self

    def make(self, around: FieldContext, *, is_id: bool = False) -> Make:
        get = self.cell.compiled(around.index, around.file, is_id=is_id)
        read = self._one(around) if self.list is None else self._pieces(around, self.list)
        blank = self.blank

        def made(cells: Cells, row: int) -> object:
            text = get(cells, row)
            if text is None:
                return blank
            try:
                return read(cells, row, text)
            except Unread as unread:
                raise unread.at(self.column(around, cells, row)) from unread

        return made

    def _one(self, around: FieldContext) -> ReadCell:
        zone = self.own_zone(around)
        if self.date is not None:
            return self.read_time(around, self.date, date_reader(self.date, zone))
        if self.time is not None:
            return self.read_time(around, self.time, time_reader(self.time, zone, zone_column=self.zone_column, key="time"))
        if self.number is not None:
            separated = around.noticed.separated.setdefault((around.file, self.cell.text), Separated())
            one = self.number.over(around.number).reader(around.noticed, separated)
        elif self.boolean is not None:
            one = self.boolean.reader()
        else:
            one = self._meant(around) or (lambda text: text)
        return lambda cells, row, text: one(text)

    def _pieces(self, around: FieldContext, separator: str) -> ReadCell:
        one = self._meant(around)
        each = make(self.each, around) if self.each is not None else None

        def read(cells: Cells, row: int, text: str) -> object:
            pieces: list[object] = []
            for piece in filter(None, map(str.strip, text.split(separator))):
                value = piece if one is None else one(piece)
                pieces.append(value if each is None or value is None else each([*cells, str(value)], row))
            return [piece for piece in pieces if piece is not None] or None

        return read

    def _meant(self, around: FieldContext) -> Callable[[str], object] | None:
        """What texts stand for, where the map says so by `values` or `starts`. Others are noted."""
        if self.values is not None:
            find, known, why = _valued(self.values), "values", "is not among the map's `values`"
        elif self.starts is not None:
            find, known, why = _begun(self.starts), "starts", "begins like none of the map's `starts`"
        else:
            return None
        noticed, field, otherwise = around.noticed, around.field, self.else_

        def read(text: str) -> object:
            found = find(text.casefold())
            if found is not None:
                return found
            noticed.note_unknown(field, known, text)
            if otherwise == "error":
                raise Unread.cell(text, why)
            return text if otherwise == "keep" else None

        return read


def _valued(values: Mapping[str, object]) -> Callable[[str], object]:
    return {text.casefold(): value for text, value in values.items()}.get


def _begun(starts: Mapping[str, object]) -> Callable[[str], object]:
    folded = sorted(((text.casefold(), value) for text, value in starts.items()), key=lambda pair: -len(pair[0]))
    return lambda text: next((value for beginning, value in folded if text.startswith(beginning)), None)


class ConstantField(RootModel[Constant]):
    """A constant: true, false or a whole number."""


_RULE_KEYS = frozenset(field.alias or name for name, field in FieldRule.model_fields.items())


def _kind(value: object) -> str:
    """Which kind of field is written here. A rule is known by its `from`, by a list as its `first`, or by a slip beside a reading."""
    match value:
        case dict() if unquoted(value):
            return "text"
        case dict():
            slip = {"form", "column", "cell"} & value.keys() and {*READINGS, "values", "starts"} & value.keys()
            is_first = isinstance(value.get("first"), list) and value.keys() <= _RULE_KEYS
            return "rule" if "from" in value or is_first or slip else "object"
        case list():
            return "list"
        case Scalar(plain=True) if value.typed:
            return "constant"
    return "text"


class SeveralFields(RootModel[tuple["FieldSpec", ...]]):
    pass


class Fields(RootModel[dict[str, "FieldSpec"]]):
    """Fields by name: a touchpoint's data, or an object in it."""


FieldSpec = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[ConstantField, Tag("constant")]
    | Annotated[FieldRule, Tag("rule")]
    | Annotated[SeveralFields, Tag("list")]
    | Annotated[Fields, Tag("object")],
    Discriminator(_kind),
]

FieldRule.model_rebuild()
SeveralFields.model_rebuild()
Fields.model_rebuild()


def make(spec: object, around: FieldContext, *, is_id: bool = False) -> Make:
    """`spec` for a file with these columns."""
    match spec:
        case Template():
            return spec.compiled(around.index, around.file, is_id=is_id)
        case ConstantField(root=value):
            return lambda cells, row: value
        case FieldRule():
            return spec.make(around, is_id=is_id)
        case SeveralFields(root=several):
            items = [make(one, around) for one in several]
            return lambda cells, row: [made for one in items if (made := one(cells, row)) is not None] or None
        case Fields():
            return _object(spec, around)
    raise AssertionError(spec)


def _object(spec: Fields, around: FieldContext) -> Make:
    fields = [(name, make(one, around.of(name), is_id=name in IDS), varies(one)) for name, one in spec.root.items()]
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
            yield from spec.cell.several
            if isinstance(spec.zone, Template):
                yield spec.zone
            if each:
                yield from within(spec.each)
        case SeveralFields(root=several):
            for one in several:
                yield from within(one, each)
        case Fields(root=fields):
            for one in fields.values():
                yield from within(one, each)
