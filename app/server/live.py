"""Transitions as they are committed, as server-sent events.

A unit is read once, whoever listens: the last units are held, and who is further behind reads the record for itself. So nothing waits for
anybody, and a client that does not read in time is let go; the id of the last event that it had says where to go on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Send

from app.engine.transitions import UnitMoves, moves
from app.server.access import Right, needs
from app.server.answering import accepted
from app.server.asked import POSITION_MAX
from app.server.problems import PROBLEMS, HttpProblem
from app.server.roles import Role
from app.server.served import Served
from app.server.visible import seen
from journey.errors import Away
from journey.facts import LeadMoved, SegmentMoved, StageEntered
from journey.instants import Instant, iso
from streams.transitions import Moved

HEARTBEAT_SECONDS = 15.0
"""How long a client hears nothing at most."""

SEND_SECONDS_MAX = 20.0
"""How long a client may take to read before it is let go."""

CLIENTS_MAX = 200
"""How many may listen at the same time."""

UNITS_MAX, TRANSITIONS_MAX = 200, 10_000
"""How many units, and transitions of them, are held."""

POSITION_SECONDS = 1.0
"""How long at least from one position that is told to the next."""

RECONNECT_MILLISECONDS = 1_000

ARRIVE_SECONDS = 2.0
"""How long to wait for the position that somebody goes on from: a server that has just started may be behind it."""

EVENT_STREAM = "text/event-stream"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class ToldUnit:
    """What a unit tells. `reset`: why what was told before it may no longer hold, where that is so."""

    position: int
    events: tuple[dict[str, Any], ...] = ()
    reset: str = ""


class Place(NamedTuple):
    """All units up to `position` were told, and `told` events of the next one."""

    position: int
    told: int = 0


class TransitionFeed:
    """The last units, for all who listen."""

    def __init__(self, served: Served) -> None:
        self.clients = 0
        self._served = served
        self._held: deque[ToldUnit] = deque()
        self._anew: dict[int, UnitMoves] = {}
        self._reading = asyncio.Lock()
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Nobody is told anything more."""
        self._ended.set()

    @property
    def position(self) -> int:
        return self._served.positions.position

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def after(self, position: int) -> Sequence[ToldUnit] | None:
        """Some units beyond `position`, as soon as there are any; none where there are none for a while. None at the end. Raises Away."""
        is_beyond = await self.beyond(position)
        return None if is_beyond is None else await self._units(position) if is_beyond else ()

    async def beyond(self, position: int) -> bool | None:
        """Whether there is a position beyond `position`: as soon as there is one, or not for a while. None at the end."""
        moved = asyncio.ensure_future(self._served.positions.wait(position + 1, HEARTBEAT_SECONDS))
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((moved, ended), return_when=asyncio.FIRST_COMPLETED)
            return None if self._ended.is_set() else await moved
        finally:
            moved.cancel()
            ended.cancel()

    async def _units(self, position: int) -> Sequence[ToldUnit]:
        if self._held and position + 1 < self._held[0].position:
            return await self._read(position)
        async with self._reading:
            if not self._held or position >= self._held[-1].position:
                for unit in await self._read(position):
                    self._hold(unit)
            return [unit for unit in self._held if unit.position > position] or await self._read(position)

    def _hold(self, unit: ToldUnit) -> None:
        if self._held and unit.position != self._held[-1].position + 1:
            self._held.clear()
        self._held.append(unit)
        while len(self._held) > UNITS_MAX or (len(self._held) > 1 and sum(len(one.events) for one in self._held) > TRANSITIONS_MAX):
            self._held.popleft()

    async def _read(self, position: int) -> list[ToldUnit]:
        up_to = self.position
        return [told(unit) for unit in await self._served.read(partial(moves, after=position, up_to=up_to, anew=self._anew))]


def told(unit: UnitMoves) -> ToldUnit:
    """The transitions of a unit: first those that no longer hold, then those that do, in their order.

    A correction is what does not hold any more, and what holds in its place: what somebody did not come to after all that was told of it.
    """
    corrected: dict[str, tuple[Instant, int]] = {}
    for one, count in unit.moves.items():
        if count < 0:
            corrected[one.person] = max(corrected.get(one.person, (0, 0)), (one.at, one.nth))
    in_order = sorted(unit.moves.items(), key=lambda told: (told[1] > 0, told[0].at, told[0].person, told[0].nth))
    events = tuple(
        _event(
            unit.position, one, count,
            is_correction=unit.is_anew or (one.person in corrected and (one.at, one.nth) <= corrected[one.person]),
        )
        for one, count in in_order
    )  # fmt: skip
    return ToldUnit(unit.position, events, unit.reset)


def _event(position: int, one: Moved, count: int, *, is_correction: bool) -> dict[str, Any]:
    means: dict[str, Any]
    if isinstance(one, StageEntered):
        means = {"what": "stage", "entered": one.stage, "left_stage": one.left_stage, "cycle": 0, "reason": ""}
    elif isinstance(one, LeadMoved):
        means = {"what": "lead", "entered": one.step, "left_stage": "", "cycle": one.cycle, "reason": one.reason}
    else:
        means = {"what": "segment", "entered": one.step, "left_stage": "", "cycle": 0, "reason": ""}
    return {
        "position": position, "count": count, "correction": is_correction, "person": one.person, "at": iso(one.at), **means,
        "rule": one.segment if isinstance(one, SegmentMoved) else one.rule,
        "because": [{"source": source, "id": id, "subject": subject} for source, id, subject in one.because],
    }  # fmt: skip


