"""CloudEvents in a Kafka record and in an HTTP request: in binary mode the attributes travel as headers; we store one form."""

from collections.abc import Iterable, Sequence
from urllib.parse import unquote_to_bytes

import orjson

from journey.instants import rfc3339
from schemas.strict_json import BODY_BYTES_MAX, Unreadable, read

Headers = Sequence[tuple[str, bytes]]

STRUCTURED = "application/cloudevents+json"

CONTENT_TYPE = "content-type"

_PREFIX = "ce_"
_DATA = ("data", "data_base64")


def from_headers(headers: Headers, value: bytes | None) -> bytes:
    """The CloudEvent in JSON that a record holds, in whichever mode it was sent; `decode` reads it. Raises Unreadable."""
    if not value:
        raise Unreadable("empty", "the record has no value; a touchpoint is never deleted, send 'retracted'")
    content_type, attributes = _read(headers)
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents-batch"):
        raise Unreadable("batch", "a record holds one touchpoint; send each of the batch in a record of its own")
    if media_type.startswith("application/cloudevents") and media_type != STRUCTURED:
        raise Unreadable("wrong-content-type", f"content-type {content_type!r} is not read; send {STRUCTURED}")
    if not attributes:
        return value
    if len(value) > BODY_BYTES_MAX:
        raise Unreadable("too-large", f"{len(value):,} bytes; a touchpoint has at most {BODY_BYTES_MAX:,}")
    # Read, though only its bytes are used: what is no JSON by itself could close our braces and open others.
    body = read(value)
    if media_type == STRUCTURED or (isinstance(body, dict) and "specversion" in body):
        _check_agreement(attributes, body)
        return value
    if content_type:
        attributes["datacontenttype"] = content_type
    return orjson.dumps(attributes)[:-1] + b',"data":' + value + b"}"


def of_http(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, bytes]]:
    """The headers of a request that say anything about the CloudEvent, as Kafka has them: `ce-id` is `ce_id`, and %22 is a quote."""
    named = [(name.decode("latin-1").lower(), text) for name, text in headers]
    attributes = [(f"{_PREFIX}{name[3:]}", unquote_to_bytes(text)) for name, text in named if name.startswith("ce-")]
    return attributes + [(name, text) for name, text in named if name == CONTENT_TYPE]


def as_sent(headers: Headers, value: bytes) -> bytes:
    """All that says what a record that can't be read was to be: its headers as in HTTP, an empty line, and the value as it is."""
    if not any(name.lower() != CONTENT_TYPE for name, _ in headers):
        return value
    return b"".join(b"%b: %b\r\n" % (name.encode(errors="surrogateescape"), text or b"") for name, text in headers) + b"\r\n" + value


def is_of_events(header: str) -> bool:
    """Whether a header of that name says anything about the CloudEvent; others are the sender's own."""
    name = header.lower()
    return name == CONTENT_TYPE or name.startswith(_PREFIX)


def to_headers(body: bytes) -> tuple[list[tuple[str, bytes]], bytes]:
    """The headers and the value that carry `body`, as `decode` returned it, in binary mode."""
    event = orjson.loads(body)
    headers = [(CONTENT_TYPE, b"application/json")]
    headers += [(_PREFIX + name, _header(value)) for name, value in event.items() if name not in _DATA and value is not None]
    return headers, orjson.dumps(event["data"], option=orjson.OPT_SORT_KEYS)


def _read(headers: Headers) -> tuple[str, dict[str, str]]:
    """The content type, and the attributes by name."""
    found: dict[str, str] = {}
    for header, raw in headers:
        name = header.lower()
        if raw is None or not is_of_events(header):
            continue
        try:
            header.encode()
            text = raw.decode()
        except UnicodeError as error:
            raise Unreadable("not-utf-8", f"header {header!r} is not UTF-8") from error
        if found.setdefault(name, text) != text:
            raise Unreadable("header-twice", f"header {header!r} is there twice, with two values")
    content_type = found.pop(CONTENT_TYPE, "")
    attributes = {name.removeprefix(_PREFIX): text for name, text in found.items()}
    for name in _DATA:
        if name in attributes:
            raise Unreadable("headers-contradict-body", f"header {_PREFIX}{name} is no attribute; the data is the record's value")
    return content_type, attributes


def _check_agreement(attributes: dict[str, str], body: object) -> None:
    if not isinstance(body, dict):
        raise Unreadable("headers-contradict-body", f"content-type is {STRUCTURED}, and the value is no JSON object")
    for name, stated in attributes.items():
        value = body.get(name)
        if value is not None and not _same(name, stated, value):
            raise Unreadable("headers-contradict-body", f"header {_PREFIX}{name} is {stated!r}, and {name} in the value is {value!r}")


def _same(name: str, stated: str, value: object) -> bool:
    if name != "time" or not isinstance(value, str):
        return stated.encode() == _header(value)
    try:
        return rfc3339(stated) == rfc3339(value)
    except ValueError:
        return stated == value


def _header(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)
