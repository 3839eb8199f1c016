"""`journey rebuild all --from-log`: this process is a worker until all that Kafka holds is placed and in both read models."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, NamedTuple

from app.engine.distributed import POLL_SECONDS, Distributed, until_there
from app.engine.generations import REBUILD
from app.engine.worker import parts
from app.text.printing import pairs, progress
from journey.errors import Refused
from streams.kafka.log import KafkaLog, TopicRange, held
from streams.operators import By
from streams.remarks import Say

FROM_LOG = "from-log"
QUIET_SECONDS = 3.0
"""After so long without progress it is looked whether what is left is anything at all."""


class _Wanted(NamedTuple):
    first: dict[int, int]
    """The first offset that Kafka holds, by partition."""
    last: dict[int, int]

    def left(self, offsets: dict[int, int]) -> int:
        """How many records are still to be placed where `offsets` are."""
        return sum(max(0, last - max(offsets.get(one, -1), self.first[one] - 1)) for one, last in self.last.items())


async def from_log(engine: Distributed, instance: str, by: By, say: Say) -> dict[str, Any]:
    """Place what Kafka holds as of now. Raises Refused where the record is not empty, unless by a run of this that was cut off."""
    there = await until_there(lambda: held(engine.kafka), say)
    wanted = await _begun(engine, there, by)
    for partition, first in sorted(wanted.first.items()):
        if first:
            say(f"partition {partition} begins at offset {first}: what was before it, Kafka no longer holds")
    total = wanted.left({})
    async with AsyncExitStack() as stack:
        running = [
            asyncio.create_task(run(), name=name) for name, run in (await parts(engine, instance, None, stack, partial(_of, say))).tasks
        ]
        try:
            with progress(total, "placing what Kafka holds") as tell:
                await _until_placed(engine, wanted, running, tell)
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
    counted = await engine.record.counted()
    digests = await engine.digest()
    return {
        "records": total,
        "accepted": counted.accepted,
        "duplicates": counted.duplicates,
        "dead_letters": dict(counted.dead_letters),
        "missing_before": {str(one): first for one, first in sorted(wanted.first.items()) if first},
        **digests,
    }


def _of(say: Say, part: str) -> Say:
    """Tells which part of the work says it."""
    return lambda text, level=logging.INFO: say(f"{part}: {text}", level)


async def _begun(engine: Distributed, there: TopicRange, by: By) -> _Wanted:
    """What is to be placed: all there is; or what is left of the run that was cut off."""
    async with engine.alone(REBUILD):
        offsets = await engine.record.offsets()
        if (await engine.record.counted()).accepted or offsets:
            earlier = [one.detail for one in await engine.desk.decisions(REBUILD) if one.detail.get("what") == FROM_LOG]
            if earlier:
                after = earlier[-1]["after"]
                wanted = _Wanted({int(p): n for p, n in after["first"].items()}, {int(p): n for p, n in after["last"].items()})
                if wanted.left(offsets):
                    return wanted
            raise Refused(
                "the record holds touchpoints already, and --from-log fills an empty one; `journey rebuild all` derives them anew"
            )
        wanted = _Wanted(there.first, there.last)
        after = {"first": {str(p): n for p, n in wanted.first.items()}, "last": {str(p): n for p, n in wanted.last.items()}}
        detail = {"what": FROM_LOG, "before": None, "after": after}
        await engine.desk.decide(at=by.at, actor=by.actor, action=REBUILD, reason=by.reason, detail=detail)
        return wanted


async def _until_placed(engine: Distributed, wanted: _Wanted, running: list[asyncio.Task[None]], tell: Callable[[int], None]) -> None:
    log = KafkaLog(engine.kafka)
    left, moved_at = wanted.left({}), time.monotonic()
    while left:
        offsets = await until_there(engine.record.offsets, engine.say)
        if (now := wanted.left(offsets)) != left:
            tell(left - now)
            left, moved_at = now, time.monotonic()
        elif time.monotonic() - moved_at > QUIET_SECONDS:
            # A partition may end in what is no record, such as the mark of a transaction.
            await _leave_out_what_is_none(log, wanted, offsets)
            moved_at = time.monotonic()
        await _still_going(running)
    position = await engine.record.position()
    while min(await engine.marketing.position(), await engine.sales.position()) < position:
        await _still_going(running)


async def _leave_out_what_is_none(log: KafkaLog, wanted: _Wanted, offsets: dict[int, int]) -> None:
    for partition in [one for one, last in wanted.last.items() if offsets.get(one, -1) < last]:
        after = max(offsets.get(partition, -1), wanted.first[partition] - 1)
        if not await log.read(partition, after=after, limit=1):
            wanted.last[partition] = after


async def _still_going(running: list[asyncio.Task[None]]) -> None:
    """Wait a little. Raises what any of them ended with."""
    done, _ = await asyncio.wait(running, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def show_from_log(answer: dict[str, Any]) -> None:
    pairs({name: sum(value.values()) if name == "dead_letters" else value for name, value in answer.items() if name != "missing_before"})
    for partition, first in answer["missing_before"].items():
        sys.stdout.write(f"partition {partition}: Kafka no longer holds what was before offset {first}\n")
