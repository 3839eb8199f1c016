"""Segment's calls (and RudderStack's, which have the same shape) become touchpoints: one JSON call, one or several CloudEvents.

What ties two ids together is said as a touchpoint of its own. `identify` and `alias` say so outright, each time: its id is the call's
with `#link`. Any other call with both ids only shows it: its id is made of the two ids alone, so that it is one touchpoint, at the
earliest time, however many calls show it; and such a sight never outweighs an `unlinked` that somebody stated later.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Never

import orjson

from journey.definition import Identity
from journey.integers import INTEGER_MAX
from journey.outside_names import PERSON, Meaning, OutsideName, Unfit, fitting, meant, without_currency
from journey.touchpoints import TEXT_LENGTH_MAX
from schemas.incoming import Incoming, Whole
from schemas.meant import unmade
from schemas.outside_names import Noticed

SOURCE = "/segment"

CALL_BYTES_MAX = 1_000_000
_TOO_LARGE = f"a call of more than {CALL_BYTES_MAX} bytes"

LINKS_KEPT_MAX = 200_000
"""How many pairs of ids are remembered as said already; beyond it they are said again, which changes nothing."""

Call = Mapping[str, Any]
Made = Iterator[tuple[str, str, str, dict[str, Any]]]
"""Id, subject, type and data of touchpoints."""

CAMPAIGN = {"name": "utm_campaign", "source": "utm_source", "medium": "utm_medium", "term": "utm_term", "content": "utm_content"}

TRAITS = {
    "title": "job_title",
    "gender": "gender",
    "language": "language",
    "locale": "language",
    "seniority": "seniority",
    "department": "department",
}
"""Traits of a person that are fields of ours; all others stay traits."""

GROUP_TRAITS = {"name": "name", "domain": "domain", "website": "domain", "industry": "industry", "employees": "employees", "plan": "tier"}


IDS = ("userId", "anonymousId", "previousId")


class _Unusable(Exception):
    """A call that no touchpoint can be made of; the text says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """By what calls are read, and what is noticed on the way."""

    names: Mapping[str, OutsideName]
    currency: str = ""
    """Of amounts whose call names none."""
    noticed: Noticed = field(default_factory=Noticed)
    is_no_id: Callable[[str], bool] = Identity().is_no_id
    """Whether an id names nobody: it counts as not given."""
    shown: dict[str, str] = field(default_factory=dict)
    """Links that were said already: when."""


def read_segment(lines: Iterable[tuple[bytes, Whole | None]], source: str, by: Reading) -> Iterator[Incoming]:
    """The touchpoints of a file of calls, one a line; of one that is too large to be kept, there is the beginning, and what is known of the
    whole. A line of which nothing can be made is handed on with the reason.
    """
    for number, (line, whole) in enumerate(lines, 1):
        raw = line.rstrip(b"\r\n")
        if whole is not None:
            yield Incoming(line, source, f"{source}:{number}", reason=f"{whole.length:,} bytes; {_TOO_LARGE}", whole=whole)
        elif raw.strip():
            yield from _of_line(raw, source, f"{source}:{number}", by)


def _of_line(raw: bytes, source: str, place: str, by: Reading) -> Iterator[Incoming]:
    try:
        call = _without_no_ids(_read(raw), by)
        head = _head(call)
        made = list(_touchpoints(call, head["id"], by))
        bodies = [_body(head, one) for one in made]
        bodies += [_body(_bare(head), one) for one in _sight(call, head, by.shown)]
    except _Unusable as error:
        yield Incoming(raw, source, place, None, str(error), meant=unmade(raw, _known(raw, by)))
        return
    except orjson.JSONEncodeError:
        yield Incoming(raw, source, place, None, "the call holds half of a character (a lone surrogate), which no JSON can carry")
        return
    for body in bodies:
        yield Incoming(raw, source, place, body)


