"""Bytes to touchpoint: where everything that comes in is read, checked and brought into the one form that is stored."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from journey.histories import is_subject
from journey.instants import SECOND, Instant, in_utc, instant, moment, rfc3339
from journey.touchpoints import (
    ID_LENGTH_MAX,
    NO_ABOUT,
    TYPES,
    About,
    AccountUpdated,
    ContentPublished,
    Data,
    DealUpdated,
    Identified,
    OrderPlaced,
    ProfileUpdated,
    Refund,
    SocialEngagement,
    Touchpoint,
    Unlinked,
    about_names,
    field_types,
    is_statement,
    own_names,
    plain_types,
)
from journey.tuples import new
from schemas.strict_json import Unreadable, read, read_exactly
from schemas.upcasters import UPCASTERS, upcast, version_of

__all__ = ["NOT_KEPT", "Decoded", "Unreadable", "decode", "repaired", "touchpoint_of"]

SENDING = frozenset({"sentat", "senttime", "receivedat", "recordedtime", "originaltime", "traceparent", "tracestate"})
"""Attributes about the sending and receiving: they differ from one try to the next, and the touchpoint is the same."""

NOT_KEPT = SENDING | {"datacontenttype"}
"""What the body leaves out. Only JSON is read, so `datacontenttype` says nothing, and not all ways of sending carry it."""

V = TypeVar("V")

DIGEST_BYTES = 16
ERRORS_SHOWN_MAX = 3
VALUE_SHOWN_MAX = 40

VALUES_KEPT_MAX = 2_048
"""Values of one kind that are kept to be shared, and how long what they are read from may be."""
VALUE_BYTES_KEPT_MAX = 256

_TEXTS = ("id", "source", "subject", "type")
_SECONDS_LENGTH = len("2026-03-01T10:00:00Z")
_RARE = NOT_KEPT | {"dataschema", "data_base64"}
_SCHEMA = re.compile(r"(?:.*[/:#])?([a-z][a-z0-9_]*)(?:[/:]v?|\.v)(\d{1,4})(?:\.json)?")
_JSON_TYPE = re.compile(r"(application|text)/([\w.-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_THINGS = frozenset({"deal", "campaign", "content", "account"})
_PAID = (OrderPlaced, Refund)
SENDERS_NETWORKS = ("internal", "datacenter")
"""Values of `About.network` that are no social networks."""


class Decoded(NamedTuple):
    touch: Touchpoint
    """At the time at which it happened: `time`, repaired where the event says by how much its sender's clock is wrong."""
    body: bytes
    """The touchpoint as it is stored: the CloudEvent as sent, `time` first and in UTC, keys sorted, without what is `NOT_KEPT`.

    Its `time` is what the sender's clock said.
    """
    unknown: tuple[str, ...]
    """The names in `data` that the type does not name."""
    digest: bytes
    """Equal for equal bodies. The time is left out: equal bodies are one touchpoint, at the earliest time that any of them says."""


