"""Calls that other systems' libraries make, on their way to being touchpoints: what Segment's and PostHog's have in common.

A file has a call a record, or a body that holds many, as the libraries post them: `{"batch": […], "sentAt": …}`. A call of which nothing
can be made is handed on with the reason.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Never

import orjson

from journey.definition import Identity
from journey.instants import Instant, instant, iso, rfc3339
from journey.integers import INTEGER_MAX
from journey.outside_names import PERSON, OutsideMeaning, OutsideName, Unfit, fitting, meant, without_currency
from schemas.decode import repaired
from schemas.incoming import Incoming
from schemas.intended import Name, unmade
from schemas.json_records import JsonRecord
from schemas.json_values import ValueBatch, batch
from schemas.noticed import Noticed

CALL_BYTES_MAX = 1_000_000
TOO_LARGE = f"a call of more than {CALL_BYTES_MAX} bytes"

LINKS_KEPT_MAX = 200_000
"""How many pairs of ids are remembered as said already; beyond it they are said again, which changes nothing."""

SHOWN_MAX = 40

MILLISECONDS = range(946_684_800_000, 4_102_444_800_000)
"""The years 2000 to 2099, as numbers of milliseconds since 1970. No number of seconds that is among them is of those years."""
SECONDS = range(946_684_800, 4_102_444_800)

IN_THE_MIDDLE = "the body ends here, in the middle of its batch; what came before was taken in"

Call = Mapping[str, Any]
Made = Iterator[tuple[str, str, str, dict[str, Any]]]
"""Id, subject, type and data of touchpoints."""

TRAITS = {
    "title": "job_title",
    "gender": "gender",
    "language": "language",
    "locale": "language",
    "seniority": "seniority",
    "department": "department",
}
"""Traits of a person that are fields of ours; all others stay traits."""


class Unusable(Exception):
    """A call that no touchpoint can be made of; the text says why."""


class ShownCall:
    """Links that calls have shown already, and the earliest time at which: they need not be said again. `before` are others that were."""

    def __init__(self, before: "ShownCall | None" = None) -> None:
        self._times: dict[str, Instant] = {}
        self._before = before

    def has(self, link: str, at: Instant) -> bool:
        """Whether `link` was shown at `at` or earlier."""
        said = self._times.get(link)
        return (said is not None and said <= at) or (self._before is not None and self._before.has(link, at))

    def add(self, link: str, at: Instant) -> None:
        if len(self._times) >= LINKS_KEPT_MAX:
            self._times.clear()
        self._times[link] = min(at, self._times.get(link, at))

    def add_all(self, other: "ShownCall") -> None:
        for link, at in other._times.items():
            self.add(link, at)


@dataclass(frozen=True, slots=True)
class CallReading:
    """By what calls are read, and what is noticed on the way."""

    names: Mapping[str, OutsideName]
    currency: str = ""
    """Of amounts whose call names none."""
    noticed: Noticed = field(default_factory=Noticed)
    is_no_id: Callable[[str], bool] = Identity().is_no_id
    """Whether an id names nobody: it counts as not given."""
    shown: ShownCall = field(default_factory=ShownCall)


Reader = Callable[[Call, Call, CallReading], list[bytes]]
"""The CloudEvents that a call comes to; with it goes what the body that holds it says beside its calls. Raises Unusable."""


Namer = Callable[[Call, Call, CallReading], list[Name]]
"""The touchpoints that a call was meant to be that none can be made of; none where they can't be known. Raises Unusable."""


def read_calls(
    records: Iterable[JsonRecord], read_one: Reader, named: Namer, by: CallReading, of_body: Call | None = None
) -> Iterator[Incoming]:
    """`of_body` is what one body says beside these calls, where each record is one of its calls."""
    for record in records:
        if of_body is not None:
            yield from _of_call(record, of_body, read_one, named, by)
            continue
        body = None if record.reason is not None else batch(record.raw, record.line)
        if body is None:
            yield from _of_call(record, {}, read_one, named, by)
            continue
        beside, left = _beside(body)
        for one in body.calls:
            assert one.element is not None
            reason = TOO_LARGE if one.whole is not None else None if one.is_ended else IN_THE_MIDDLE
            call = record._replace(line=one.line, elements=(*record.elements, one.element), raw=one.raw, whole=one.whole, reason=reason)
            yield from _of_call(call, beside, read_one, named, by)
        if left is not None:
            yield Incoming(record.raw, record.source, record.place, None, left)


