"""A YAML file whose every text knows its line, so that what is wrong in it can be shown where it is wrong."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from journey.errors import Refused
from journey.problems import meant
from schemas.yaml_nodes import NotRead, compose, text_of

ERRORS_SHOWN_MAX = 10

_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"[-+]?(0|[1-9]\d{0,15})")


class Scalar(str):
    """A text of the file as it stands there; `plain` where it was written without quotes."""

    __slots__ = ("line", "plain")
    line: int
    plain: bool

    @classmethod
    def at(cls, text: str, line: int, plain: bool) -> "Scalar":
        scalar = cls(text)
        scalar.line, scalar.plain = line, plain
        return scalar

    @property
    def typed(self) -> bool:
        """Whether it means something else than its letters: true, false, null or a whole number without quotes."""
        return self.plain and (self.casefold() in _WORDS or _WHOLE.fullmatch(self) is not None)


def line_of(text: object) -> int:
    """The line that `text` stands on; 1 where it is not known."""
    return text.line if isinstance(text, Scalar) else 1


def constant(text: object) -> object:
    """`true`, `false` and whole numbers where they were written without quotes; a text otherwise."""
    if not isinstance(text, str):
        raise ValueError("a text, a whole number, true or false is wanted here")
    if not isinstance(text, Scalar) or not text.typed:
        return str(text)
    word = _WORDS.get(text.casefold())
    if word is None and text.casefold() in _WORDS:
        raise ValueError("nothing stands here; leave the line out, a blank cell gives no field")
    return int(text) if word is None else word


def some(value: object) -> object:
    if isinstance(value, list | dict) and not value:
        raise ValueError("there is nothing in it")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One text, or a list of them."""


class CsvPart(BaseModel):
    """A part of a file that a person writes: an unknown key is a mistake, and the nearest known one is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        known = {field.alias or name for name, field in cls.model_fields.items()}
        for key in value if isinstance(value, dict) else ():
            if key not in known:
                raise wrong(f"unknown key {str(key)!r}{hint(str(key), known, 'known here')}", line_of(key))
        return value


def hint(word: str, known: Iterable[str], otherwise: str) -> str:
    """What may have been meant by `word`: the nearest of `known`, or else all of them."""
    names = sorted(known)
    return meant(word, names) or f"; {otherwise}: {', '.join(names)}"


def read_yaml(path: Path) -> object:
    """The file's content: mappings, lists, and `Scalar` texts. Raises Refused, naming file and line."""
    text = text_of(path)
    try:
        node = compose(text)
    except NotRead as error:
        braces = "{" in "".join(text.splitlines()[error.line - 1 : error.line]) and "is not YAML" in str(error)
        hint = '; a text with braces goes in quotes: "{Column}"' if braces else ""
        raise Refused(f"{path}:{error.line}: {error}{hint}") from None
    if node is None:
        raise Refused(f"{path}: there is nothing in it")
    return _content(node, path)


def _content(node: Node, path: Path) -> object:
    line = node.start_mark.line + 1
    if node.anchor is not None:
        raise Refused(f"{path}:{line}: anchors are not read here, write it out")
    match node:
        case ScalarNode():
            return Scalar.at(node.value, line, plain=node.style is None)
        case SequenceNode():
            return [_content(item, path) for item in node.value]
        case MappingNode():
            content: dict[object, object] = {}
            for key_node, value_node in node.value:
                key = _content(key_node, path)
                if not isinstance(key, Scalar):
                    raise Refused(f"{path}:{key_node.start_mark.line + 1}: a key is a text")
                if key in content:
                    raise Refused(f"{path}:{key.line}: {str(key)!r} is there twice")
                content[key] = _content(value_node, path)
            return content
    raise Refused(f"{path}:{line}: this kind of YAML is not read here")


def refused(path: Path, content: object, error: ValidationError) -> Refused:
    """What is wrong in the file, a line each."""
    found = error.errors(include_url=False, include_input=False)
    lines = [f"{path}:{_line(content, one)}: {_said(content, one)}" for one in found[:ERRORS_SHOWN_MAX]]
    if len(found) > ERRORS_SHOWN_MAX:
        lines.append(f"and {len(found) - ERRORS_SHOWN_MAX} more")
    return Refused(*lines)


def wrong(text: str, line: int) -> PydanticCustomError:
    """A mistake for a validator to raise, where it knows the line better than pydantic."""
    return PydanticCustomError("wrong", "{text}", {"text": text, "line": line})


def _line(content: object, error: ErrorDetails) -> int:
    known = error.get("ctx", {})
    line = int(known.get("line") or _first_line(content) or 1)
    for part in () if "line" in known else error["loc"]:
        if isinstance(content, dict) and part in content:
            line = next(line_of(key) for key in content if key == part)
            content = content[part]
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content = content[part]
            line = _first_line(content) or line
    return line


def _first_line(content: object) -> int | None:
    while isinstance(content, dict | list):
        if not content:
            return None
        content = next(iter(content))
    return line_of(content)


def _said(content: object, error: ErrorDetails) -> str:
    """The error in words, with the place in the file that it is about."""
    steps = []
    for part in error["loc"]:
        if isinstance(content, dict) and part in content:
            content = content[part]
        elif isinstance(content, list) and isinstance(part, int) and part < len(content):
            content, part = content[part], f"number {part + 1}"
        elif error["type"] != "missing" or part != error["loc"][-1]:
            continue  # the name that pydantic gives to a kind of field
        steps.append(str(part))
    said = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            said = f"{steps.pop()!r} is missing"
        case "model_type" | "dict_type" | "model_attributes_type":
            said = "keys and values are wanted here"
        case "list_type" | "tuple_type":
            said = "a list is wanted here"
        case "string_type":
            said = "a text is wanted here"
    return f"{', '.join(steps)}: {said}" if steps else said
