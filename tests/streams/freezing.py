"""A worker that freezes in the middle of a commit, or while it holds something, as a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from journey.errors import Away
from streams.postgres import record as record_module
from streams.postgres.record import PostgresRecord
from streams.units import DerivedPart, Generation, Unit
from tests.contracts.units import row
from tests.streams.builders import LATER, at, sent

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 30.0

PLACES = ("before it locks its subjects", "before it stores", "before it takes its position", "in the middle of a message")


async def frozen(address: str, topic: str, where: str) -> asyncio.subprocess.Process:
    """A process that is stopped at that place (of the second unit of partition 1). Let go on, it says how it ended."""
    return await started(__name__, address, topic, where)


async def started(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """A process of that module, which has stopped itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT
    )
    async with asyncio.timeout(SECONDS_MAX):
        while _state(process.pid) != "T":
            assert process.returncode is None, "it ended before it froze"
            await asyncio.sleep(0.01)
    return process


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def freezing_before(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def frozen(*values: Any, **more: Any) -> Any:
        freeze()
        return await step(*values, **more)

    return frozen


async def hold(address: str, topic: str, where: str) -> None:
    """Freeze while something is held."""
    record = await PostgresRecord.open(address, topic)
    try:
        if where == "alone":
            async with record.alone("relay"):
                freeze()
                await asyncio.sleep(SECONDS_MAX)
        elif where == "in its turn":
            async with record.turn():
                freeze()
                await record.commit(Unit({1: -1}, {1: 0}, LATER, rows=[row(sent("page_view", "user:1", at(5)))]))
        else:
            await record.rebuild(_parts(), Generation("a definition", 1), LATER, _frozen_parts)
        print("kept it")  # noqa: T201
    except Away:
        print("Away")  # noqa: T201
    finally:
        await record.close()


async def _parts() -> AsyncIterator[DerivedPart]:
    yield DerivedPart([], {}, {})


async def _frozen_parts() -> AsyncIterator[DerivedPart]:
    freeze()
    yield DerivedPart([], {}, {})


async def commit(address: str, topic: str, where: str) -> None:
    lines = [sent("page_view", "user:1", at(5), id="frozen")]
    match where:
        case "before it locks its subjects":
            record_module.lock_subjects = freezing_before(record_module.lock_subjects)
        case "before it stores":
            record_module.run = freezing_before(record_module.run)
        case "before it takes its position":
            record_module.finish = freezing_before(record_module.finish)
        case "in the middle of a message":
            # More than the two sockets hold, so that the rest waits for us.
            lines += [sent("page_view", f"user:{number + 1}", at(5), title="x" * 19_000) for number in range(2000)]
            record_module.run = _stopped_while_it_sends(record_module.run)
        case _:
            raise AssertionError(where)
    record = await PostgresRecord.open(address, topic)
    try:
        await record.commit(Unit({1: 0}, {1: len(lines)}, LATER, rows=[row(line) for line in lines]))
        print("committed")  # noqa: T201
    except Away:
        print("Away")  # noqa: T201
    finally:
        await record.close()


def _stopped_while_it_sends(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def frozen(*values: Any) -> Any:
        # Called when the loop next looks around: after the first piece went out, and before the socket takes another.
        asyncio.get_running_loop().call_soon(freeze)
        return await step(*values)

    return frozen


if __name__ == "__main__":
    asyncio.run((commit if sys.argv[3] in PLACES else hold)(*sys.argv[1:]))
