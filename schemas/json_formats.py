"""What the records of a JSON file are: CloudEvents, Segment's calls or PostHog's events, told by the first that can be recognised."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import orjson

from journey.definition import Definition
from journey.errors import Refused
from schemas import posthog, segment
from schemas.incoming import Incoming
from schemas.json_records import JsonRecord
from schemas.noticed import Noticed
from schemas.outside_calls import Call, CallReading, ShownCall
from schemas.outside_names import outside_names
from schemas.strict_json import Unreadable, read

LOOKED_AT_MAX = 1_000
"""Records that are read to see what a file is."""
LOOKED_AT_BYTES_MAX = 16 * 1024 * 1024

KEYS_SHOWN_MAX = 6


class Format(StrEnum):
    auto = "auto"
    cloudevents = "cloudevents"
    segment = "segment"
    posthog = "posthog"


NAMES = {Format.cloudevents: "CloudEvents", Format.segment: "Segment calls", Format.posthog: "PostHog events"}

# What a record that can't be read would have been: one that is cut off in its middle has its beginning.
_CLUES = {b'"specversion"': Format.cloudevents, b'"messageId"': Format.segment, b'"distinct_id"': Format.posthog}


class Look:
    """The first records of a file, and what they were taken for."""

    def __init__(self) -> None:
        self.format: Format | None = None
        self.records: list[JsonRecord] = []
        """Those that were looked at."""
        self.first: str | None = None
        """What the first one is, where no record could be recognised."""
        self.any_object = False
        """Whether any of them could be read: as something else, then."""


def look(records: Iterator[JsonRecord]) -> Look:
    """Reads on until a record is recognised; there are bounds to that."""
    found, size = Look(), 0
    for record in records:
        found.records.append(record)
        size += len(record.raw)
        found.format, said = _recognised(record)
        found.any_object = found.any_object or isinstance(said, dict)
        if found.first is None:
            found.first = f"{record.place} is {_described(record, said)}"
        if found.format is not None or len(found.records) == LOOKED_AT_MAX or size > LOOKED_AT_BYTES_MAX:
            break
    return found


def settled(found: Look, asked: Format, name: str) -> Format:
    """What a file is read as. Raises Refused where it is no events of those that are read, or of those that were asked for."""
    if found.format is not None and asked in (Format.auto, found.format):
        return found.format
    if found.format is not None:
        raise Refused(f"{name} holds {NAMES[found.format]}, not {NAMES[asked]}; leave --format out, or say --format {found.format}")
    if found.first is None:
        return asked  # Nothing is in it.
    if asked is not Format.auto and not found.any_object:
        return asked  # None of it can be read, and all of it is kept, by that name.
    if asked is not Format.auto:
        raise Refused(f"{name} holds no {NAMES[asked]}: {found.first}")
    *others, last = NAMES.values()
    hint = "" if found.any_object else "; rows of CSV are read with --map FILE"
    raise Refused(f"{name} holds no events that journey reads ({', '.join(others)} or {last}): {found.first}{hint}")


def read_as(
    format: Format,
    records: Iterable[JsonRecord],
    definition: Definition,
    noticed: Noticed,
    of_body: Call | None = None,
    shown: ShownCall | None = None,
) -> Iterator[Incoming]:
    """The touchpoints of `records`. `of_body` is what one body says beside them, where they are its calls; `shown`, the links of others."""
    shown = shown or ShownCall()
    match format:
        case Format.segment:
            return segment.read_segment(records, _reading(segment.SOURCE, definition, noticed, shown), of_body)
        case Format.posthog:
            return posthog.read_posthog(records, _reading(posthog.SOURCE, definition, noticed, shown), of_body)
        case _:
            return as_they_are(records)


def as_they_are(records: Iterable[JsonRecord]) -> Iterator[Incoming]:
    """CloudEvents, the bytes of each as they stand there."""
    for record in records:
        yield Incoming(record.raw, record.source, record.place, reason=record.reason, whole=record.whole)


def _reading(source: str, definition: Definition, noticed: Noticed, shown: ShownCall) -> CallReading:
    currency = definition.default_currency.get(source, "")
    return CallReading(outside_names(definition.outside_names), currency, noticed, definition.identity.is_no_id, shown)


def _recognised(record: JsonRecord) -> tuple[Format | None, Any]:
    """The format, and what was read; None where nothing could be."""
    try:
        said = None if record.whole is not None else orjson.loads(record.raw)
    except orjson.JSONDecodeError:
        said = None
    if said is None:
        return next((format for clue, format in _CLUES.items() if clue in record.raw), None), None
    return _format_of(said), said


def _format_of(said: object) -> Format | None:
    if not isinstance(said, dict):
        return None
    calls = said.get("batch")
    if isinstance(calls, list) and "specversion" not in said:
        formats = (_format_of(call) for call in calls if isinstance(call, dict) and "batch" not in call)
        by_body = Format.posthog if "api_key" in said else Format.segment
        return by_body if not calls else next((format for format in formats if format in (Format.segment, Format.posthog)), None)
    if "specversion" in said or ("subject" in said and "type" in said):
        return Format.cloudevents
    if "messageId" in said or (said.get("type") in segment.KINDS and ("userId" in said or "anonymousId" in said)):
        return Format.segment
    if "distinct_id" in said and "event" in said:
        return Format.posthog
    return None


def _described(record: JsonRecord, said: object) -> str:
    if isinstance(said, dict):
        keys = [f"{key!r}" for key in said]
        more = ", …" if len(keys) > KEYS_SHOWN_MAX else ""
        return f"an object of {', '.join(keys[:KEYS_SHOWN_MAX])}{more}" if keys else "an empty object"
    if record.reason is not None:
        return f"no event: {record.reason}"
    try:
        read(record.raw)
    except Unreadable as unreadable:
        return f"no event: {unreadable.reason}"
    return "no event: no JSON object"
