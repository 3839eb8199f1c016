"""What takes minutes, worked out once, whoever looks: a page comes back for it while it is under way, and says so meanwhile."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.engine.ports import Engine
from app.server import long_questions
from app.server.pages.rendering import page
from app.server.problems import HttpProblem
from app.server.served import Served
from journey.errors import Away, Refused

T = TypeVar("T")

UNDER_WAY_MAX = long_questions.UNDER_WAY_MAX - 1
"""How many are under way at once: one more is left to clients of the interface."""

LOOK_SECONDS, AGAIN_SECONDS = 2.0, 15.0
"""How long the request that begins one waits before its page says that it is under way; and each that comes back for it."""

PAGE_SECONDS_MAX = 600.0
"""How long a page comes back for a question. Then it is ended: nobody may be waiting for it any more."""

KEPT_SECONDS, KEPT_MAX = 60.0, 16
"""How long an answer is kept for who comes back for it, and how many are."""


@dataclass(slots=True)
class LengthyUnderWay:
    """Something that is being worked out, or was."""

    task: "asyncio.Task[Any]"
    began_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None

    def end(self, task: "asyncio.Task[Any]") -> None:
        self.ended_at = time.monotonic()
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Away | Refused | HttpProblem):
            logging.getLogger("journey.server").error("what was asked at length failed", exc_info=error)

    @property
    def seconds(self) -> int:
        return int((self.ended_at or time.monotonic()) - self.began_at)


class Lengthy:
    """In `app.state.lengthy`."""

    def __init__(self) -> None:
        self._found: dict[Hashable, LengthyUnderWay] = {}

    async def look(self, what: Hashable, run: Callable[[], Awaitable[Any]]) -> LengthyUnderWay:
        """What was begun as `what`, else begun now; it has an answer, or is still under way. Raises HttpProblem 429
        where others are under way; and what `run` raises."""
        self._forget()
        found, seconds = self._found.get(what), AGAIN_SECONDS
        if found is None:
            if sum(not one.task.done() for one in self._found.values()) >= UNDER_WAY_MAX:
                said = f"{UNDER_WAY_MAX} such questions are being worked out; ask again in a minute"
                raise HttpProblem(429, said, headers={"Retry-After": "30"})
            seconds = LOOK_SECONDS
            found = self._found[what] = LengthyUnderWay(asyncio.ensure_future(run()))
            found.task.add_done_callback(found.end)
        await asyncio.wait({found.task}, timeout=seconds)
        if not found.task.done():
            return found
        if found.task.exception() is not None:
            self._found.pop(what, None)  # whoever asks again tries again
        found.task.result()
        return found

    def there(self, what: Hashable) -> LengthyUnderWay | None:
        """What was begun as `what`, where it is under way or was lately."""
        self._forget()
        return self._found.get(what)

    def forget(self, what: Hashable) -> None:
        """Begin anew when it is asked for next."""
        self._found.pop(what, None)

    def _forget(self) -> None:
        ended = [(one.ended_at, what) for what, one in self._found.items() if one.ended_at is not None]
        ended.sort(key=lambda one: one[0])
        old = time.monotonic() - KEPT_SECONDS
        for nth, (ended_at, what) in enumerate(ended):
            if ended_at < old or nth < len(ended) - KEPT_MAX:
                del self._found[what]


async def answer_or_wait(
    request: Request, what: Hashable, run: Callable[[Engine], Awaitable[T]], *, title: str, address: str, working: str
) -> T | HTMLResponse:  # fmt: skip
    """What `run` answers, else the page, or the part of one, that comes back for it at `address`. Raises HttpProblem, Refused, Away."""
    lengthy: Lengthy = request.app.state.lengthy
    served: Served = request.app.state.served
    found = await lengthy.look(what, lambda: served.read_at_length(run, PAGE_SECONDS_MAX))
    if not found.task.done():
        return page(request, "under_way.html", title=title, address=address, seconds=found.seconds, working=working)
    answer: T = found.task.result()
    return answer
