"""YAML that a person wrote, from a file to nodes, within bounds that are held while it is read: what is too much is given up there.

The parser is plain Python, and takes about a tenth of a millisecond a value: without bounds, a file of a megabyte takes a minute.
"""

import os
import stat
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node, ScalarNode

from journey.errors import Refused

FILE_BYTES_MAX = 500_000
NODES_MAX = 20_000
"""Values, keys and aliases of a file: thirteen times what the definition that ships has."""
DEPTH_MAX = 50


class NotRead(Exception):
    """Why a text can't be read, and its line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def text_of(path: Path) -> str:
    """The text in a file. Raises Refused for what is no file, too long, or not UTF-8."""
    try:
        raw = _bytes(path)
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise Refused(f"{path} is longer than {FILE_BYTES_MAX} bytes, so it is not read")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Refused(f"{path}:{line}: is not UTF-8 text; save it as UTF-8") from None


def _bytes(path: Path) -> bytes:
    # A pipe that nobody writes to would be waited for as soon as it is opened.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused(f"{path} can't be read: it is no file, but a pipe or a device; put what it says in a file")
        return file.read(FILE_BYTES_MAX + 1)


def compose(text: str, nodes_max: int = NODES_MAX) -> Node | None:
    """The root of `text`, where it has one. Raises NotRead."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Bounded
    yaml.composer.nodes_max = nodes_max
    yaml.composer.warn_double_anchors = False
    try:
        root: Node | None = yaml.compose(text)
        return root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        hint = "; indent with spaces, not with tabs" if "\\t" in str(error.problem) else ""
        said = ", ".join(part for part in (error.problem, error.context) if part)
        raise NotRead(line, f"is not YAML: {said}{hint}") from None
    except YAMLError as error:
        raise NotRead(1, f"is not YAML: {' '.join(str(error).split())}") from None


def _not_stored(text: str) -> str:
    """What no database stores, and an escape such as "\\0" may stand for; "" where there is none of it."""
    if "\0" in text:
        return "a NUL character"
    return "half a character (a lone surrogate)" if any("\ud800" <= letter <= "\udfff" for letter in text) else ""


class _Bounded(Composer):
    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.nodes_max = NODES_MAX
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        self._depth += 1
        if self._nodes > self.nodes_max or self._depth > DEPTH_MAX:
            line = self.parser.peek_event().start_mark.line + 1
            if self._depth > DEPTH_MAX:
                raise NotRead(line, f"is nested deeper than {DEPTH_MAX} levels")
            raise NotRead(line, f"is longer than {self.nodes_max} values")
        node = super().compose_node(parent, index)
        if isinstance(node, ScalarNode) and (which := _not_stored(node.value)):
            raise NotRead(node.start_mark.line + 1, f"holds {which}, which databases cannot store; leave it out")
        self._depth -= 1
        return node