def _beside(body: ValueBatch) -> tuple[Call, str | None]:
    """What a body says beside its calls; and why some of it is left, which may be calls."""
    try:
        beside = read_json(body.head)
    except Unusable as error:
        is_cut_off = bool(body.calls) and not body.calls[-1].is_ended  # That is said already.
        return {}, None if is_cut_off else f"what stands around its batch is {error}; the calls of its batch were taken in"
    if beside.get("batch") != []:
        return beside, "it has several lists called batch; the calls of the first were taken in"
    if "event" in beside or beside.get("type", "batch") != "batch":
        return beside, "it is a call, and holds others; those in its batch were taken in"
    return beside, None


def _of_call(record: JsonRecord, beside: Call, read_one: Reader, named: Namer, by: CallReading) -> Iterator[Incoming]:
    reason, meant = record.reason, None
    if reason is None:
        try:
            bodies = read_one(read_json(record.raw), beside, by)
        except Unusable as error:
            reason = str(error)
            meant = unmade(record.raw, _known(record.raw, beside, named, by))
        except orjson.JSONEncodeError:
            reason = "the call holds half of a character (a lone surrogate), which no JSON can carry"
    if reason is not None:
        yield Incoming(record.raw, record.source, record.place, None, reason, whole=record.whole, meant=meant)
        return
    for made in bodies:
        yield Incoming(record.raw, record.source, record.place, made)


def _known(raw: bytes, beside: Call, named: Namer, by: CallReading) -> list[dict[str, str]]:
    quietly = replace(by, noticed=Noticed(), shown=ShownCall())
    try:
        return [{"subject": subject, "source": source, "id": id} for subject, source, id in named(read_json(raw), beside, quietly)]
    except Unusable:
        return []


