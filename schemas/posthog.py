"""PostHog's events, as its libraries post them and its exports have them, become touchpoints: one event, one or several CloudEvents.

What ties two ids together is said as a touchpoint of its own, as of Segment's calls (`schemas/segment.py`): outright by `$identify` and
`$create_alias`, and by a sight where any other event has the id of a known person and that of a device.
"""

import re
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
    read_json,
    sight,
    text_of,
    time_of,
    time_said,
    tracked,
)

SOURCE = "/posthog"

UTM = ("utm_campaign", "utm_source", "utm_medium", "utm_term", "utm_content")

NOWHERE = "$direct"
"""What stands for a referrer where there was none."""

PERSON_TRAITS = {**TRAITS, "$geoip_country_code": "country"}

ALIASES = ("$create_alias", "$merge_dangerously")

BACKWARDS = "posthog-python"
"""The library whose `alias` posts the previous id as that of the event, and the new one as `alias`."""

_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?")


def read_posthog(records: Iterable[JsonRecord], by: CallReading, of_body: Call | None = None) -> Iterator[Incoming]:
    """The touchpoints of events. One of which nothing can be made is handed on with the reason."""
    return read_calls(records, _bodies, _named, by, of_body)


def _bodies(event: Call, beside: Call, by: CallReading) -> list[bytes]:
    properties = _properties(event.get("properties"))
    name = text_of(event.get("event"))
    if name is None:
        raise Unusable("it has no event: nothing says what happened")
    head = _head(event, beside)
    user, anonymous = _ids(name, event, properties)
    if user and anonymous and by.is_no_id(anonymous):
        by.noticed.no_ids.update(["$device_id"])
        anonymous = None
    subject = f"user:{user}" if user else f"anon:{anonymous}"
    bodies = [body_of(head, one) for one in _touchpoints(name, head["id"], subject, event, properties, by)]
    if name == "$identify" and user and anonymous:
        said = {"other": f"user:{user}", "method": "identify"}
        bodies.append(body_of(head, (f"{head['id']}#link", f"anon:{anonymous}", "identified", said)))
    elif user and anonymous and name not in ALIASES:
        bodies += sight(user, anonymous, head, by)
    return bodies


def _named(event: Call, beside: Call, by: CallReading) -> list[Name]:
    properties, name = _properties(event.get("properties")), text_of(event.get("event"))
    id = text_of(event.get("uuid")) or text_of(event.get("id"))
    if id is None or name is None or name in ALIASES:
        return []
    user, anonymous = _ids(name, event, properties)
    subject = f"user:{user}" if user else f"anon:{anonymous}"
    with suppress(Unusable):
        return [(about, SOURCE, own) for own, about, _, _ in _touchpoints(name, id, subject, event, properties, by)]
    return [(subject, SOURCE, id)]


def _properties(said: object) -> Mapping[str, Any]:
    """Exports out of a warehouse have them as a text."""
    return read_json(said.encode(errors="surrogatepass")) if isinstance(said, str) and said else dict_of(said)


def _head(event: Call, beside: Call) -> dict[str, str]:
    id = text_of(event.get("uuid")) or text_of(event.get("id"))
    if id is None:
        raise Unusable("no uuid: sent again, the event would count again")
    sent_at, received_at = time_said(event.get("sent_at") or beside.get("sent_at")), time_said(beside.get("received_at"))
    time = time_of("timestamp", event.get("timestamp") or (received_at and (sent_at or received_at)))
    if _WITHOUT_ZONE.fullmatch(time):
        time = f"{time.replace(' ', 'T')}Z"  # PostHog keeps UTC, and its exports do not say so.
    head = {"specversion": "1.0", "id": id, "source": SOURCE, "time": time.replace(" ", "T", 1)}
    stated = {"sentat": sent_at, "receivedat": received_at}
    return head | {name: said for name, said in stated.items() if said is not None}


