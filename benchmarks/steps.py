"""Where the time goes: production functions timed from outside, with not a line changed in them.

    python -m benchmarks.steps --clocks benchmarks.steps:DISTRIBUTED --out steps.json -- worker

is `journey worker` with clocks in it, which tells what they show when it ends. Trust the CPU column on a busy machine: what a step took
by the wall holds whatever else the machine did meanwhile.
"""

import inspect
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.measuring import Failed

CALIBRATING_CALLS = 20_000

Named = str | Callable[..., str]
"""The name of a step; or what makes one of the arguments of the call."""


@dataclass(slots=True)
class Step:
    """What one step took by itself, without the steps within it. Nanoseconds."""

    calls: int = 0
    wall: int = 0
    """While it ran. What an `await` waits for is not in it, what blocks the thread is: a disk, a busy machine."""
    cpu: int = 0
    elapsed: int = 0
    """From call to return, waits and inner steps included. Steps that run side by side overlap here: not to be added up."""


class Steps:
    """Times functions by steps, within one process. Threads and tasks may run side by side."""

    def __init__(self) -> None:
        self.taken: dict[str, Step] = {}
        self._running = threading.local()

    def time(self, where: str, step: Named) -> None:
        """Time the function at `where`, such as `streams.placement:Placement.place`, as (part of) a step."""
        module, _, path = where.partition(":")
        *owners, name = path.split(".")
        try:
            owner: Any = import_module(module)
            for one in owners:
                owner = getattr(owner, one)
            function = getattr(owner, name)
        except (ImportError, AttributeError) as error:
            raise Failed(
                f"{where} is a step of the breakdown and is not there any more ({error}); put the steps in benchmarks/ right"
            ) from error
        setattr(owner, name, self.timed(function, step))

    def timed(self, function: Callable[..., Any], step: Named) -> Callable[..., Any]:
        """`function`, timed: a plain one, a coroutine function, or an async generator function."""
        if inspect.isasyncgenfunction(function):

            @wraps(function)
            async def each(*args: Any, **named: Any) -> AsyncIterator[Any]:
                taken, items = self._step(step, args), function(*args, **named)
                try:
                    while True:
                        try:
                            item = await self._awaited(taken, items.__anext__())
                        except StopAsyncIteration:
                            return
                        yield item
                finally:
                    await items.aclose()

            return each
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **named: Any) -> Any:
                return await self._awaited(self._step(step, args), function(*args, **named))

            return awaited

        @wraps(function)
        def called(*args: Any, **named: Any) -> Any:
            taken = self._step(step, args)
            self._enter(taken)
            began = time.perf_counter_ns()
            try:
                return function(*args, **named)
            finally:
                taken.elapsed += time.perf_counter_ns() - began
                taken.calls += 1
                self._leave()

        return called

    def per(self, touchpoints: int) -> dict[str, dict[str, float]]:
        """Microseconds a touchpoint by step, the dearest first."""
        return {
            name: {
                "wall_us": step.wall / 1000 / touchpoints,
                "cpu_us": step.cpu / 1000 / touchpoints,
                "elapsed_us": step.elapsed / 1000 / touchpoints,
                "calls": step.calls / touchpoints,
            }
            for name, step in sorted(self.taken.items(), key=lambda one: -one[1].cpu)
        }

    def overhead_ns(self) -> float:
        """What timing one call costs, about."""
        other = Steps()
        empty = other.timed(lambda: None, "empty")
        began = time.perf_counter_ns()
        for _ in range(CALIBRATING_CALLS):
            empty()
        return (time.perf_counter_ns() - began) / CALIBRATING_CALLS

    # --- the clock of a step runs only while its code runs

    def _step(self, step: Named, args: tuple[Any, ...]) -> Step:
        name = step if isinstance(step, str) else step(*args)
        return self.taken.setdefault(name, Step())

    def _enter(self, step: Step) -> None:
        try:
            stack = self._running.stack
        except AttributeError:
            stack = self._running.stack = []
        # The step, when it began by both clocks, and what the steps within it took by both.
        stack.append([step, 0, 0, time.perf_counter_ns(), time.thread_time_ns()])

    def _leave(self) -> None:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        stack = self._running.stack
        step, inner_wall, inner_cpu, began_wall, began_cpu = stack.pop()
        wall, cpu = wall - began_wall, cpu - began_cpu
        step.wall += wall - inner_wall
        step.cpu += cpu - inner_cpu
        if stack:
            stack[-1][1] += wall
            stack[-1][2] += cpu

    def _awaited(self, step: Step, inner: Any) -> Awaitable[Any]:
        return _Awaited(self, step, inner)


class _Awaited:
    """Drives a coroutine from one wait to the next, the clock of its step running in between."""

    __slots__ = ("inner", "step", "steps")

    def __init__(self, steps: Steps, step: Step, inner: Any) -> None:
        self.steps, self.step, self.inner = steps, step, inner

    def __await__(self) -> Generator[Any, Any, Any]:
        began = time.perf_counter_ns()
        go, given = self.inner.send, None
        try:
            while True:
                self.steps._enter(self.step)
                try:
                    waited_for = go(given)
                except StopIteration as stop:
                    return stop.value
                finally:
                    self.steps._leave()
                try:
                    go, given = self.inner.send, (yield waited_for)
                except BaseException as error:  # thrown in, such as a cancellation: it is the coroutine's to deal with
                    go, given = self.inner.throw, error
        finally:
            self.step.elapsed += time.perf_counter_ns() - began
            self.step.calls += 1