def _known(raw: bytes, by: Reading) -> list[dict[str, str]]:
    """The names of the touchpoints of a call that none can be made of, as far as they can be known."""
    quietly = replace(by, noticed=Noticed(), shown={})
    try:
        call = _without_no_ids(_read(raw), quietly)
        id, subject = _text(call.get("messageId")), _person(call)
        if id is None:
            return []
        # An alias is one link or two, under ids of their own: which, is known where they can be made.
        names = [] if call.get("type") == "alias" else [(id, subject)]
        with suppress(_Unusable):
            names = [(name, about) for name, about, _, _ in _touchpoints(call, id, quietly)]
        return [{"source": SOURCE, "subject": about, "id": name} for name, about in names]
    except (_Unusable, orjson.JSONEncodeError):
        return []


def _read(raw: bytes) -> Call:
    if len(raw) > CALL_BYTES_MAX:
        raise _Unusable(_TOO_LARGE)
    try:
        # Numbers keep their digits: a float would round them.
        call = json.loads(raw, parse_float=_decimal, parse_int=_integer, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise _Unusable("not UTF-8") from error
    except (ValueError, ArithmeticError) as error:
        raise _Unusable("not JSON") from error
    except RecursionError as error:
        raise _Unusable("objects and lists nest too deep") from error
    if not isinstance(call, dict):
        raise _Unusable("not a JSON object")
    return call


def _without_no_ids(call: Call, by: Reading) -> Call:
    """`call` without ids that are none. Where no other is left, one stays, so that placement says of it `no-id`."""
    none = [name for name in IDS if (text := _text(call.get(name))) is not None and by.is_no_id(text)]
    if not none:
        return call
    if call.get("type") == "alias":
        none = [name for name in none if name != "previousId"]  # Without it, an alias says nothing.
    if not any(_text(call.get(name)) for name in ("userId", "anonymousId") if name not in none):
        none = [name for name in none if name != next((one for one in none if one != "previousId"), None)]
    by.noticed.no_ids.update(none)
    return {name: value for name, value in call.items() if name not in none}


def _integer(text: str) -> int | str:
    """Beyond 2^53, where readers round, the number is kept as a text."""
    return text if len(text) > 17 or abs(int(text)) > INTEGER_MAX else int(text)


def _decimal(text: str) -> Decimal | str:
    return Decimal(text) if math.isfinite(float(text)) else text


def _no_number(text: str) -> Never:
    raise ValueError(text)


def _head(call: Call) -> dict[str, str]:
    """What all touchpoints of a call share."""
    id = _text(call.get("messageId"))
    if id is None:
        hint = "; it is a CloudEvent, which is read without --format segment" if "specversion" in call else ""
        raise _Unusable(f"no messageId: sent again, the call would count again{hint}")
    time = call.get("timestamp") or call.get("originalTimestamp")
    if not isinstance(time, str):
        raise _Unusable("no timestamp")
    head = {"specversion": "1.0", "id": id, "source": SOURCE, "time": time}
    stated = [("sentAt", "sentat"), ("originalTimestamp", "originaltime")]
    if not (call.get("timestamp") and call.get("originalTimestamp")):
        # With both, the first is the second, repaired already. Alone, it is what the sender's clock said.
        stated.append(("receivedAt", "receivedat"))
    for theirs, ours in stated:
        if isinstance(call.get(theirs), str):
            head[ours] = call[theirs]
    return head


def _bare(head: Mapping[str, str]) -> dict[str, str]:
    """What calls that show the same have in common, so that what they show is one touchpoint."""
    repairing = ("sentat", "receivedat") if {"sentat", "receivedat"} <= head.keys() else ()
    return {name: head[name] for name in ("specversion", "source", "time", *repairing)}


def _touchpoints(call: Call, id: str, by: Reading) -> Made:
    kind = call.get("type")
    subject = _person(call)
    match kind:
        case "track":
            yield from _tracked(call, id, subject, by)
        case "page" | "screen":
            yield _viewed(call, id, subject, kind, by)
        case "identify":
            yield from _identified(call, id, subject)
        case "group":
            yield from _grouped(call, id, subject)
        case "alias":
            yield from _aliased(call, id)
        case _:
            raise _Unusable("a call's type is track, identify, page, screen, group or alias")


def _tracked(call: Call, id: str, subject: str, by: Reading) -> Made:
    event = _text(call.get("event"))
    if event is None:
        raise _Unusable("a track call without the name of its event")
    properties = _dict(call.get("properties"))
    found = _meaning(event, call, id, properties, by)
    by.noticed.rounded += found.rounded
    for why in found.left_out:
        by.noticed.note(event, why)
    for one in found.touchpoints:
        if one.data.get("presumed") and one.data.get("other") == subject:
            continue  # As for `alias`: of what is only presumed, the other reading is left.
        is_first, about_person = one is found.touchpoints[0], one.subject == PERSON
        data = {**_context(call), **one.data} if about_person else one.data
        if is_first and (rest := {name: value for name, value in properties.items() if name not in found.used}):
            data = {**data, "properties": rest}
        yield id if is_first else f"{id}#{one.type}", subject if about_person else one.subject, one.type, data
    if not found.touchpoints:
        yield id, subject, "custom", _custom(call, event, properties)


def _meaning(event: str, call: Call, id: str, properties: Mapping[str, Any], by: Reading) -> Meaning:
    name = by.names.get(event)
    if name is None:
        return Meaning([], left_out=("no touchpoint is named for it",))
    own = {"id": id, "user": _text(call.get("userId")) or "", "group": _text(_dict(call.get("context")).get("groupId")) or ""}
    try:
        return meant(name, properties, own, by.currency)
    except Unfit as error:
        raise _Unusable(f"{event}: {error}") from error


def _custom(call: Call, name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """An event that is no more to us than its name, with all that it said."""
    data: dict[str, Any] = {**_context(call), "name": name}
    values = [fitting("custom", "value", properties.get(key)) for key in ("value", "revenue", "total")]
    value = next((value for value in values if value is not None), None)
    money = {"value": value, "currency": fitting("custom", "currency", properties.get("currency"))}
    if value is not None and not without_currency("custom", money):
        data |= money
    return {**data, "properties": properties} if properties else data


def _viewed(call: Call, id: str, subject: str, kind: str, by: Reading) -> tuple[str, str, str, dict[str, Any]]:
    properties = _dict(call.get("properties"))
    name = _text(call.get("name")) or _text(properties.get("name"))
    page = _dict(_dict(call.get("context")).get("page"))
    url = _url(properties, page) or (f"screen:{name}" if kind == "screen" and name else None)
    if url is None:
        by.noticed.note(name or kind, "no page_view: it says no url")
        return id, subject, "custom", _custom(call, name or kind, properties)
    stated = {
        "url": url,
        "kind": kind,
        "title": _text(properties.get("title")) or _text(page.get("title")),
        "view": name,
        "referrer": _text(properties.get("referrer")),
    }
    used = [key for key in ("url", "title", "referrer", "name") if _text(properties.get(key)) is not None]
    rest = {key: value for key, value in properties.items() if key not in used}
    data = _context(call) | {key: value for key, value in stated.items() if value is not None}
    return id, subject, "page_view", data | ({"properties": rest} if rest else {})


def _identified(call: Call, id: str, subject: str) -> Made:
    traits = _dict(call.get("traits"))
    data, rest = _traits("profile_updated", traits, TRAITS, ("country", "state"), ("country", "region"))
    if rest:
        data["traits"] = rest
    user, anonymous = _ids(call)
    both = user is not None and anonymous is not None
    if data or not both:
        yield id, subject, "profile_updated", {**_context(call), **data}
    if both:
        yield f"{id}#link", f"anon:{anonymous}", "identified", {"other": f"user:{user}", "method": "identify"}


def _grouped(call: Call, id: str, subject: str) -> Made:
    group = _text(call.get("groupId"))
    if group is None:
        raise _Unusable("a group call without a groupId")
    yield id, subject, "account_joined", {**_context(call), "account": group}
    data, rest = _traits("account_updated", _dict(call.get("traits")), GROUP_TRAITS, ("country",), ("country",))
    if rest:
        data["traits"] = rest
    if data:
        yield f"{id}#account", f"account:{group}", "account_updated", data


def _aliased(call: Call, id: str) -> Made:
    """Nobody says of which kind the previous id is: it is presumed to be a user's and an anonymous one, whichever is known otherwise."""
    user, anonymous = _ids(call)
    previous = _text(call.get("previousId"))
    subject = f"user:{user}" if user is not None else f"anon:{anonymous}"
    if previous is None or (user is None and anonymous is None):
        raise _Unusable("an alias call needs previousId, and userId or anonymousId")
    for other, suffix in ((f"anon:{previous}", "#link"), (f"user:{previous}", "#user-link")):
        if other != subject:
            yield f"{id}{suffix}", subject, "identified", {"other": other, "method": "alias", "presumed": True}


def _traits(
    type_name: str, traits: Mapping[str, Any], ours: Mapping[str, str], of_address: tuple[str, ...], as_fields: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The traits that are fields of ours, null where they clear one; and the rest."""
    data: dict[str, Any] = {}
    rest = {}
    for name, value in traits.items():
        field = ours.get(name)
        fits = None if field is None else fitting(type_name, field, value)
        if field is None or field in data or (fits is None and value is not None):
            rest[name] = value
        else:
            data[field] = fits
    address = _dict(traits.get("address"))
    for theirs, field in zip(of_address, as_fields, strict=True):
        if (text := _text(address.get(theirs))) is not None:
            data[field] = text
    return data, rest


def _sight(call: Call, head: Mapping[str, str], shown: dict[str, str]) -> Made:
    """The link that a call with both ids shows, where it was not said before at a time as early."""
    user, anonymous = _ids(call)
    if not user or not anonymous or call.get("type") == "identify":
        return
    digest = blake2b(orjson.dumps([anonymous, user]), digest_size=16).hexdigest()
    comparable = head["time"].endswith("Z") and "receivedat" not in head
    if comparable and digest in shown and shown[digest] <= head["time"]:
        return
    if comparable:
        if len(shown) >= LINKS_KEPT_MAX:
            shown.clear()
        shown[digest] = head["time"]
    yield f"link-{digest}", f"anon:{anonymous}", "identified", {"other": f"user:{user}", "method": "seen_together"}


def _context(call: Call) -> dict[str, Any]:
    """What any touchpoint of a person may say about how it came about."""
    context = _dict(call.get("context"))
    page = _dict(context.get("page"))
    campaign = _dict(context.get("campaign"))
    found = {ours: _text(campaign.get(theirs)) for theirs, ours in CAMPAIGN.items()}
    found["referrer"] = _text(page.get("referrer"))
    found["agent"] = _text(context.get("userAgent"))
    url = _url(page, _dict(call.get("properties")))
    found["url"] = url if url is not None and len(url) <= TEXT_LENGTH_MAX else None
    return {name: value for name, value in found.items() if value is not None}


def _url(*said: Mapping[str, Any]) -> str | None:
    """The first link that is said, with the query that is said apart from it: what brought the person is in its tags."""
    url = next((url for one in said if (url := _text(one.get("url"))) is not None), None)
    search = next((search for one in said if (search := _text(one.get("search"))) is not None), None)
    search = (search or "").removeprefix("?")
    if not search or (url is not None and search in url):
        return url
    if url is None:
        url = next((path for one in said if (path := _text(one.get("path"))) is not None), "")
    page, mark, fragment = url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}{search}{mark}{fragment}"


def _body(head: Mapping[str, str], made: tuple[str, str, str, dict[str, Any]]) -> bytes:
    id, subject, kind, data = made
    try:
        return orjson.dumps({**head, "id": id, "subject": subject, "type": kind, "data": data}, default=_digits)
    except orjson.JSONEncodeError as error:
        raise _Unusable("text with half a character, or objects and lists that nest too deep") from error


def _digits(value: object) -> orjson.Fragment:
    """A number as it was written."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(type(value))


def _person(call: Call) -> str:
    user, anonymous = _ids(call)
    if user:
        return f"user:{user}"
    if anonymous:
        return f"anon:{anonymous}"
    raise _Unusable("neither userId nor anonymousId: nobody whom it could be about")


def _ids(call: Call) -> tuple[str | None, str | None]:
    return _text(call.get("userId")), _text(call.get("anonymousId"))


def _text(value: object) -> str | None:
    """A text, or a whole number as one; what is blank is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    return str(value).strip() or None


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
