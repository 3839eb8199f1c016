"""Questions that take long: in a thread and an event loop of their own, bounded in time, and ended where nobody waits for them any more."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from fastapi import Request

from app.server.problems import HttpProblem

T = TypeVar("T")

UNDER_WAY_MAX = 3
"""How many are answered at the same time, beside the others."""

ANSWER_SECONDS_MAX = 60.0
"""How long a client of the interface waits for one. A page comes back for one, which `app.server.pages.lengthy` remembers for it."""

TAKES_TOO_LONG = (
    "this takes longer than {:g} seconds; narrow it: positions closer together, one section, a shorter range of days;"
    " `journey` itself has no such bound"
)


class _Gone(Exception):
    """Nobody waits for it."""


class LongQuestions:
    """Answers them, some at a time. One that nobody waits for keeps its place until it has really ended."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(UNDER_WAY_MAX)
        self._under_way: set[asyncio.Task[Any]] = set()
        # Of their own: keys are looked up, and short questions answered, in those that all share.
        self._threads = ThreadPoolExecutor(UNDER_WAY_MAX, thread_name_prefix="long questions")

    async def run(self, asked: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        """What `asked` comes to, which is cancelled where this is. Raises HttpProblem where it takes too long, or there is no place."""
        if self._places.locked():
            raise HttpProblem(503, f"{UNDER_WAY_MAX} questions that take long are being answered; come again", headers={"Retry-After": "5"})
        ends: list[Callable[[], object]] = []
        is_gone = False

        async def there() -> T:
            task, loop = asyncio.current_task(), asyncio.get_running_loop()
            assert task is not None
            ends.append(lambda: loop.call_soon_threadsafe(task.cancel))
            if is_gone:
                raise _Gone
            try:
                async with asyncio.timeout(seconds):
                    return await asked()
            except TimeoutError:
                raise HttpProblem(422, TAKES_TOO_LONG.format(seconds)) from None
            except asyncio.CancelledError:
                raise _Gone from None

        async def placed() -> T:
            async with self._places:
                ran = partial(copy_context().run, lambda: asyncio.run(there()))
                return await asyncio.get_running_loop().run_in_executor(self._threads, ran)

        doing = asyncio.create_task(placed())
        self._under_way.add(doing)
        doing.add_done_callback(self._ended)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            is_gone = True
            for end in ends:
                with suppress(RuntimeError):  # It has ended meanwhile.
                    end()
            raise

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()


async def unless_gone(request: Request, asked: Coroutine[Any, Any, T]) -> T:
    """What `asked` comes to, which is cancelled where the client goes away first."""
    doing = asyncio.ensure_future(asked)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((doing, gone), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise HttpProblem(503, "the client is gone")
        return doing.result()
    finally:
        doing.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
