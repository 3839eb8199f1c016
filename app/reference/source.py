"""What the source of a module says of its classes and Python does not keep: annotations as written, and the docstrings of fields."""

import ast
import re
from collections.abc import Mapping
from functools import cache
from inspect import cleandoc, getsource
from types import ModuleType
from typing import Any, Literal, NamedTuple, get_args, get_origin

_HEADING = re.compile(r"# --- (.+)")


class FieldSource(NamedTuple):
    annotation: ast.expr
    says: str


class ClassSource(NamedTuple):
    says: str
    heading: str
    """The last comment of the kind `# --- heading` before it."""
    fields: dict[str, FieldSource]


@cache
def classes_of(module: ModuleType) -> dict[str, ClassSource]:
    """The classes of `module` by name, as they are written."""
    source = getsource(module)
    headings = [(number, found[1]) for number, line in enumerate(source.splitlines(), 1) if (found := _HEADING.match(line))]
    classes = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            heading = next((text for number, text in reversed(headings) if number < node.lineno), "")
            classes[node.name] = ClassSource(ast.get_docstring(node) or "", heading, _fields(node))
    return classes


def field_of(module: ModuleType, kind: type, name: str) -> FieldSource:
    """The field `name` of `kind`, from the class that it is written in; with the nearest docstring that it has."""
    written = [classes_of(module)[one.__name__].fields for one in kind.__mro__ if one.__name__ in classes_of(module)]
    found = [fields[name] for fields in written if name in fields]
    return FieldSource(found[0].annotation, next((one.says for one in found if one.says), ""))


def _fields(node: ast.ClassDef) -> dict[str, FieldSource]:
    fields = {}
    for part, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            says = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            fields[part.target.id] = FieldSource(part.annotation, cleandoc(says) if isinstance(says, str) else "")
    return fields


def in_words(annotation: ast.expr, words: Mapping[str, str], module: ModuleType) -> str:
    """What a field may hold. `words` has what the names in annotations mean; None, which says that it may be left out, is not told."""
    match annotation:
        case ast.Constant(value=str() as quoted):
            return in_words(ast.parse(quoted, mode="eval").body, words, module)
        case ast.Name(id=name) if name in words:
            return words[name]
        case ast.Name(id=name) if get_origin(meant := getattr(module, name)) is Literal:
            return _any_of(get_args(meant))
        case ast.BinOp(left=left, right=right):
            parts = [in_words(one, words, module) for one in (left, right) if not (isinstance(one, ast.Constant) and one.value is None)]
            return " or ".join(parts)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            values = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _any_of([ast.literal_eval(one) for one in values])
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[inner, _])):
            one = in_words(inner, words, module)
            if " or " in one:
                return f"list of values, each {one}"
            return f"list of {one}{'es' if one.endswith('ch') else 's'}" if one.isalpha() else f"list of {one}"
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[key, value])):
            return f"map from {in_words(key, words, module)} to {in_words(value, words, module)}"
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *notes])):
            return in_words(inner, words, module) + "".join(_bounds(note, module) for note in notes)
    raise ValueError(f"no words for {ast.unparse(annotation)}")


def _any_of(values: Any) -> str:
    return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)


def _bounds(note: ast.expr, module: ModuleType) -> str:
    if not isinstance(note, ast.Call) or not isinstance(note.func, ast.Name) or note.func.id != "Field":
        return ""
    bounds = {one.arg: ast.unparse(one.value).replace("_", "") for one in note.keywords}
    match bounds:
        case {"ge": least, "le": most}:
            return f" from {least} to {most}"
        case {"gt": least, "lt": most}:
            return f" above {least} and below {most}"
        case {"ge": least}:
            return f" of {least} or more"
        case {"gt": least}:
            return f" above {least}"
        case _:
            return ""
