"""Segment's calls (and RudderStack's, which have the same shape) become touchpoints: one JSON call, one or several CloudEvents.

What ties two ids together is said as a touchpoint of its own. `identify` and `alias` say so outright, each time: its id is the call's
with `#link`. Any other call with both ids only shows it: its id is made of the two ids alone, so that it is one touchpoint, at the
earliest time, however many calls show it; and such a sight never outweighs an `unlinked` that somebody stated later.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from journey.touchpoints import TEXT_LENGTH_MAX
from schemas.addresses import address_link
from schemas.incoming import Incoming
from schemas.intended import Name
from schemas.json_records import JsonRecord
from schemas.outside_calls import (
    TRAITS,
    Call,
    CallReading,
    Made,
    Unusable,
    body_of,
    custom,
    dict_of,
    fields_of,
    meaning,
    read_calls,
    sight,
    text_of,
    time_of,
    time_said,
    tracked,
)

SOURCE = "/segment"

KINDS = ("track", "identify", "page", "screen", "group", "alias")

CAMPAIGN = {"name": "utm_campaign", "source": "utm_source", "medium": "utm_medium", "term": "utm_term", "content": "utm_content"}

GROUP_TRAITS = {"name": "name", "domain": "domain", "website": "domain", "industry": "industry", "employees": "employees", "plan": "tier"}

IDS = ("userId", "anonymousId", "previousId")


def read_segment(records: Iterable[JsonRecord], by: CallReading, of_body: Call | None = None) -> Iterator[Incoming]:
    """The touchpoints of calls. One of which nothing can be made is handed on with the reason."""
    return read_calls(records, _bodies, _named, by, of_body)


def _bodies(call: Call, beside: Call, by: CallReading) -> list[bytes]:
    call = _without_no_ids(_with(beside, call), by)
    head = _head(call)
    bodies = [body_of(head, one) for one in _touchpoints(call, head["id"], by)]
    user, anonymous = _ids(call)
    if user and anonymous and call.get("type") != "identify":
        bodies += sight(user, anonymous, head, by)
    return bodies


def _named(call: Call, beside: Call, by: CallReading) -> list[Name]:
    call = _without_no_ids(_with(beside, call), by)
    id, subject = text_of(call.get("messageId")), _person(call)
    if id is None:
        return []
    # An alias is one link or two, under ids of their own: which, is known where they can be made.
    names = [] if call.get("type") == "alias" else [(subject, SOURCE, id)]
    with suppress(Unusable):
        names = [(subject, SOURCE, id) for id, subject, _, _ in _touchpoints(call, id, by)]
    return names


def _with(beside: Call, call: Call) -> Call:
    """`call` with what its body says of all its calls: of which type they are, when they were sent and received, and a context that each
    adds to.
    """
    said = dict(call)
    # A call that says by itself when it was received was sent on by somebody: its body was sent at another time than it was.
    for name in ("type", "sentAt") if call.get("receivedAt") else ("type", "sentAt", "receivedAt"):
        if not call.get(name) and beside.get(name):
            said[name] = beside[name]
    if beside.get("receivedAt") and not (call.get("timestamp") or call.get("originalTimestamp")):
        said["timestamp"] = said.get("sentAt") or said["receivedAt"]  # As by Segment: it happened when it was sent.
    if shared := dict_of(beside.get("context")):
        said["context"] = {**shared, **dict_of(call.get("context"))}
    return said


def _without_no_ids(call: Call, by: CallReading) -> Call:
    """`call` without ids that are none. Where no other is left, one stays, so that placement says of it `no-id`."""
    none = [name for name in IDS if (text := text_of(call.get(name))) is not None and by.is_no_id(text)]
    if not none:
        return call
    if call.get("type") == "alias":
        none = [name for name in none if name != "previousId"]  # Without it, an alias says nothing.
    if not any(text_of(call.get(name)) for name in ("userId", "anonymousId") if name not in none):
        none = [name for name in none if name != next((one for one in none if one != "previousId"), None)]
    by.noticed.no_ids.update(none)
    return {name: value for name, value in call.items() if name not in none}


def _head(call: Call) -> dict[str, str]:
    """What all touchpoints of a call share."""
    id = text_of(call.get("messageId"))
    if id is None:
        hint = "; it is a CloudEvent: put it in a file of CloudEvents" if "specversion" in call else ""
        raise Unusable(f"no messageId: sent again, the call would count again{hint}")
    time = time_of("timestamp", call.get("timestamp") or call.get("originalTimestamp"))
    head = {"specversion": "1.0", "id": id, "source": SOURCE, "time": time}
    stated = [("sentAt", "sentat"), ("originalTimestamp", "originaltime")]
    if not (call.get("timestamp") and call.get("originalTimestamp")) or call["timestamp"] == call["originalTimestamp"]:
        # With both, the first is the second, repaired already. Alone, or equal to it, it is what the sender's clock said.
        stated.append(("receivedAt", "receivedat"))
    for theirs, ours in stated:
        if (said := time_said(call.get(theirs))) is not None:
            head[ours] = said
    return head


def _touchpoints(call: Call, id: str, by: CallReading) -> Made:
    kind = call.get("type")
    subject = _person(call)
    match kind:
        case "track":
            yield from _tracked(call, id, subject, by)
        case "page" | "screen":
            yield _viewed(call, id, subject, kind, by)
        case "identify":
            yield from _identified(call, id, subject, by)
        case "group":
            yield from _grouped(call, id, subject)
        case "alias":
            yield from _aliased(call, id)
        case _:
            raise Unusable(f"a call's type is {', '.join(KINDS[:-1])} or {KINDS[-1]}")


def _tracked(call: Call, id: str, subject: str, by: CallReading) -> Made:
    event = text_of(call.get("event"))
    if event is None:
        raise Unusable("a track call without the name of its event")
    properties = dict_of(call.get("properties"))
    own = {"id": id, "user": text_of(call.get("userId")) or "", "group": text_of(dict_of(call.get("context")).get("groupId")) or ""}
    yield from tracked(event, id, subject, properties, _context(call), meaning(event, properties, own, by))


def _viewed(call: Call, id: str, subject: str, kind: str, by: CallReading) -> tuple[str, str, str, dict[str, Any]]:
    properties = dict_of(call.get("properties"))
    name = text_of(call.get("name")) or text_of(properties.get("name"))
    page = dict_of(dict_of(call.get("context")).get("page"))
    url = _url(properties, page) or (f"screen:{name}" if kind == "screen" and name else None)
    if url is None:
        by.noticed.note(name or kind, "no page_view: it says no url")
        return id, subject, "custom", custom(name or kind, properties, _context(call))
    stated = {
        "url": url,
        "kind": kind,
        "title": text_of(properties.get("title")) or text_of(page.get("title")),
        "view": name,
        "referrer": text_of(properties.get("referrer")),
    }
    used = [key for key in ("url", "title", "referrer", "name") if text_of(properties.get(key)) is not None]
    rest = {key: value for key, value in properties.items() if key not in used}
    data = _context(call) | {key: value for key, value in stated.items() if value is not None}
    return id, subject, "page_view", data | ({"properties": rest} if rest else {})


def _identified(call: Call, id: str, subject: str, by: CallReading) -> Made:
    traits = dict_of(call.get("traits"))
    data = fields_of("profile_updated", traits, TRAITS, ("country", "state"), ("country", "region"))
    user, anonymous = _ids(call)
    both = user is not None and anonymous is not None
    if data or not both:
        yield id, subject, "profile_updated", {**_context(call), **data}
    if both:
        yield f"{id}#link", f"anon:{anonymous}", "identified", {"other": f"user:{user}", "method": "identify"}
    yield from address_link(id, subject, traits.get("email"), by.is_no_id)


def _grouped(call: Call, id: str, subject: str) -> Made:
    group = text_of(call.get("groupId"))
    if group is None:
        raise Unusable("a group call without a groupId")
    yield id, subject, "account_joined", {**_context(call), "account": group}
    data = fields_of("account_updated", dict_of(call.get("traits")), GROUP_TRAITS, ("country",), ("country",))
    if data:
        yield f"{id}#account", f"account:{group}", "account_updated", data


def _aliased(call: Call, id: str) -> Made:
    """Nobody says of which kind the previous id is: it is presumed to be a user's and an anonymous one, whichever is known otherwise."""
    user, anonymous = _ids(call)
    previous = text_of(call.get("previousId"))
    subject = f"user:{user}" if user is not None else f"anon:{anonymous}"
    if previous is None or (user is None and anonymous is None):
        raise Unusable("an alias call needs previousId, and userId or anonymousId")
    for other, suffix in ((f"anon:{previous}", "#link"), (f"user:{previous}", "#user-link")):
        if other != subject:
            yield f"{id}{suffix}", subject, "identified", {"other": other, "method": "alias", "presumed": True}