def decode(raw: bytes) -> Decoded:
    """The touchpoint in `raw`, a CloudEvent in JSON; the body that it returns decodes to the same, at the time sent. Raises Unreadable."""
    event = read(raw)
    if type(event) is not dict:
        raise Unreadable("not-an-object", "a touchpoint is a JSON object, one a message")
    if event.get("specversion") != "1.0":
        raise _no_version(event)
    id_, source, subject, name = map(event.get, _TEXTS)
    if not (
        type(id_) is type(source) is type(subject) is type(name) is str
        and 0 < len(id_) <= ID_LENGTH_MAX and 0 < len(source) <= ID_LENGTH_MAX
        and 0 < len(subject) <= ID_LENGTH_MAX and 0 < len(name) <= ID_LENGTH_MAX
    ):  # fmt: skip
        raise _wrong_text(event)
    written: Any = event.get("time")
    at = in_utc(written) if type(written) is str else None
    if at is None:
        sent_at = _moment(event)
        at, written = instant(sent_at), sent_at.isoformat()[:-6] + "Z"
    elif len(written) > _SECONDS_LENGTH and at % SECOND == 0:
        written = f"{written[:19]}Z"
    if at == 0:
        raise Unreadable("wrong-time", "time 1970-01-01T00:00:00Z is what a clock says that was never set; send when it happened")
    happened, version = at, 1
    if not _RARE.isdisjoint(event):
        happened = repaired(event, at)
        version = _rare(event, name)
    sent = event.get("data")
    if type(sent) is not dict:
        raise _no_data(event)
    today, latest, data = upcast(name, version, sent) if (name, version) in UPCASTERS else (name, version, sent)
    reader = _reader(today, latest)

    kind, _, rest = subject.partition(":")
    if kind not in reader.subjects or not rest or (kind == "company" and rest != "self"):
        raise _wrong_subject(subject, reader)
    data, exact, about, value = _said(raw, name, version, data, rest, reader)
    if kind in _THINGS or reader.stated_on or reader.links:
        _check_agreement(about, value, subject, reader)
    if isinstance(value, _PAID) and value.amount < 0:
        # Checked here and not by the type: what was taken in before there was this rule has to stay readable.
        cure = "send a refund of what was paid back" if isinstance(value, OrderPlaced) else "it says what was paid back, without a sign"
        raise Unreadable("negative-amount", f"the amount of {name} is {value.amount}; {cure}")
    if isinstance(value, SocialEngagement) and value.network in SENDERS_NETWORKS and about.network is None:
        # Neither is this checked by the type. With `about_network` beside it, its sender knows of both.
        meant = "about_network is where a touchpoint was sent from"
        raise Unreadable("wrong-value", f"data.network of {name} is the social network, not {_shown(value.network)}; {meant}")

    named = frozenset(data.keys() & reader.fields) if reader.clears else frozenset()
    touch = new(Touchpoint, (happened, source, id_, subject, value, named, about))
    if exact:
        _keep_digits(sent, exact)
    del event["time"]
    unknown = () if data.keys() <= reader.fields else tuple(sorted(data.keys() - reader.fields))
    content = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    body = b'{"time":"%b",%b' % (written.encode(), content[1:])
    decoded: Decoded = new(Decoded, (touch, body, unknown, blake2b(content, digest_size=DIGEST_BYTES).digest()))
    return decoded


def digest_of(body: bytes) -> bytes:
    """As `Decoded.digest`, of a body that `decode` returned: of what the rules of today may refuse, too."""
    return blake2b(b"{" + body[body.index(b'",') + 2 :], digest_size=DIGEST_BYTES).digest()


def touchpoint_of(body: bytes, at: Instant) -> Touchpoint:
    """The touchpoint in `body`, which `decode` returned and which is stored at `at`. What was checked then is not checked again."""
    event = orjson.loads(body)
    name, subject, data = event["type"], event["subject"], event["data"]
    version = 1 if _RARE.isdisjoint(event) else _rare(event, name)
    today, latest, data = upcast(name, version, data) if (name, version) in UPCASTERS else (name, version, data)
    reader = _reader(today, latest)
    data, _, about, value = _said(body, name, version, data, subject.partition(":")[2], reader)
    named = frozenset(data.keys() & reader.fields) if reader.clears else frozenset()
    touch: Touchpoint = new(Touchpoint, (at, event["source"], event["id"], subject, value, named, about))
    return touch


