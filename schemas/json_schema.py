"""A JSON Schema for each touchpoint type, for those who send: made of the vocabulary, and checked in beside this file.

`python -m schemas.json_schema --write` writes them. What needs two fields at once (a reason unless won), `decode` alone checks.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from journey.touchpoints import DECIMAL_TEXT, ID_LENGTH_MAX, TYPES, About, Data, about_names
from schemas.upcasters import version_of

FOLDER = Path(__file__).parent / "touchpoints"

_LINE_LENGTH_MAX = 140
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum"}


class _Terse(GenerateJsonSchema):
    """pydantic's schema without a title for every field, and with `["string", "null"]` for what may be left empty."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if isinstance(inner.get("type"), str) and "enum" not in inner and "const" not in inner:
            return {**inner, "type": [inner["type"], "null"]}
        return self.get_union_of_schemas([inner, {"type": "null"}])

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        limits: dict[str, Any] = {**schema}
        number = {"type": "number"} | {word: limits[bound] for bound, word in _BOUNDS.items() if bound in limits}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{DECIMAL_TEXT}$"}]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", ...) in (None, [], ()):
            del described["default"]
        return described


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of the CloudEvents of one type."""
    kind = TYPES[name]
    version = version_of(name)
    data = _data(kind)
    parts = data.pop("$defs", None)
    subjects = sorted(kind.subjects)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:journey:{name}:{version}",
        "title": name,
        "description": f"The touchpoint {name}, version {version}, as a CloudEvent in JSON. Its subject: {', '.join(subjects)}.",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": ID_LENGTH_MAX},
            "source": {"type": "string", "minLength": 1, "maxLength": ID_LENGTH_MAX},
            "type": {"const": name},
            "subject": {"type": "string", "maxLength": ID_LENGTH_MAX, "pattern": _subject_pattern(subjects)},
            "time": {"type": "string", "format": "date-time"},
            "dataschema": {"type": ["string", "null"], "pattern": rf"(^|[/:#]){name}([/:]v?|\.v){version}(\.json)?$"},
            "datacontenttype": {"type": ["string", "null"]},
            "data_base64": {"type": "null"},
            "data": data,
        },
    }
    return schema if parts is None else {**schema, "$defs": parts}


def text_of(name: str) -> str:
    """The schema as it is checked in."""
    return _spread(schema_of(name)) + "\n"


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.v{version_of(name)}.json"


def write() -> None:
    """Write every schema. Those of earlier versions stay: someone may send them still."""
    FOLDER.mkdir(exist_ok=True)
    for name in TYPES:
        path_of(name).write_text(text_of(name), encoding="utf-8")


def _data(kind: type[Data]) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(schema_generator=_Terse)
    del schema["title"]
    common = {name: _common()[field] for name, field in about_names(kind).items()}
    properties = common | schema["properties"]
    required = sorted(schema.pop("required", []), key=list(properties).index)
    # What it must carry first, then what is its own, then what any touchpoint may say.
    places = {name: (name not in required, name in common) for name in properties}
    schema["properties"] = {name: properties[name] for name in sorted(properties, key=places.__getitem__)}
    return {"type": schema.pop("type"), "required": required, **schema}


@cache
def _common() -> dict[str, Any]:
    properties: dict[str, Any] = TypeAdapter(About).json_schema(schema_generator=_Terse)["properties"]
    return properties


def _subject_pattern(subjects: list[str]) -> str:
    return "|".join("^company:self$" if kind == "company" else rf"^{kind}:[\s\S]" for kind in subjects)


def _spread(value: Any, indent: str = "") -> str:
    """JSON with objects that fit into a line on one."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or len(indent) + len(flat) < _LINE_LENGTH_MAX:
        return flat
    inner = indent + "  "
    lines = (f"{inner}{json.dumps(name)}: {_spread(part, inner)}" for name, part in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("python -m schemas.json_schema --write")
    write()
