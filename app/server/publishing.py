"""Where the clients of other systems publish, as they are: those of Segment, RudderStack and PostHog, and CloudEvents.

The answer is 200 once the log has the events, and nothing else is: some clients take any other for a failure. An event that can't be
read becomes a dead letter and refuses none of its body; the answer says which, and why.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeVar

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel

from app.engine import tracing
from app.engine.clock import now
from app.server.access import Right, key_of, needs
from app.server.bodies import body_of
from app.server.floods import Floods, RequestsUnderWay
from app.server.posted import Posted, cloud_events, posthog_batch, segment_batch, segment_call
from app.server.problems import documented
from app.server.served import Served
from app.server.taking_in import taken_in
from journey.instants import Instant
from schemas.cloudevents import STRUCTURED
from schemas.noticed import Noticed
from schemas.outside_calls import ShownCall

T = TypeVar("T")

APART_BYTES_MIN = 64 * 1024
"""A body of so many bytes is read beside the event loop, which others wait for meanwhile."""

APART_MAX = 2
"""How many are at once."""

CALLS = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}
"""Segment's calls, by the short paths that its browser library has for them."""


class Rejected(BaseModel):
    """An event that became a dead letter."""

    index: int
    """Which one of the body, from 0."""
    id: str | None = None
    """Its own, where it could be read."""
    code: str
    reason: str


class PublishAnswer(BaseModel):
    """The log has all events of the body."""

    success: Literal[True] = True
    rejected: list[Rejected] | None = None
    """Those that can't be read, where there are any. They are kept as dead letters: sent again, they come to the same."""


def prepare(app: FastAPI) -> None:
    """What the routes share."""
    app.state.floods, app.state.apart = Floods(), asyncio.Semaphore(APART_MAX)
    app.state.noticed, app.state.shown = Noticed(), ShownCall()


def _body(type: str, **schema: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {type: {"schema": {"type": "object", **schema}}}}}


router = APIRouter(
    tags=["publish"],
    dependencies=[needs(Right.publish)],
    responses={
        200: {"model": PublishAnswer, "description": "The log has all of it; what of it is a dead letter is told."},
        **documented(400, "The body as a whole can't be read; sent again, it is refused again."),
        **documented(408, "The body took too long."),
        **documented(413, "The body is too large, as it is sent or unpacked, or has too many events."),
        **documented(415, "The body is packed by something, or of a type, that is not read."),
        **documented(429, "Too much is under way for this key; come again."),
        **documented(503, "The log is away, or has too much to do; come again."),
    },
)

_BATCH: dict[str, Any] = {"required": ["batch"], "properties": {"batch": {"type": "array", "items": {"type": "object"}}}}


@router.post("/v1/batch", openapi_extra=_body("application/json", **_BATCH))
@router.post("/v1/b", include_in_schema=False)
async def batch_of_calls(request: Request) -> Response:
    """Segment's and RudderStack's calls."""
    return await _publish(request, partial(segment_batch, "/v1/batch"))


async def one_call(request: Request) -> Response:
    """One of Segment's calls. Its type may be said by the path alone."""
    said = request.url.path.rpartition("/")[2]
    kind = CALLS.get(said, said)
    return await _publish(request, partial(segment_call, f"/v1/{kind}", kind))


for short, kind in CALLS.items():
    router.post(f"/v1/{kind}", openapi_extra=_body("application/json"))(one_call)
    router.post(f"/v1/{short}", include_in_schema=False)(one_call)


@router.post("/batch/", openapi_extra=_body("application/json", **_BATCH))
@router.post("/batch", include_in_schema=False)
async def batch_of_events(request: Request) -> Response:
    """PostHog's events."""
    return await _publish(request, partial(posthog_batch, "/batch/"))


@router.post("/events", openapi_extra=_body(STRUCTURED))
async def events(request: Request) -> Response:
    """CloudEvents: one in binary or structured mode, or a batch."""
    return await _publish(request, lambda body, _: cloud_events("/events", request.headers.raw, body))


async def _publish(request: Request, split: Callable[[bytes, Instant], Posted]) -> Response:
    app, at = request.app, now()
    served: Served = app.state.served
    with RequestsUnderWay(app.state.floods) as under_way:
        if (key := key_of(request.headers)) is not None:
            under_way.of(key)
        body = await body_of(request, under_way.add)
        with tracing.span("take in a body", {"journey.bytes": len(body)}):
            posted = await _read(app, len(body), partial(split, body, at))
            request.state.body_key = posted.key
            await app.state.callers.check_body_key(request)
            under_way.of(posted.key or "")
            found = await _read(app, len(body), partial(taken_in, posted, served.definition, app.state.shown, at))
        if found.incoming:
            with tracing.span("have the log keep it", {"journey.records": len(found.incoming)}):
                await served.publish(found.incoming)
        # Not before the log has them: what it has not, has to be said again.
        app.state.shown.add_all(found.shown)
        app.state.noticed.add(found.noticed)
    answer: dict[str, Any] = {"success": True, **({"rejected": found.rejected} if found.rejected else {})}
    return Response(orjson.dumps(answer), media_type="application/json")


async def _read(app: FastAPI, size: int, read: Callable[[], T]) -> T:
    if size < APART_BYTES_MIN:
        return read()
    async with app.state.apart:
        return await asyncio.to_thread(read)