def _said(
    raw: bytes, name: str, version: int, data: dict[str, Any], rest: str, reader: "_Reader"
) -> tuple[dict[str, Any], dict[str, Decimal], About, Data]:
    """What `data` says: with what it says by its subject, the decimals that were written as numbers, and the values of all that.

    Most touchpoints say what others have said, of what any may say as of what their type says: values do not change, so they share them.
    """
    if reader.kind is ContentPublished and data.get("content") is None:
        data = {**data, "content": rest}
    exact = _exact(raw, name, version, data, reader) if reader.decimals else {}
    # Many clients send null for what they have not set: it is as if it were not there, save where null clears a field of the type's.
    names = reader.common
    common = {names[field]: one for field, one in data.items() if one is not None and field in names}
    own = {field: one for field, one in data.items() if field in reader.own}
    try:
        about = _shared(common, _read_about, _ABOUTS) if common else NO_ABOUT
        value = reader.validate({**own, **exact}) if exact else _shared(own, reader.validate, reader.values)
    except ValidationError:
        about, value = _read_again(common, own | exact, reader)
    return data, exact, about, value


def _shared(said: dict[str, Any], read: Callable[[Any], V], values: dict[bytes, V]) -> V:
    """The value of `said`, one for all that say the same."""
    written = orjson.dumps(said)
    value = values.get(written)
    if value is None:
        value = read(said)
        if len(written) <= VALUE_BYTES_KEPT_MAX:
            if len(values) >= VALUES_KEPT_MAX:
                values.clear()
            # A copy: what orjson returns holds on to four kilobytes, however short it is.
            values[bytes(memoryview(written))] = value
    return value


def _read_again(common: dict[str, Any], own: dict[str, Any], reader: "_Reader") -> tuple[About, Data]:
    """The values of what was refused: without null where that says nothing, or with all that is wrong with them."""
    if not reader.clears:
        own = {field: one for field, one in own.items() if one is not None}
    problems: _Problems = {}
    about = _tried(_read_about, common, {ours: name for name, ours in reader.common.items()}, problems)
    value = _tried(reader.validate, own, {}, problems)
    if about is None or value is None:
        raise _invalid(problems)
    return about, value


def _tried(read: Callable[[Any], V], said: dict[str, Any], on_the_wire: Mapping[int | str, str], problems: "_Problems") -> V | None:
    """The value of `said`; or None, and what is wrong with it is put among `problems`."""
    try:
        return read(said)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            where = tuple(on_the_wire.get(part, part) for part in problem["loc"][:1]) + problem["loc"][1:]
            problems[where] = problem
        return None


_Problems = dict[tuple[int | str, ...], ErrorDetails]
"""What is wrong with fields, by where these are in `data`."""


_read_about: Callable[[Any], About] = TypeAdapter(About).validator.validate_python
_ABOUTS: dict[bytes, About] = {}
"""What was read, by how it was written."""


class _Reader(NamedTuple):
    """What it takes to read one type."""

    name: str
    kind: type[Data]
    validate: Callable[[Any], Data]
    subjects: frozenset[str]
    fields: frozenset[str]
    """The fields by their names on the wire."""
    decimals: tuple[str, ...]
    """The fields that must not be read through a float."""
    stated_on: tuple[str, ...]
    """A statement that names one of these is published on it, so that none is stated under two subjects."""
    clears: bool
    links: bool
    own: frozenset[str]
    """The fields that are the type's own."""
    common: dict[str, str]
    """What any touchpoint may say: the name on the wire, and the field of `About`."""
    values: dict[bytes, Data]
    """What was read, by how it was written."""