def _ids(name: str, event: Call, properties: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Whom it is about: the id of a known person, and that of a device. PostHog gives both in one field, and says elsewhere which it is."""
    distinct = text_of(event.get("distinct_id")) or text_of(properties.get("distinct_id"))
    if distinct is None:
        raise Unusable("no distinct_id: nobody whom it could be about")
    if name == "$identify":
        return distinct, text_of(properties.get("$anon_distinct_id"))
    device = text_of(properties.get("$device_id"))
    unknown = properties.get("$is_identified") is False or properties.get("$process_person_profile") is False
    if distinct == device or (unknown and text_of(properties.get("$user_id")) is None):
        return None, distinct
    return distinct, device


def _touchpoints(name: str, id: str, subject: str, event: Call, properties: Mapping[str, Any], by: CallReading) -> Made:
    context = _context(properties)
    match name:
        case "$pageview" | "$screen":
            yield _viewed(name, id, subject, properties, context, by)
        case "$identify" | "$set":
            traits = {**_set(event, properties, "$set_once"), **_set(event, properties, "$set")}
            said = fields_of("profile_updated", traits, PERSON_TRAITS, (), ())
            if said or name == "$set" or text_of(properties.get("$anon_distinct_id")) is None:
                yield id, subject, "profile_updated", {**context, **said}
            yield from address_link(id, subject, traits.get("email"), by.is_no_id)
        case _ if name in ALIASES:
            alias = text_of(properties.get("alias"))
            if alias is None:
                raise Unusable("an alias without the id that it is of")
            previous = alias
            if properties.get("$lib") == BACKWARDS:
                subject, previous = f"user:{alias}", subject.partition(":")[2]
            for other, suffix in ((f"anon:{previous}", "#link"), (f"user:{previous}", "#user-link")):
                if other != subject:
                    yield f"{id}{suffix}", subject, "identified", {"other": other, "method": "alias", "presumed": True}
        case _:
            own = {"id": id, "user": subject.removeprefix("user:") if subject.startswith("user:") else ""}
            groups = [text for one in dict_of(properties.get("$groups")).values() if (text := text_of(one)) is not None]
            own["group"] = groups[0] if groups else ""
            for made in tracked(name, id, subject, properties, context, meaning(name, properties, own, by)):
                # Servers tell of a group by an event of nobody: of an id that is made of the group.
                if made[2] != "account_joined" or not _is_of_group(subject, properties):
                    yield made


def _is_of_group(subject: str, properties: Mapping[str, Any]) -> bool:
    return subject.endswith(f":${text_of(properties.get('$group_type'))}_{text_of(properties.get('$group_key'))}")


def _set(event: Call, properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {**dict_of(event.get(name)), **dict_of(properties.get(name))}


def _viewed(
    name: str, id: str, subject: str, properties: Mapping[str, Any], context: Mapping[str, Any], by: CallReading
) -> tuple[str, str, str, dict[str, Any]]:
    screen = text_of(properties.get("$screen_name"))
    url = text_of(properties.get("$current_url")) or (f"screen:{screen}" if name == "$screen" and screen else None)
    if url is None:
        by.noticed.note(name, "no page_view: it says no url")
        return id, subject, "custom", custom(name, properties, context)
    stated = {
        "url": url,
        "kind": "screen" if name == "$screen" else "page",
        "title": text_of(properties.get("title")),
        "view": screen,
    }
    used = ("$current_url", "$screen_name", "title", "$referrer")
    rest = {key: value for key, value in properties.items() if key not in used}
    data = {**context, **{key: value for key, value in stated.items() if value is not None}}
    return id, subject, "page_view", data | ({"properties": rest} if rest else {})


def _context(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What any touchpoint of a person may say about how it came about."""
    found = {name: text_of(properties.get(name)) for name in UTM}
    referrer, url = text_of(properties.get("$referrer")), text_of(properties.get("$current_url"))
    found["referrer"] = None if referrer == NOWHERE else referrer
    found["agent"] = text_of(properties.get("$raw_user_agent"))
    found["url"] = url if url is not None and len(url) <= TEXT_LENGTH_MAX else None
    return {name: value for name, value in found.items() if value is not None}
