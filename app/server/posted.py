"""What a body holds, as the clients of each protocol post it: its events one by one, each with its own bytes."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from app.server.problems import HttpProblem
from journey.instants import Instant, iso
from schemas.cloudevents import CONTENT_TYPE, STRUCTURED, as_sent, from_headers, of_http
from schemas.json_formats import Format
from schemas.json_records import JsonRecord
from schemas.json_values import batch
from schemas.outside_calls import CALL_BYTES_MAX, Call, Unusable, read_json
from schemas.strict_json import Unreadable

EVENTS_MAX = 10_000
"""Events of one body."""

BATCH_OF_EVENTS = "application/cloudevents-batch+json"


class Posted(NamedTuple):
    format: Format
    records: list[JsonRecord]
    beside: Call
    """What the body says beside its events."""
    key: str | None = None
    """The write key, where the body has it."""


def segment_batch(path: str, body: bytes, at: Instant) -> Posted:
    """`{"batch": […], "sentAt": …, "writeKey": …}`"""
    records, beside = _batch(path, body)
    beside.pop("type", None)  # It is that of the body.
    return Posted(Format.segment, records, {**beside, "receivedAt": iso(at)}, _key(beside, "writeKey"))


def segment_call(path: str, kind: str, body: bytes, at: Instant) -> Posted:
    """One call, which may leave its type to the path."""
    call = _object(body)
    record = JsonRecord(path, path, 0, (), body)
    return Posted(Format.segment, [record], {"type": kind, "receivedAt": iso(at)}, _key(call, "writeKey"))


def posthog_batch(path: str, body: bytes, at: Instant) -> Posted:
    """`{"batch": […], "sent_at": …, "api_key": …}`"""
    records, beside = _batch(path, body)
    return Posted(Format.posthog, records, {**beside, "received_at": iso(at)}, _key(beside, "api_key"))


def cloud_events(path: str, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Posted:
    """CloudEvents in any of the modes of HTTP. A list of events counts as a batch and an object as one event, also as application/json."""
    found = of_http(headers)
    content_type = next((text.decode("latin-1") for name, text in found if name == CONTENT_TYPE), "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents") and media_type not in (STRUCTURED, BATCH_OF_EVENTS):
        raise HttpProblem(415, f"{media_type} is not read; send {STRUCTURED}, {BATCH_OF_EVENTS}, or the attributes as headers")
    has_attributes = any(name != CONTENT_TYPE for name, _ in found)
    if media_type == BATCH_OF_EVENTS or (media_type != STRUCTURED and not has_attributes and body.lstrip().startswith(b"[")):
        records = _array(path, body)
    elif media_type == STRUCTURED or not has_attributes:
        _object(body)
        records = [_with_headers(path, found, body) if has_attributes else JsonRecord(path, path, 0, (), body)]
    else:
        _json(body)
        records = [_with_headers(path, found, body)]
    return Posted(Format.cloudevents, records, {})


def _batch(path: str, body: bytes) -> tuple[list[JsonRecord], dict[str, Any]]:
    """The calls, and what stands beside them. A call that is broken breaks no other; a body that is broken around them is refused."""
    found = batch(body, calls_max=EVENTS_MAX + 1)
    if found is None:
        _object(body)
        raise HttpProblem(400, "the body has no list called batch")
    _check_count(len(found.calls))
    if found.calls and not found.calls[-1].is_ended:
        raise HttpProblem(400, "the body ends in the middle of its batch")
    if len(found.head) > CALL_BYTES_MAX:
        raise HttpProblem(413, f"what stands around a batch has at most {CALL_BYTES_MAX:,} bytes")
    try:
        beside = dict(read_json(found.head))
    except Unusable as error:
        raise HttpProblem(400, f"what stands around the batch is {error}") from error
    if beside.get("batch") != []:
        raise HttpProblem(400, "the body has several lists called batch")
    return [JsonRecord(path, path, 0, (number,), call.raw, call.whole) for number, call in enumerate(found.calls)], beside


def _array(path: str, body: bytes) -> list[JsonRecord]:
    try:
        records, beside = _batch(path, b'{"batch":%b}' % body)
    except HttpProblem as error:
        raise error if error.status == 413 else HttpProblem(400, "the body is no JSON list of events") from error
    if len(beside) > 1:
        raise HttpProblem(400, "the body is no JSON list of events")
    return records


def _with_headers(path: str, headers: list[tuple[str, bytes]], body: bytes) -> JsonRecord:
    try:
        return JsonRecord(path, path, 0, (), from_headers(headers, body))
    except Unreadable as error:
        return JsonRecord(path, path, 0, (), as_sent(headers, body), reason=error.reason)


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` is. Raises HttpProblem."""
    said = _json(body)
    if not isinstance(said, dict):
        raise HttpProblem(400, "the body is no JSON object")
    return said


def _json(body: bytes) -> Any:
    """What `body` says, read as leniently as can be: what is wrong within it is told of the event. Raises HttpProblem."""
    try:
        return json.loads(body)
    except RecursionError as error:
        if body.lstrip().startswith(b"{"):
            return {}
        raise HttpProblem(400, "the body nests too deep") from error
    except ValueError as error:
        said = "it is empty; send {} where there is nothing to say" if not body.strip() else str(error)
        raise HttpProblem(400, f"the body is no JSON: {said}") from error


def _check_count(number: int) -> None:
    if number > EVENTS_MAX:
        raise HttpProblem(413, f"a body has at most {EVENTS_MAX:,} events; send it in several")


def _key(said: Call, name: str) -> str | None:
    key = said.get(name)
    return key if isinstance(key, str) and key else None
