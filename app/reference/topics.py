"""docs/asyncapi.json, which describes our topics, and a JSON Schema of what each of those that others follow carries."""

import json
from typing import Any

from pydantic import TypeAdapter

from journey.facts import KINDS
from journey.touchpoints import TYPES
from schemas.json_schema import FOLDER as OF_TOUCHPOINTS
from schemas.json_schema import schema_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
POSITION = {"type": "integer", "minimum": 1, "description": "Of the unit that it is of: without gaps, in the order of commits."}
PERSON = {"type": "string", "description": "The name of the person: one of its ids."}
INSTANT = {"type": "string", "format": "date-time"}


def changes() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": "urn:journey:topic:changes:1",
        "title": "journey.changes",
        "description": "What a unit changed in the facts, or a part of that. A fact is [kind, count, field, …], with the fields of"
        " docs/facts.md in their order; a count below 0 takes back as many that were asserted before.",
        **_object(
            position=POSITION,
            rebuilt={"type": "boolean", "description": "All facts before it are void, and these are all there are."},
            last={"type": "boolean", "description": "False while more parts of the same unit follow."},
            facts={"type": "array", "items": {"anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in KINDS]}},
        ),
        "$defs": {kind: _fact(kind) for kind in KINDS},
    }


def transitions() -> dict[str, Any]:
    because = _object(source={"type": "string"}, id={"type": "string"}, subject={"type": "string"})
    return {
        "$schema": DIALECT,
        "$id": "urn:journey:topic:transitions:1",
        "title": "journey.transitions",
        "description": "A stage that somebody entered: by a touchpoint once it is placed, by a deadline once it has struck. `count` adds up"
        " to the entries that hold. A position may be published again after a crash, the same byte for byte.",
        **_object(
            position=POSITION,
            count={"type": "integer", "not": {"const": 0}, "description": "1: holds from this position on; -1: no longer does."},
            person=PERSON,
            stage={"type": "string"},
            left={"type": "string", "description": 'The stage before it; "" for the first one.'},
            at=INSTANT,
            nth={"type": "integer", "minimum": 0, "description": "Its place among the person's transitions of that instant."},
            rule={"type": "string", "description": "The rule of the definition by which it was entered."},
            because={"type": "array", "items": because, "description": "The touchpoints that it was entered because of."},
            since={"type": "integer", "minimum": 0, "description": "The last position at which all was derived anew: the rest is void."},
        ),
    }  # fmt: skip


def stages() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": "urn:journey:topic:stages:1",
        "title": "journey.stages",
        "description": "Where a person stands: the last message of a person counts. One without a value, a tombstone, is of a person"
        " that is no more: merged into another, or unknown to another definition.",
        **_object(person=PERSON, stage={"type": "string"}, entered_at=INSTANT, position=POSITION),
    }


SCHEMAS = {"changes": changes, "transitions": transitions, "stages": stages}


def schema_page(topic: str) -> str:
    return _text(SCHEMAS[topic]())


def asyncapi() -> str:
    """AsyncAPI 3.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0"""
    key = {"type": "string"}
    messages = {
        "changes": {"key": {**key, "description": "The position."}, "keeps": "in the order of positions, in one partition"},
        "transitions": {"key": {**key, "description": "The person."}, "keeps": "by person"},
        "stages": {"key": {**key, "description": "The person."}, "keeps": "by person, compacted"},
    }
    followed: dict[str, Any] = {
        topic: {
            "address": f"{{prefix}}.{topic}",
            "parameters": {"prefix": {"default": "journey", "description": "JOURNEY_PREFIX"}},
            "description": f"{SCHEMAS[topic]()['description']} Kept {of['keeps']}.",
            "messages": {
                topic: {
                    "contentType": "application/json",
                    "headers": _object(journey_position={"type": "string", "description": "The position, tombstones included."}),
                    "payload": {"$ref": f"topics/{topic}.json"},
                    "bindings": {"kafka": {"key": of["key"]}},
                }
            },
        }
        for topic, of in messages.items()
    }
    touchpoints = {
        "address": "{prefix}.touchpoints",
        "parameters": {"prefix": {"default": "journey", "description": "JOURNEY_PREFIX; JOURNEY_TOUCHPOINTS names another topic."}},
        "description": "The way in: touchpoints as CloudEvents, structured or binary. Its retention is bounded; the record keeps all.",
        "messages": {
            name: {
                "contentType": "application/cloudevents+json",
                "summary": schema_of(name)["description"],
                "payload": {"$ref": f"../schemas/touchpoints/{file.name}"},
            }
            for file in sorted(OF_TOUCHPOINTS.glob("*.json"))
            if (name := file.name.partition(".")[0]) in TYPES
        },
    }
    channels = {"touchpoints": touchpoints, **followed}
    return _text(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Customer journey engine",
                "version": "1",
                "description": "What the engine reads from Kafka, and what it tells others: docs/distributed.md says how to follow it.",
            },
            "defaultContentType": "application/json",
            "channels": channels,
            "operations": {
                name: {"action": "receive" if name == "touchpoints" else "send", "channel": {"$ref": f"#/channels/{name}"}}
                for name in channels
            },
        }
    )  # fmt: skip


def _fact(kind: str) -> dict[str, Any]:
    """A fact as a row: its kind and its count first, and each amount such that no reader rounds it."""
    schema = TypeAdapter(KINDS[kind]).json_schema()
    parts = schema.pop("$defs", {})
    fields = _inline(schema["prefixItems"], parts)[:-1]
    names = KINDS[kind]._fields[:-1]
    return {
        "type": "array",
        "prefixItems": [
            {"const": kind},
            {"type": "integer", "not": {"const": 0}, "title": "count"},
            *({"title": name, **_exact(name, field)} for name, field in zip(names, fields, strict=True)),
        ],
        "minItems": 2 + len(names),
        "maxItems": 2 + len(names),
    }


def _exact(name: str, field: dict[str, Any]) -> dict[str, Any]:
    stated = {key: value for key, value in field.items() if key not in ("title", "default")}
    return {**stated, "type": ["integer", "string"], "pattern": "^-?[0-9]+$"} if name.endswith("_minor") else stated


def _inline(schema: Any, parts: dict[str, Any]) -> Any:
    """`schema` with what it refers to in its place: some facts hold others."""
    if isinstance(schema, list):
        return [_inline(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {key: _inline(value, parts) for key, value in schema.items() if key not in ("title", "default", "discriminator")}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