@cache
def _reader(name: str, version: int) -> _Reader:
    kind = TYPES.get(name)
    known = {*TYPES, *(old for old, _ in UPCASTERS)}
    if name not in known:
        near = get_close_matches(name, sorted(known), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else "; what fits none of its types is sent as 'custom', with a name"
        raise Unreadable("unknown-type", f"type {_shown(name)} is not in the vocabulary{meant}")
    if kind is None or version != version_of(name):
        raise Unreadable("unknown-schema", f"{name} has no version {version}; leave dataschema out, and it is the first")
    types = field_types(kind)
    return _Reader(
        name=name,
        kind=kind,
        validate=TypeAdapter(kind).validator.validate_python,
        subjects=kind.subjects,
        fields=frozenset(types),
        decimals=tuple(name for name, annotation in types.items() if Decimal in plain_types(annotation)),
        stated_on=tuple(thing for thing in ("campaign", "deal") if is_statement(kind) and thing in kind.subjects),
        clears=kind in (ProfileUpdated, AccountUpdated, DealUpdated),
        links=kind in (Identified, Unlinked),
        own=own_names(kind),
        common=about_names(kind),
        values={},
    )


def _wrong_text(event: dict[str, Any]) -> Unreadable:
    """What is wrong with the first of those texts that are."""
    for name in _TEXTS:
        value = event.get(name)
        if value is None or value == "":
            return Unreadable(f"no-{name}", f"{name} is missing; {_NEEDED[name]}")
        if not isinstance(value, str):
            return Unreadable("wrong-type", f"{name} is a string, not {_shown(value)}")
        if len(value) > ID_LENGTH_MAX:
            return Unreadable("too-long", f"{name} has {len(value)} characters; at most {ID_LENGTH_MAX} are allowed")
    raise AssertionError("all are as they should be")


_NEEDED = {
    "id": "give each touchpoint one, and keep it when you send it again",
    "source": "say which system sends it, such as urn:crm",
    "type": "say what happened, such as page_view",
    "subject": "say whom it is about, such as user:7 or deal:12",
}


def _moment(event: dict[str, Any]) -> datetime:
    text = event.get("time")
    try:
        return rfc3339(text)  # type: ignore[arg-type]  # what is no text raises TypeError, and is looked at below
    except (ValueError, TypeError) as error:
        if text is None or text == "":
            raise Unreadable("no-time", "time is missing; say when it happened, such as 2026-03-01T10:00:00Z") from error
        if not isinstance(text, str):
            raise Unreadable("wrong-type", f"time is a string, not {_shown(text)}") from error
        if _lacks_zone(text):
            raise Unreadable("time-without-zone", f"time {_shown(text)} has no zone; end it with Z or an offset, such as +01:00") from error
        raise Unreadable("wrong-time", f"time {_shown(text)}: {error}") from error


def repaired(event: Mapping[str, Any], at: Instant) -> Instant:
    """`at` by the clock of who received it: later by as much as `receivedat` is later than `sentat`, which the sender's clock says.

    As sent, where they do not say, or what comes of it is no time: what is about the sending makes nothing unreadable.
    """
    try:
        found = at + instant(rfc3339(event["receivedat"])) - instant(rfc3339(event["sentat"]))
        return found if found > 0 and moment(found).year >= 1970 else at
    except (KeyError, ValueError, TypeError, OverflowError):
        return at


def _lacks_zone(text: str) -> bool:
    try:
        rfc3339(f"{text}Z")
    except ValueError:
        return False
    return True


def _rare(event: dict[str, Any], name: str) -> int:
    """The version that `event` names; takes out of it what the body leaves out."""
    if event.get("data_base64") is not None:
        raise Unreadable("wrong-content-type", "data_base64 is not read; send data as a JSON object")
    content_type = event.get("datacontenttype")
    if content_type is not None and not (isinstance(content_type, str) and _JSON_TYPE.fullmatch(content_type)):
        raise Unreadable("wrong-content-type", f"datacontenttype {_shown(content_type)} is not read; send application/json")
    for left_out in NOT_KEPT:
        event.pop(left_out, None)
    schema = event.get("dataschema")
    if schema is None:
        return 1
    found = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if found is None:
        meant = f"leave it out, or write urn:journey:{name}:1"
        raise Unreadable("unknown-schema", f"dataschema {_shown(schema)} names no type and version; {meant}")
    if found[1] != name:
        raise Unreadable("schema-contradicts-type", f"dataschema {_shown(schema)} is of type {found[1]}, and type is {_shown(name)}")
    return int(found[2])


def _exact(raw: bytes, name: str, version: int, data: dict[str, Any], reader: _Reader) -> dict[str, Decimal]:
    """The decimals that were written as JSON numbers with a fraction, as they were written."""
    floats = [field for field in reader.decimals if type(data.get(field)) is float]
    if not floats:
        return {}
    # The same steps, so that what was renamed is found under its new name.
    _, _, exact = upcast(name, version, read_exactly(raw)["data"])
    return {field: exact[field] for field in floats}


def _keep_digits(sent: dict[str, Any], exact: dict[str, Decimal]) -> None:
    """Write those decimals that a float would round as strings, which say the same."""
    for name, value in exact.items():
        if name in sent and Decimal(repr(sent[name])) != value:
            sent[name] = f"{value:f}"


def _check_agreement(about: About, value: Data, subject: str, reader: _Reader) -> None:
    """The subject and the data may both name a deal, a campaign, a content or an account: then they name the same."""
    kind, _, rest = subject.partition(":")
    stated = getattr(about, kind) if kind in _THINGS else None
    if stated is not None and stated != rest:
        raise Unreadable("wrong-subject", f"subject is {_shown(subject)} and data.{kind} is {_shown(stated)}; they have to name the same")
    for thing in reader.stated_on:
        named = getattr(about, thing)
        if named is not None and thing != kind:
            home = _shown(f"{thing}:{named}")
            raise Unreadable(
                "wrong-subject", f"{reader.name} with a {thing} is published on it: its subject is {home}, not {_shown(subject)}"
            )
    if isinstance(value, Identified | Unlinked) and value.other == subject:
        raise Unreadable("self-link", f"{_shown(subject)} is linked to itself; data.other names the other one")


def _wrong_subject(subject: str, reader: _Reader) -> Unreadable:
    allowed = ", ".join("company:self" if kind == "company" else f"{kind}:<id>" for kind in sorted(reader.subjects))
    if not is_subject(subject):
        return Unreadable("wrong-subject", f"subject {_shown(subject)} is not <kind>:<id>; for {reader.name} write {allowed}")
    return Unreadable("wrong-subject", f"{reader.name} can't be about {_shown(subject)}; its subject is {allowed}")


def _no_version(event: dict[str, Any]) -> Unreadable:
    stated = event.get("specversion")
    if stated is None:
        hint = "; with a messageId it may be a call of Segment's, which --format segment reads" if "messageId" in event else ""
        return Unreadable("no-specversion", f'specversion is missing; add "specversion": "1.0", that of CloudEvents{hint}')
    return Unreadable("wrong-specversion", f'specversion is {_shown(stated)}; only "1.0" is read')


def _no_data(event: dict[str, Any]) -> Unreadable:
    if event.get("data") is None:
        return Unreadable("no-data", "data is missing; send an object, {} where there is nothing to say")
    return Unreadable("wrong-type", f"data is an object, not {_shown(event['data'])}")


def _invalid(problems: _Problems) -> Unreadable:
    lines = []
    for where, problem in islice(problems.items(), ERRORS_SHOWN_MAX):
        said, given = problem["msg"].removeprefix("Value error, "), problem["input"]
        got = "" if problem["type"] == "missing" or isinstance(given, dict | list) else f", not {_shown(given)}"
        lines.append(f"{_path(where)}: {said}{got}")
    if len(problems) > ERRORS_SHOWN_MAX:
        lines.append(f"and {len(problems) - ERRORS_SHOWN_MAX} more")
    return Unreadable(_code(next(iter(problems.values()))["type"]), "; ".join(lines))


def _code(kind: str) -> str:
    if kind == "missing":
        return "missing-field"
    return "wrong-type" if kind.endswith("_type") else "wrong-value"


def _path(parts: tuple[int | str, ...]) -> str:
    """Where in the body: data.people[0].person. A name right after a name is only pydantic's for a branch of a union."""
    path = "data"
    for before, part in zip((0, *parts), parts, strict=False):
        if isinstance(part, int):
            path += f"[{part}]"
        elif isinstance(before, int):
            path += f".{part}"
    return path


def _shown(value: object) -> str:
    """As it stands on the wire, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]}…"
