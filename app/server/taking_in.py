"""Posted events as records of the log, and which of them will be dead letters: read here as placement will read them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from app.server.posted import Posted
from journey.definition import Definition
from journey.instants import Instant, iso
from schemas.incoming import Incoming
from schemas.json_formats import Format, read_as
from schemas.noticed import Noticed
from schemas.outside_calls import ShownCall
from schemas.strict_json import Unreadable
from streams.arrivals import REASON_LENGTH_MAX, cut, decoded_of, refusal

IDS = {Format.segment: "messageId", Format.posthog: "uuid", Format.cloudevents: "id"}

ID_SHOWN_MAX = 256


class TakenIn(NamedTuple):
    incoming: list[Incoming]
    rejected: list[dict[str, Any]]
    """Of each event that will be a dead letter: which one of its body, its id where it can be read, and why."""
    noticed: Noticed
    shown: ShownCall
    """The links that its calls have shown, of those that were not `known`."""


def taken_in(posted: Posted, definition: Definition, known: ShownCall, at: Instant) -> TakenIn:
    """What comes of `posted`, which was received at `at`."""
    found = TakenIn([], [], Noticed(), ShownCall(known))
    numbers = {record.place: number for number, record in enumerate(posted.records)}
    is_no_id, latest = definition.identity.is_no_id, at + definition.bounds.future
    reasons: dict[str, Unreadable] = {}
    for one in _read(posted, definition, found, at):
        said = decoded_of(one)
        reason = said if isinstance(said, Unreadable) else refusal(said.touch, latest, is_no_id)
        if reason is not None and one.place not in reasons:
            reasons[one.place] = reason
            found.rejected.append(
                {
                    "index": numbers[one.place],
                    **_id(one.raw, posted.format),
                    "code": reason.code,
                    "reason": cut(reason.reason, REASON_LENGTH_MAX),
                }
            )
        found.incoming.append(one)
    return found


def _read(posted: Posted, definition: Definition, found: TakenIn, at: Instant) -> Iterator[Incoming]:
    for one in read_as(posted.format, posted.records, definition, found.noticed, posted.beside, found.shown):
        if posted.format is Format.cloudevents and b'"sentat"' in one.raw and b'"receivedat"' not in one.raw and one.reason is None:
            # Where the sender's clock is known, so is ours; the event is kept as it was sent.
            start = one.raw.index(b"{") + 1 if b"{" in one.raw else 0
            body = b'%b"receivedat":"%b",%b' % (one.raw[:start], iso(at).encode(), one.raw[start:])
            one = one._replace(body=body) if start else one
        yield one


def _id(raw: bytes, format: Format) -> dict[str, str]:
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    id = said.get(IDS[format]) if isinstance(said, dict) else None
    return {"id": cut(id, ID_SHOWN_MAX)} if isinstance(id, str) else {}