def _context(call: Call) -> dict[str, Any]:
    """What any touchpoint of a person may say about how it came about."""
    context = dict_of(call.get("context"))
    page = dict_of(context.get("page"))
    campaign = dict_of(context.get("campaign"))
    found = {ours: text_of(campaign.get(theirs)) for theirs, ours in CAMPAIGN.items()}
    found["referrer"] = text_of(page.get("referrer"))
    found["agent"] = text_of(context.get("userAgent"))
    url = _url(page, dict_of(call.get("properties")))
    found["url"] = url if url is not None and len(url) <= TEXT_LENGTH_MAX else None
    return {name: value for name, value in found.items() if value is not None}


def _url(*said: Mapping[str, Any]) -> str | None:
    """The first link that is said, with the query that is said apart from it: what brought the person is in its tags."""
    url = next((url for one in said if (url := text_of(one.get("url"))) is not None), None)
    search = next((search for one in said if (search := text_of(one.get("search"))) is not None), None)
    search = (search or "").removeprefix("?")
    if not search or (url is not None and search in url):
        return url
    if url is None:
        url = next((path for one in said if (path := text_of(one.get("path"))) is not None), "")
    page, mark, fragment = url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}{search}{mark}{fragment}"


def _person(call: Call) -> str:
    user, anonymous = _ids(call)
    if user:
        return f"user:{user}"
    if anonymous:
        return f"anon:{anonymous}"
    raise Unusable("neither userId nor anonymousId: nobody whom it could be about")


def _ids(call: Call) -> tuple[str | None, str | None]:
    return text_of(call.get("userId")), text_of(call.get("anonymousId"))