# --- to one client


class OfStream(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: str = Field(
        "", max_length=64, description="Begin after this position, or event, where there is no Last-Event-ID. Default: from now on."
    )  # fmt: skip
    positions: bool = Field(False, description="Tell positions only, whatever they brought: at most one a second, always the last one.")


class EventStream(StreamingResponse):
    """To a client that reads in time."""

    media_type = EVENT_STREAM

    async def stream_response(self, send: Send) -> None:
        async def in_time(message: Any) -> None:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                await send(message)

        # Not ended as a whole answer is: the server closes the connection.
        with suppress(TimeoutError):
            await super().stream_response(in_time)


@router.get(
    "/transitions/stream", response_class=EventStream, responses=PROBLEMS, dependencies=[needs(Right.read_people)],
    operation_id="transitions_stream", tags=["transitions"], summary="Transitions as they are committed, as server-sent events.",
    description="Each event `transition` is a stage that was entered, a step of a lead, or a segment that was entered or left: `count` is"
    " 1 where it holds from this position on, -1 where it no longer does. An event `reset` says that what was told before may no longer"
    " hold: read /api/v1/transitions again. With `positions` there are events `position` in their place.",
)  # fmt: skip
async def stream(
    request: Request, asked: Annotated[OfStream, Query()], last_event_id: Annotated[str, Header(max_length=64)] = ""
) -> StreamingResponse:
    accepted(request, (EVENT_STREAM,))
    feed: TransitionFeed = request.app.state.feed
    served: Served = request.app.state.served
    await served.check()
    begun = last_event_id or asked.after
    place = _place(begun) if begun else Place(served.positions.position)
    if not await served.positions.wait(place.position + bool(place.told), ARRIVE_SECONDS):
        raise HttpProblem(400, f"position {begun} is not there yet; the last one is {served.positions.position}")
    if feed.clients >= CLIENTS_MAX:
        raise HttpProblem(503, f"{CLIENTS_MAX} listen already", headers={"Retry-After": "60"})
    told = positions(feed, place.position) if asked.positions else events(feed, place, request.state.caller.role)
    return EventStream(told, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _place(id: str) -> Place:
    """Raises HttpProblem."""
    position, _, event = id.partition(".")
    if not all(part.isascii() and part.isdigit() for part in (position, event or "0")) or int(position) > POSITION_MAX:
        raise HttpProblem(400, f"{id!r} is no id of an event; one is written like 17 or 17.2")
    return Place(int(position) - 1, int(event)) if event else Place(int(position))


async def events(feed: TransitionFeed, place: Place, role: Role = Role.operator) -> AsyncIterator[bytes]:
    """What is told from `place` on, as `role` sees it. Each piece says how far it came: an event by its id, and a comment where there is
    none for a while."""
    feed.clients += 1
    try:
        yield format_sse_event(comment="from here on", id=None if place.told else str(place.position), retry=RECONNECT_MILLISECONDS)
        while (found := await feed.after(place.position)) is not None:
            for unit in found:
                for piece in pieces(unit, role)[place.told :]:
                    yield piece
                    # Others want to be served as well, and whether the client is still there is found out meanwhile.
                    await asyncio.sleep(0)
                place = Place(unit.position)
            if not any(unit.events or unit.reset for unit in found):
                yield format_sse_event(comment="nothing yet", id=str(place.position))
    except Away:
        return  # The client comes again, and is told what is the matter.
    finally:
        feed.clients -= 1


async def positions(feed: TransitionFeed, position: int) -> AsyncIterator[bytes]:
    """Where the read models are once they are beyond `position`, and from then on as they move. Nothing is read for it."""
    feed.clients += 1
    try:
        yield format_sse_event(comment="from here on", id=str(position), retry=RECONNECT_MILLISECONDS)
        while (is_beyond := await feed.beyond(position)) is not None:
            if not is_beyond:
                yield format_sse_event(comment="nothing yet", id=str(position))
                continue
            position = feed.position
            yield format_sse_event(event="position", id=str(position), data_str=orjson.dumps({"position": position}).decode())
            await feed.rest(POSITION_SECONDS)
    finally:
        feed.clients -= 1


def pieces(unit: ToldUnit, role: Role = Role.operator) -> list[bytes]:
    """Its events. The id of the last is the position; those before it have their number besides, so that who goes on misses none."""
    if unit.reset:
        data = {"position": unit.position, "why": unit.reset, "see": "/api/v1/transitions"}
        return [format_sse_event(event="reset", id=str(unit.position), data_str=orjson.dumps(data).decode())]
    last = len(unit.events)
    ids = [str(unit.position) if nth == last else f"{unit.position}.{nth}" for nth in range(1, last + 1)]
    return [
        format_sse_event(event="transition", id=id, data_str=orjson.dumps(seen(role, event)).decode())
        for id, event in zip(ids, unit.events, strict=True)
    ]
