"""The reference of a definition file, as a page: each setting, with its type, its default and what it does."""

import ast
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final, get_args

from pydantic.fields import FieldInfo

from app.reference.markdown import GENERATED, code, page, table
from app.reference.source import classes_of, field_of, in_words
from journey import definition as written
from journey import outside_names
from journey.definition import UNUSED, Condition, Definition, Model
from journey.instants import spelled
from journey.outside_names import OutsideName, OutsideTouch
from schemas.outside_names import shipped_names

_WORDS: Final = {
    "Name": "name", "Names": "name, or list of names", "Length": "length of time", "Currency": "currency", "Tests": "[tests](#test)",
    "Condition": "[condition](#conditions)", "str": "text", "int": "whole number", "bool": "`true` or `false`", "Decimal": "number",
    "date": "day",
}  # fmt: skip

_INTRODUCTION = """\
A definition says what a journey is: a file of YAML 1.2. `journey definition show --default > mine.yaml` writes the one that ships, to start
from; `journey definition check mine.yaml` says what is wrong in it, with lines, and `journey definition use mine.yaml --reason …` derives
everything by it. A setting that is not in this list is refused."""

_TYPES = """\
A *name* is text of 1 to 100 characters. A *length of time* is a number and one of s, m, h, d, w, such as `30m` or `14d`. A *number* is
exact, as it is written. A *currency* is a code of ISO 4217, such as `EUR`. A *day* is written `2026-03-01`, and a *regular expression* is
one of Python's. Where a list of names is wanted, one name alone may stand."""

_CONDITIONS = """\
A condition holds because of touchpoints that are there. It is one of these, each with exactly its own keys: `{types: demo, where: {status:
held}}` is a match, `{any: [{deal: open}, {score: {at_least: 40}}]}` holds where either does."""

_OUTSIDE = """\
What other systems' events are called here: Segment's and RudderStack's calls, PostHog's events, GA4's and schema.org's names. Each name of
an outside event has the touchpoint that it stands for. Those of a definition are added to the table that ships, or take the place of what
it says of the same name. An event that no name is known for, or that lacks a field of `needs`, is kept as `custom` under its own name."""


def definition() -> str:
    """docs/definition.md."""
    conditions = get_args(Condition)
    parts = list(_parts(Definition, {*conditions, Definition}))
    return page(
        "# The definition of journeys", GENERATED, _INTRODUCTION, "## Kinds of values", _TYPES,
        "## The whole file", _table(Definition), *parts,
        "## Conditions", _CONDITIONS, *(part for kind in conditions for part in _section(kind)),
        *(part for kind in (written.Test, written.Count, written.Score) for part in _section(kind)),
        "## Outside names", _OUTSIDE, _outside_table(OutsideName), "### The table that ships", _shipped(),
    )  # fmt: skip


def _parts(kind: type[Model], told: set[type]) -> Iterator[str]:
    """The sections of all models that fields of `kind` hold, each once."""
    for name in kind.model_fields:
        annotation = field_of(written, kind, name).annotation
        for part, model in _models().items():
            if model not in told and any(part == getattr(node, "id", "") for node in _nodes(annotation)):
                if model in (written.Test, written.Count, written.Score):
                    continue
                told.add(model)
                yield from _section(model)
                yield from _parts(model, told)


def _nodes(annotation: ast.expr) -> Iterator[ast.AST]:
    return ast.walk(annotation)


def _models() -> dict[str, type[Model]]:
    return {name: kind for name, kind in vars(written).items() if isinstance(kind, type) and issubclass(kind, Model) and kind is not Model}


def _section(kind: type[Model]) -> list[str]:
    return [f"### {kind.__name__}", " ".join(classes_of(written)[kind.__name__].says.split()), _table(kind)]


def _table(kind: type[Model]) -> str:
    words = {**_WORDS, **{name: f"[{name}](#{name.lower()})" for name in _models()}}
    unused = {path.split(".")[-1] for path in UNUSED if _is_of(kind, path)}
    rows = []
    for name, field in kind.model_fields.items():
        source = field_of(written, kind, name)
        says = f"{source.says} Nothing reads it yet." if name in unused else source.says
        holds = "[outside names](#outside-names)" if name == "outside_names" else in_words(source.annotation, words, written)
        default = _default(field, is_length=_is_length(source.annotation))
        rows.append((f"`{field.alias or name}`", holds, default, says))
    return table(("setting", "what it holds", "default", "what it does"), rows)


def _outside_table(kind: type[OutsideTouch]) -> str:
    words = {**_WORDS, "Any": "anything", "_Paths": "path, or list of paths", "OutsideTouch": "these settings, but `also`"}
    rows = []
    for name, field in kind.model_fields.items():
        source = field_of(outside_names, kind, name)
        rows.append((f"`{name}`", in_words(source.annotation, words, outside_names), _default(field), source.says))
    return table(("setting", "what it holds", "default", "what it does"), rows)


def _shipped() -> str:
    rows = []
    for name, meant in shipped_names().items():
        for touch in (meant, *meant.also):
            fields = [f"`{ours}`: {code(theirs)}" for ours, theirs in touch.fields.items()]
            fields += [f"`{ours}`: always {value}" for ours, value in touch.constants.items()]
            rows.append((f"`{name}`", f"[{touch.type}](vocabulary.md#{touch.type})", code(touch.needs), "; ".join(fields)))
    return table(("outside name", "touchpoint", "needs", "field, and where theirs is"), rows)


def _is_of(kind: type[Model], path: str) -> bool:
    """Whether the last name of `path`, from the whole file, is a setting of `kind`."""
    *parents, _ = path.split(".")
    model: type[Model] = Definition
    for parent in parents:
        names = {getattr(node, "id", "") for node in _nodes(field_of(written, model, parent).annotation)}
        model = next(one for name, one in _models().items() if name in names)
    return model is kind


def _is_length(annotation: ast.expr) -> bool:
    return any(getattr(node, "id", "") == "Length" for node in _nodes(annotation))


def _default(field: FieldInfo, *, is_length: bool = False) -> str:
    if field.is_required():
        return "required"
    match field.default:
        case None | () | {} | "":
            return ""
        case Model() | dict():
            return ""
        case tuple() as several:
            return ", ".join(f"`{one}`" for one in several)
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case int() as time if is_length:
            return f"`{spelled(time)}`"
        case str() | int() | Decimal() | date() as value:
            return f"`{value}`"
        case other:
            raise ValueError(f"no words for the default {other!r}")
