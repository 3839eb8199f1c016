"""Definitions as YAML: what a person wrote becomes a `Definition`, or is refused with the line of everything that is wrong.

Read as YAML 1.2 reads it: `yes`, `on` and `12:30` are text. Decimals are exact. Tags and keys given twice are refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from journey.definition import Condition, Definition, Model
from journey.definition_checks import problems
from journey.errors import Refused
from journey.problems import PROBLEMS_MAX, Place, Problem, meant, near
from schemas.yaml_nodes import DEPTH_MAX, NODES_MAX, NotRead, compose, text_of

NODES_KEPT_MAX = 10 * NODES_MAX
"""Of what we have written ourselves: it says in full what a person may have said in short."""
PROBLEMS_TOLD_MAX = 200
"""How many problems are told at once."""


def load_definition(path: Path) -> Definition:
    """The definition in the file at `path`; raises Refused, as `parse_definition` does."""
    return parse_definition(text_of(path), str(path))


def kept_definition(text: str, name: str) -> Definition:
    """The definition in `text`, as `dump_definition` wrote it; raises Refused."""
    return parse_definition(text, name, NODES_KEPT_MAX)


def parse_definition(text: str, name: str, nodes_max: int = NODES_MAX) -> Definition:
    """The definition in `text`; raises Refused, with a line `name:line: what is wrong` for each problem."""
    try:
        reading = _read(text, nodes_max)
    except NotRead as error:
        raise Refused(f"{name}:{error.line}: {error}") from None
    found = reading.problems
    try:
        definition = Definition.model_validate(reading.content)
    except ValidationError as error:
        told_already = {problem.path for problem in found}
        words = _in_words(error.errors(include_url=False), reading.content)
        found += [problem for problem in words if problem.path not in told_already]
    else:
        found += problems(definition)
        if not found:
            return definition
    lines_told = sorted({(reading.line(problem.path), problem.message) for problem in found})
    lines = [f"{name}:{line}: {message}" for line, message in lines_told[:PROBLEMS_TOLD_MAX]]
    if len(lines_told) > PROBLEMS_TOLD_MAX:
        lines.append(f"{name}: and {len(lines_told) - PROBLEMS_TOLD_MAX} more")
    raise Refused(*lines)


@cache
def default_definition() -> Definition:
    """The definition that ships."""
    text = files("schemas").joinpath("definitions", "default.yaml").read_text("utf-8")
    return parse_definition(text, "default.yaml")


def dump_definition(definition: Definition) -> str:
    """`definition` as YAML, without comments and defaults: read again, it has the same fingerprint."""
    out = StringIO()
    writer = _yaml()
    writer.Representer = _Representer
    writer.default_flow_style = None  # Lists of plain values on one line, the rest below each other.
    writer.width = 120
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # Annotated by its default, None.
    writer.dump(_writable(definition.model_dump(by_alias=True, exclude_defaults=True)), out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    return yaml


# --- from text to plain values, with the line of each


_WHOLE = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?")


@dataclass
class _Reading:
    nodes_max: int
    content: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def line(self, path: Place) -> int:
        """The line of `path`, or of the nearest that is written of what it is in."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def _read(text: str, nodes_max: int) -> _Reading:
    root = compose(text, nodes_max)
    if not isinstance(root, MappingNode):
        raise NotRead(1, "holds no definition: it starts with keys such as `name:` and `stages:`")
    reading = _Reading(nodes_max, lines={(): root.start_mark.line + 1})
    reading.content = _value(root, (), reading)
    return reading


def _value(node: Node, path: Place, reading: _Reading) -> Any:
    reading.nodes += 1
    # An anchor is read again wherever it is named.
    if len(path) > DEPTH_MAX or reading.nodes > reading.nodes_max:
        raise NotRead(
            node.start_mark.line + 1,
            f"is nested deeper than {DEPTH_MAX} levels or, with its anchors, longer than {reading.nodes_max} values",
        )
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    match node:
        case MappingNode() if kind == "map":
            return _mapping(node, path, reading)
        case SequenceNode() if kind == "seq":
            items = []
            for index, item in enumerate(node.value):
                reading.lines[*path, index] = item.start_mark.line + 1
                items.append(_value(item, (*path, index), reading))
            return items
        case ScalarNode() if kind in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value"):
            return _scalar(kind, node.value)
        case _:
            reading.problems.append(Problem(path, f"a tag, {node.tag}, is not allowed in a definition; write plain values"))
            return None


def _mapping(node: MappingNode, path: Place, reading: _Reading) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            reading.lines[*path, line] = line
            reading.problems.append(Problem((*path, line), "a key is a word, not a list or a mapping"))
        elif key.value in content:
            # Told where it is said again; a path that no value has stands for that line.
            reading.lines[*path, key.value, "again", line] = line
            first = reading.lines[*path, key.value]
            reading.problems.append(Problem((*path, key.value, "again", line), f"{key.value!r} is given twice, first in line {first}"))
        else:
            reading.lines[*path, key.value] = line
            content[key.value] = _value(value, (*path, key.value), reading)
    return content


def _scalar(kind: str, text: str) -> str | int | bool | Decimal | None:
    if kind == "null":
        return None
    if kind == "bool" and text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    if kind == "int" and _WHOLE.fullmatch(text):
        return int(text)
    if kind == "float" and _DECIMAL.fullmatch(text):
        exact = format(Decimal(text), "f")
        return Decimal(exact) if "." in exact else int(exact)
    return text


# --- what pydantic found, in plain words


_BRANCHES = {key: branch.__name__ for branch in get_args(Condition) for key in branch.model_fields if key != "where"}
"""Which condition is meant, by the key that only it has."""

