"""What a CSV map may say, and what is checked of it before any file is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from datetime import datetime
from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from journey.touchpoints import TYPES, field_names
from schemas.csv_fields import FieldRule, Fields, Sourced, within
from schemas.csv_number import NumberRule
from schemas.csv_query import files_named
from schemas.csv_template import ColumnName, CsvColumn, FileName, FirstFilled, Item, RowNumber, Template, TextOrFirst
from schemas.csv_time import Formats, Length, states_zone
from schemas.csv_yaml import CsvPart, Texts, hint, line_of, some, wrong
from schemas.csv_zone import ZoneName


def _constant_time(text: object) -> Template:
    if not isinstance(text, str):
        raise ValueError("a time is wanted here, such as 2026-03-01T09:00:00Z")
    try:
        is_known = datetime.fromisoformat(text).replace(tzinfo=None) > datetime(1970, 1, 1)  # noqa: DTZ001 - of whichever zone
    except ValueError as error:
        raise ValueError(f"{text!r} is no time; write one such as 2026-03-01T09:00:00Z") from error
    if not is_known:
        raise ValueError(f"{text!r} is before the times that are known here, which begin with 1970")
    return Template(str(text), (str(text),), line_of(text))


ConstantTime = Annotated[Template, PlainValidator(_constant_time)]


class TimeRule(Sourced):
    """Which cell says when, in which formats, on whose clock; or when it was, for all rows. And how much later the touchpoint was."""

    at: ConstantTime | None = None
    format: Formats = ("iso",)
    plus: Length | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "TimeRule":
        if sum(one is not None for one in (self.from_, self.first, self.at)) != 1:
            raise ValueError("one of from, first, at is wanted here")
        if self.at is not None and "format" in self.model_fields_set:
            raise ValueError("`at` is one time for all rows, so `format` has nothing to read")
        return self

    @property
    def cell(self) -> Template | FirstFilled:
        return self.at or super().cell

    @property
    def lacks_zone(self) -> bool:
        if self.zone is not None:
            return False
        return not states_zone(self.format) if self.at is None else datetime.fromisoformat(self.at.text).tzinfo is None


class CsvCondition(CsvPart):
    """What a cell must be for a touchpoint to be made of the row. Capitals make no difference."""

    is_: Annotated[Texts | None, Field(alias="is")] = None
    starts: Texts | None = None
    filled: bool | None = None
    not_: Annotated["When | None", Field(alias="not")] = None

    @model_validator(mode="after")
    def _one(self) -> "CsvCondition":
        if not self.model_fields_set:
            raise ValueError("one of is, starts, filled, not is wanted here; of several, all hold")
        return self

    def holds(self) -> Callable[[str], bool]:
        if len(self.model_fields_set) > 1:
            several = [
                CsvCondition.model_construct({name}, **{name: getattr(self, name)}).holds() for name in sorted(self.model_fields_set)
            ]
            return lambda cell: all(one(cell) for one in several)
        if self.is_ is not None:
            wanted = frozenset(text.casefold() for text in self.is_)
            return lambda cell: cell.casefold() in wanted
        if self.starts is not None:
            heads = tuple(text.casefold() for text in self.starts)
            return lambda cell: cell.casefold().startswith(heads)
        if self.not_ is not None:
            inner = self.not_.holds()
            return lambda cell: not inner(cell)
        filled = bool(self.filled)
        return lambda cell: bool(cell) is filled


def _short_condition(value: object) -> object:
    match value:
        case "filled" | "blank":
            return {"filled": value == "filled"}
        case str() | list():
            return {"is": value}
    return value


When = Annotated[CsvCondition, BeforeValidator(_short_condition)]
CsvCondition.model_rebuild()


def _type(name: str) -> str:
    if name not in TYPES:
        raise ValueError(f"there is no touchpoint type {name!r}{hint(name, TYPES, 'there are')}")
    return name


class TouchpointRule(CsvPart):
    """One touchpoint of a row."""

    type: Annotated[str, AfterValidator(_type)]
    subject: TextOrFirst
    time: Annotated[TimeRule, BeforeValidator(lambda value: {"from": value} if isinstance(value, str) else value)]
    id: TextOrFirst | None = None
    when: Annotated[dict[ColumnName, When], Field(default_factory=dict)]
    data: Fields = Fields({})

    @model_validator(mode="after")
    def _fits_its_type(self) -> "TouchpointRule":
        kind = TYPES[self.type]
        for subject in self.subject.several:
            head = subject.pieces[0] if subject.pieces else ""
            about, colon, _ = head.partition(":") if isinstance(head, str) else ("", "", "")
            if isinstance(head, str) and (not colon or about not in kind.subjects):
                can = ", ".join(f"{one}:" for one in sorted(kind.subjects))
                raise wrong(f"a subject starts with its kind, and {self.type} is about {can} not {subject.text!r}", subject.line)
        ours = {theirs: wire for wire, theirs in field_names(kind).items()}
        needed = [ours[one.name] for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
        lacking = [name for name in needed if name not in self.data.root]
        if lacking:
            raise ValueError(f"{self.type} needs {', '.join(sorted(lacking))} in its data")
        return self

    @model_validator(mode="after")
    def _items_are_of_lists(self) -> "TouchpointRule":
        for template in self.templates(each=False):
            if template.has(Item):
                raise wrong(f"{{item}} in {template.text!r} stands for a piece of a list, and goes under `each:` only", template.line)
        return self

    def templates(self, each: bool = True) -> Iterator[Template]:
        for one in (self.id, self.subject, self.time.cell, self.time.zone):
            yield from one.several if isinstance(one, Template | FirstFilled) else ()
        yield from (one for one in within(self.data, each) if isinstance(one, Template))

    def columns(self) -> Iterator[CsvColumn]:
        yield from self.when
        for template in self.templates():
            yield from template.columns

    def without_zone(self) -> Iterator[Template | FirstFilled]:
        """The times of which neither format nor rule says the zone."""
        if self.time.lacks_zone:
            yield self.time.cell
        for one in within(self.data):
            if isinstance(one, FieldRule) and one.time is not None and one.zone is None and not states_zone(one.time):
                yield one.cell


class _Settings(CsvPart):
    """What a map says for all its files, and may say otherwise for some."""

    delimiter: Annotated[Literal[",", ";", "\t", "|"] | None, BeforeValidator(lambda value: "\t" if value == "tab" else value)] = None
    skip_lines: Annotated[int, Field(ge=0, le=1000)] | None = None
    optional_columns: Texts | None = None
    blank_texts: Texts | None = None
    zone: ZoneName | None = None
    number: NumberRule | None = None


def _query(text: object) -> str:
    if not isinstance(text, str):
        raise ValueError("a query is wanted here, such as SELECT * FROM 'deals.csv'")
    if not files_named(text):
        raise ValueError("the query names no file; write FROM 'deals.csv', or FROM 'deals-*.csv' for all that are named so")
    return text


class QueryRule(CsvPart):
    """A SELECT over the files, run by DuckDB, whose result has the rows."""

    query: Annotated[str, PlainValidator(_query)]

    @property
    def files(self) -> list[str]:
        """The names, or patterns of names, of what it reads."""
        return files_named(self.query)


class FileRules(_Settings):
    """The rules for the files whose names match, or for the rows of a query, which names its files itself."""

    match: Texts = ()
    rows: QueryRule | None = None
    touchpoints: Annotated[tuple[TouchpointRule, ...], BeforeValidator(some)]

    @model_validator(mode="after")
    def _match_or_query(self) -> "FileRules":
        if (self.rows is None) == (not self.match):
            raise ValueError("either `match`, the names of its files, or `rows` with a query, which names them itself")
        if self.rows is not None:
            _no_place_in_a_file(self.touchpoints)
        return self


class MapFile(_Settings):
    name: str | None = None
    source: Annotated[str, Field(min_length=1)] | None = None
    rows: QueryRule | None = None
    touchpoints: Annotated[tuple[TouchpointRule, ...] | None, BeforeValidator(some)] = None
    files: Annotated[dict[str, FileRules] | None, BeforeValidator(some)] = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> "MapFile":
        if (self.touchpoints is None) == (self.files is None):
            raise ValueError("either `touchpoints` for all files, or `files` with touchpoints for each kind of file")
        if self.rows is not None:
            if self.touchpoints is None:
                raise ValueError("`rows` stands beside the `touchpoints` that are made of them, under one of `files`")
            _no_place_in_a_file(self.touchpoints)
        for _, rules in self.sections():
            if self.zone is None and rules.zone is None:
                _each_states_its_zone(rules.touchpoints)
            _ids_differ(rules.touchpoints)
        return self

    def sections(self) -> list[tuple[str, FileRules]]:
        """The kinds of file by name, each with the map's settings where it states none."""
        if self.touchpoints is not None:
            match = ("*",) if self.rows is None else ()
            return [("", FileRules.model_construct(**self._stated(), match=match, rows=self.rows, touchpoints=self.touchpoints))]
        assert self.files is not None
        return [
            (name, rules.model_copy(update={one: value for one, value in self._stated().items() if getattr(rules, one) is None}))
            for name, rules in self.files.items()
        ]

    def _stated(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _Settings.model_fields}


def _no_place_in_a_file(rules: Sequence[TouchpointRule]) -> None:
    """A query's rows come in an order of its own, and from several files."""
    for rule in rules:
        for template in rule.templates():
            if template.has(RowNumber) or template.has(FileName):
                raise wrong(f"{template.text!r}: the rows of a query are in no file; let the query make a column of it", template.line)


def _each_states_its_zone(rules: Sequence[TouchpointRule]) -> None:
    for rule in rules:
        for time in rule.without_zone():
            raise wrong(f"{time.said} has no zone: state one, such as `zone: Europe/Berlin`, for this time or for the map", time.line)


def _ids_differ(rules: Sequence[TouchpointRule]) -> None:
    for one, other in combinations(rules, 2):
        if one.id and other.id and one.id.text == other.id.text and not (one.when and other.when):
            hint = f'such as "{other.id.text}-{other.type}"'
            raise wrong(f"two touchpoints of one row have the same id {other.id.text!r}; give each its own, {hint}", other.id.line)