def found(where: str) -> tuple[Any, str]:
    """The module or class that holds the function at `where`, and its name in there."""
    module, _, path = where.partition(":")
    *owners, name = path.split(".")
    try:
        owner: Any = import_module(module)
        for one in owners:
            owner = getattr(owner, one)
        getattr(owner, name)
    except (ImportError, AttributeError) as error:
        raise Failed(
            f"{where} is a step of the breakdown and is not there any more ({error}); put the steps in benchmarks/ right"
        ) from error
    return owner, name


@dataclass(frozen=True, slots=True)
class Clocked:
    """A command that ran with clocks in it."""

    steps: Steps
    seconds: float
    cpu_seconds: float
    clocks_seconds: float
    """Of it, about: for the clocks themselves."""


def journey(named: Mapping[str, Named], arguments: Sequence[str]) -> Clocked:
    """Be the command `journey` in this process, with clocks at the functions of `named`. Raises Failed where it does not end well."""
    clocks = Steps()
    overhead_ns = clocks.overhead_ns()
    from app.cli import main

    for where, step in named.items():
        clocks.time(where, step)
    sys.argv = ["journey", *arguments]
    began, used = time.perf_counter(), time.process_time()
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise Failed(f"journey {' '.join(arguments)} ended with status {end.code}") from end
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - used
    return Clocked(clocks, seconds, cpu_seconds, sum(step.calls for step in clocks.taken.values()) * overhead_ns / 1e9)


PLACEMENT: Mapping[str, Named] = {
    "streams.arrivals:decode": "decode",
    "streams.placement:Placement._sort_out": "sort out duplicates",
    "streams.placement:Placement._know": "find persons and journeys",
    "streams.placement:Placement._split": "find whom it reaches",
    "streams.placement:Placement._under_two_ids": "find whom it reaches",
    "streams.placement:advance": "fold",
    "streams.placement:Placement._derive": "derive again: find what",
    "journey.person_fold:derive": "derive again: fold",
    "streams.placement:dump": "encode journeys",
    "streams.placement:load": "decode journeys",
    "streams.placement:Placement.place": "place: the rest",
}
"""The steps that both runtimes have."""

EMBEDDED: Mapping[str, Named] = {
    **PLACEMENT,
    "streams.sqlite.record:SqliteRecord.append": "log: append",
    "streams.sqlite.record:SqliteRecord.read": "log: read",
    "streams.sqlite.record:SqliteRecord.known": "ask the record: names",
    "streams.sqlite.record:SqliteRecord.voided": "ask the record: names",
    "streams.sqlite.record:SqliteRecord.people": "ask the record: persons, deals",
    "streams.sqlite.record:SqliteRecord.deals_of": "ask the record: persons, deals",
    "streams.sqlite.record:SqliteRecord.journeys": "ask the record: journeys",
    "streams.sqlite.record:SqliteRecord.bodies": "ask the record: histories",
    "streams.sqlite.record:SqliteRecord._store": "commit: touchpoints",
    "streams.sqlite.record:SqliteRecord._write_journeys": "commit: journeys",
    "streams.sqlite.record:SqliteRecord._write_facts": "commit: changes",
    "streams.sqlite.record:SqliteRecord.commit": "commit: the rest, and the disk",
    "streams.sqlite.record:SqliteRecord.changes": "changes: read",
    "projections.stores.sqlite:deltas": lambda model, facts: f"{model.name}: add up",
    "projections.stores.sqlite:SqliteReadStore.apply": lambda store, changes: f"{store.model.name}: write",
}

DISTRIBUTED: Mapping[str, Named] = {
    **PLACEMENT,
    "streams.kafka.source:Source.next": "fetch",
    "streams.postgres.record:PostgresRecord.known": "ask the record: names",
    "streams.postgres.record:PostgresRecord.voided": "ask the record: names",
    "streams.postgres.record:PostgresRecord.people": "ask the record: persons, deals",
    "streams.postgres.record:PostgresRecord.deals_of": "ask the record: persons, deals",
    "streams.postgres.record:PostgresRecord.versions": "ask the record: persons, deals",
    "streams.postgres.record:PostgresRecord.journeys": "ask the record: journeys",
    "streams.postgres.record:PostgresRecord.bodies": "ask the record: histories",
    "streams.postgres.record:PostgresRecord.commit": "commit",
    "streams.postgres.record:PostgresRecord.changes": "changes: read",
    "streams.kafka.relay:Relay.step": "relay",
    "projections.stores.postgres:deltas": lambda model, facts: f"{model.name}: add up",
    "projections.stores.postgres:PostgresReadStore.apply": lambda store, changes: f"{store.model.name}: write",
}


def main(
    arguments: Annotated[list[str], typer.Argument(help="Of `journey`.")],
    clocks: Annotated[str, typer.Option(help="Where the steps are named: module:NAME.")],
    out: Annotated[Path, typer.Option(help="Where to tell, as JSON.")],
) -> None:
    owner, name = found(clocks)
    ran = journey(getattr(owner, name), arguments)
    told = {"seconds": ran.seconds, "cpu_seconds": ran.cpu_seconds, "clocks_seconds": ran.clocks_seconds, "steps": ran.steps.per(1)}
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