_WORDS = {
    "int": "a whole number",
    "bool": "true or false",
    "string": "a text",
    "decimal": "a number",
    "date": "a date, written YYYY-MM-DD",
    "tuple": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
}


def _in_words(errors: list[ErrorDetails], content: Any) -> list[Problem]:
    """One problem for each mistake: of a condition only what is wrong with the kind that is meant, of a value only the first, and
    nothing of a key that is missing because it is misspelled."""
    found: dict[Place, Problem] = {}
    misspelled: set[Place] = set()
    for error in errors:
        problem = _problem(error, content, misspelled)
        if problem is not None:
            found.setdefault(problem.path, problem)
        if len(found) == PROBLEMS_MAX:
            break
    return [problem for problem in found.values() if problem.path not in misspelled]


def _problem(error: ErrorDetails, content: Any, misspelled: set[Place]) -> Problem | None:
    path: Place = ()
    models: list[type[Model]] = [Definition]
    value = content
    for part in error["loc"]:
        if part in _BRANCHES.values() and not (isinstance(value, dict) and part in value):
            branch = _branch(value)
            if branch is None:
                return Problem(path, f"{_spelled(path, content)} {_no_condition(value)}")
            if part != branch:
                return None
            models = [model for model in models if model.__name__ == part]
        elif _has(value, part):
            path, value = (*path, part), value[part]
            models = [inner for model in models for inner in _models_of(model, part)] or models
    if error["type"] == "extra_forbidden":
        known = sorted({_written(name, model) for model in models for name in model.model_fields})
        like = near(str(path[-1]), known)
        misspelled.add((*path[:-1], like or ""))
        guess = f"; did you mean {like!r}?" if like else f"; it can have {', '.join(known)}"
        return Problem(path, f"{_spelled(path[:-1], content)} has an unknown key {path[-1]!r}{guess}")
    return _told(error, path, content)


def _told(error: ErrorDetails, path: Place, content: Any) -> Problem | None:
    kind, given, last = error["type"], error["input"], error["loc"][-1]
    place = _spelled(path, content)
    match kind:
        case "missing":
            return Problem((*path, last), f"{place} has no {last!r}")
        case "literal_error":
            known = re.findall(r"'(.*?)'", str(error["ctx"]["expected"])) or [str(error["ctx"]["expected"])]
            choice = f"it is one of {', '.join(known)}{meant(str(given), known)}"
            if last == "[key]":
                return Problem(path, f"{_spelled(path[:-1], content)} has an unknown key {path[-1]!r}: {choice}")
            return Problem(path, f"{place} can't be {_short(given)}: {choice}")
        case "too_short" if isinstance(given, list) and given:
            return None  # Its items are wrong, and told by themselves.
        case "too_short" | "string_too_short":
            return Problem(path, f"{place} is empty")
        case "value_error":
            return Problem(path, f"{place}: {error['ctx']['error']}")
        case _ if last in ("str", "bool", "int", "decimal"):
            return Problem(path, f"{place} is compared with a text, a number, true or false, or a list of them, not with {_short(given)}")
        case _:
            wanted = _WORDS.get(kind.split("_")[0]) if kind.endswith(("_type", "_parsing", "_from_float")) else None
            if wanted is not None:
                return Problem(path, f"{place} has to be {wanted}, not {_short(given)}")
            told = re.sub(r"^\w+ should", "has to", error["msg"])
            return Problem(path, f"{place} {told}, not {_short(given)}")


def _branch(value: Any) -> str | None:
    """Which kind of condition `value` is meant to be."""
    if not isinstance(value, dict):
        return None
    if "where" in value:
        return "Match"
    return next((branch for key, branch in _BRANCHES.items() if key in value), None)


def _no_condition(value: Any) -> str:
    if not isinstance(value, dict):
        return f"is no condition: write it like {{types: demo}}, not {_short(value)}"
    for key in value:
        if guess := meant(key, _BRANCHES):
            return f"is no condition: it has {key!r}{guess}"
    return f"is no condition: it needs one of {', '.join(_BRANCHES)}"


def _has(value: Any, part: int | str) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _models_of(model: type[Model], key: int | str) -> Iterator[type[Model]]:
    """The models that the field `key` of `model` may hold."""
    for name, info in model.model_fields.items():
        if _written(name, model) == key:
            yield from _models_in(info.annotation)


def _models_in(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _written(name: str, model: type[Model]) -> str:
    return model.model_fields[name].alias or name


def _spelled(path: Place, content: Any) -> str:
    """`stages.consideration.rules.demo-held.when`: a path, with names where there are any."""
    words: list[str] = []
    for part in path:
        content = content[part] if _has(content, part) else None
        name = content.get("name") if isinstance(content, dict) and isinstance(part, int) else None
        words.append(str(part if name is None else name))
    return ".".join(words) or "the definition"


def _short(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return repr(value if len(value) <= 60 else f"{value[:57]}...")
        case _:
            return str(value)


# --- writing


class _Representer(SafeRepresenter):
    """Writes decimals as they are."""


_Representer.add_representer(Decimal, lambda representer, value: representer.represent_scalar("tag:yaml.org,2002:float", str(value)))


def _writable(value: Any, key: str = "") -> Any:
    """As YAML holds it. A whole decimal in `is` and `not`, which tell numbers from decimals, stays what it is as text."""
    match value:
        case dict():
            return {name: _writable(inner, name) for name, inner in value.items()}
        case list() | tuple():
            return [_writable(inner, key) for inner in value]
        case Decimal() if "E" in str(value) or ("." not in str(value) and key in ("is", "not")):
            return str(value)
        case Decimal() if "." not in str(value):
            return int(value)
        case _:
            return value