def read_json(raw: bytes) -> Call:
    if len(raw) > CALL_BYTES_MAX:
        raise Unusable(TOO_LARGE)
    try:
        # Numbers keep their digits: a float would round them.
        call = json.loads(raw, parse_float=_decimal, parse_int=_integer, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Unusable("not UTF-8") from error
    except (ValueError, ArithmeticError) as error:
        raise Unusable("not JSON") from error
    except RecursionError as error:
        raise Unusable("objects and lists nest too deep") from error
    if not isinstance(call, dict):
        raise Unusable("not a JSON object")
    return call


def _integer(text: str) -> int | str:
    """Beyond 2^53, where readers round, the number is kept as a text."""
    return text if len(text) > 17 or abs(int(text)) > INTEGER_MAX else int(text)


def _decimal(text: str) -> Decimal | str:
    return Decimal(text) if math.isfinite(float(text)) else text


def _no_number(text: str) -> Never:
    raise ValueError(text)


def time_of(name: str, said: object) -> str:
    """The time that the field `name` says: as text as it is written, or a number of milliseconds or of seconds. Raises Unusable."""
    if said is None or said == "":
        raise Unusable(f"no {name}")
    time = time_said(said)
    if time is None:
        shown = str(said) if len(str(said)) <= SHOWN_MAX else f"{str(said)[:SHOWN_MAX]}…"
        raise Unusable(f"{name} {shown} is no time; write 2026-03-01T09:00:00Z, or the milliseconds since 1970, 1772355600000")
    return time


def time_said(said: object) -> str | None:
    if isinstance(said, str) and not (said.isascii() and said.isdigit()):
        return said
    if isinstance(said, bool) or not isinstance(said, str | int | Decimal):
        return None
    number = Decimal(said)
    for years, micros in ((MILLISECONDS, 1_000), (SECONDS, 1_000_000)):
        if years.start <= number < years.stop:
            return iso(int(number * micros))
    return None


def meaning(event: str, properties: Mapping[str, Any], own: Mapping[str, str], by: CallReading) -> OutsideMeaning:
    """What an event of that name stands for; what of it is left out is noticed."""
    name = by.names.get(event)
    if name is None:
        found = OutsideMeaning([], left_out=("no touchpoint is named for it",))
    else:
        try:
            found = meant(name, properties, own, by.currency)
        except Unfit as error:
            raise Unusable(f"{event}: {error}") from error
    by.noticed.rounded += found.rounded
    for why in found.left_out:
        by.noticed.note(event, why)
    return found


def tracked(event: str, id: str, subject: str, properties: Mapping[str, Any], context: Mapping[str, Any], found: OutsideMeaning) -> Made:
    """The touchpoints of an event that means `found`; with no meaning, it is no more to us than its name, with all that it said."""
    for one in found.touchpoints:
        if one.data.get("presumed") and one.data.get("other") == subject:
            continue  # As for Segment's alias: of what is only presumed, the other reading is left.
        is_first, about_person = one is found.touchpoints[0], one.subject == PERSON
        data = {**context, **one.data} if about_person else one.data
        if is_first and (rest := {name: value for name, value in properties.items() if name not in found.used}):
            data = {**data, "properties": rest}
        yield id if is_first else f"{id}#{one.type}", subject if about_person else one.subject, one.type, data
    if not found.touchpoints:
        yield id, subject, "custom", custom(event, properties, context)


def custom(name: str, properties: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {**context, "name": name}
    values = [fitting("custom", "value", properties.get(key)) for key in ("value", "revenue", "total")]
    value = next((value for value in values if value is not None), None)
    money = {"value": value, "currency": fitting("custom", "currency", properties.get("currency"))}
    if value is not None and not without_currency("custom", money):
        data |= money
    return {**data, "properties": properties} if properties else data


def fields_of(
    type_name: str, traits: Mapping[str, Any], ours: Mapping[str, str], of_address: tuple[str, ...], as_fields: tuple[str, ...]
) -> dict[str, Any]:
    """The traits that are fields of ours, null where they clear one; and under `traits` the rest."""
    data: dict[str, Any] = {}
    rest = {}
    for name, value in traits.items():
        field = ours.get(name)
        fits = None if field is None else fitting(type_name, field, value)
        if field is None or field in data or (fits is None and value is not None):
            rest[name] = value
        else:
            data[field] = fits
    address = dict_of(traits.get("address"))
    for theirs, field in zip(of_address, as_fields, strict=True):
        if (text := text_of(address.get(theirs))) is not None:
            data[field] = text
    return {**data, "traits": rest} if rest else data


def sight(user: str, anonymous: str, head: Mapping[str, str], by: CallReading) -> list[bytes]:
    """The link that a call with both ids shows, where it was not said before at a time as early.

    Its id is made of the two ids alone, and it has nothing of the call but the time: so it is one touchpoint, however many show it.
    """
    digest = blake2b(orjson.dumps([anonymous, user]), digest_size=16).hexdigest()
    at = _instant(head)
    if at is not None:
        if by.shown.has(digest, at):
            return []
        by.shown.add(digest, at)
    repairing = ("sentat", "receivedat") if {"sentat", "receivedat"} <= head.keys() else ()
    bare = {name: head[name] for name in ("specversion", "source", "time", *repairing)}
    return [body_of(bare, (f"link-{digest}", f"anon:{anonymous}", "identified", {"other": f"user:{user}", "method": "seen_together"}))]


def _instant(head: Mapping[str, str]) -> Instant | None:
    """When it happened, as `decode` reads it; None where it does not."""
    try:
        at = repaired(head, instant(rfc3339(head["time"])))
    except ValueError:
        return None
    return at if at > 0 else None


def body_of(head: Mapping[str, str], made: tuple[str, str, str, dict[str, Any]]) -> bytes:
    id, subject, kind, data = made
    try:
        return orjson.dumps({**head, "id": id, "subject": subject, "type": kind, "data": data}, default=_digits)
    except orjson.JSONEncodeError as error:
        raise Unusable("text with half a character, or objects and lists that nest too deep") from error


def _digits(value: object) -> orjson.Fragment:
    """A number as it was written."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value))


def text_of(value: object) -> str | None:
    """A text, or a whole number as one; what is blank is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    return str(value).strip() or None


def dict_of(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
