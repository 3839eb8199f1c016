"""What a log promises: whoever implements it, nothing acknowledged is lost, and nothing is skipped."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.incoming import Incoming, WholeRecord
from streams.placement import UNIT_BYTES_MAX
from streams.ports import Log
from streams.units import Recorded
from tests.contracts.places import LOGS, Place, until_killed

PARTITION = 0
FIRST = -1
"""Before the first offset, whatever that is."""


def incoming(*raw: str) -> list[Incoming]:
    return [Incoming(one.encode(), "test", f"test:{number}") for number, one in enumerate(raw)]


def raw(records: Sequence[Recorded]) -> list[str]:
    return [one.incoming.raw.decode() for one in records]


async def read(log: Log, after: int = FIRST, limit: int = 100) -> Sequence[Recorded]:
    return await log.read(PARTITION, after=after, limit=limit)


async def test_an_empty_log_reads_as_nothing(log: Log) -> None:
    assert await read(log) == []


async def test_what_was_appended_is_read_in_its_order(log: Log) -> None:
    await log.append(incoming("a", "b"), 1)
    await log.append(incoming("c"), 2)
    assert raw(await read(log)) == ["a", "b", "c"]


async def test_append_returns_the_offset_of_its_last_record(log: Log) -> None:
    first = await log.append(incoming("a", "b"), 1)
    second = await log.append(incoming("c"), 2)
    assert raw(await read(log, after=first)) == ["c"]
    assert (await read(log))[-1].offset == second


@pytest.mark.parametrize(
    "made",
    [
        Incoming(b"\xff\0 no touchpoint", "crm.csv", "crm.csv:17", body=b"{}", reason="no column says when"),
        Incoming(b"7;\xc3\xa9", "crm \u00e9.csv", "crm \u00e9.csv:17", body=b'{"subject":"user:7"}'),
        Incoming(b"7;x", "crm.csv", "crm.csv:17", reason="no column says when"),
        Incoming(b"7;x", "crm.csv", "crm.csv:17", reason="no column says when", meant=b'{"meant":[]}'),
        Incoming(b"the beginning", "crm.csv", "crm.csv:17", reason="too large", whole=WholeRecord(990_000_000, "ab" * 32)),
        Incoming(b"", "test", "test:1"),
        Incoming(b"", "test", "test:1", body=b""),
        Incoming(b'{"subject":"user:7"}', "", ""),
    ],
    ids=[
        "unreadable",
        "made of a row",
        "made nothing of",
        "what it was meant to be",
        "too large to keep",
        "empty",
        "made of nothing",
        "from nowhere",
    ],
)
async def test_a_record_is_read_as_it_was_appended(log: Log, made: Incoming) -> None:
    await log.append([made], 1)
    (found,) = await read(log)
    assert found.incoming == made
    assert found.partition == PARTITION


async def test_a_record_says_when_it_was_recorded(log_place: Place[Log]) -> None:
    """By the log's own clock where it has one, which is not the appender's."""
    said = 1_772_409_600_000_001
    before = time.time_ns() // 1000
    async with log_place.open() as log:
        await log.append(incoming("a"), said)
        (found,) = await read(log)
    if log_place.name == "kafka":
        assert before - 1000 <= found.recorded_at <= time.time_ns() // 1000
    else:
        assert found.recorded_at == said


async def test_what_is_sent_again_says_for_which_dead_letter(log: Log) -> None:
    made = Incoming(b"{}", "crm.csv", "crm.csv:17", letter="5f1c" * 16)
    await log.append([made, *incoming("a")], 1)
    first, second = await read(log)
    assert first.incoming == made
    assert second.incoming.letter is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_reading_on_from_where_the_last_read_ended_skips_nothing_and_repeats_nothing(log: Log, limit: int) -> None:
    sent = [f"{number}" for number in range(7)]
    for one in sent:
        await log.append(incoming(one), 1)
    got: list[Recorded] = []
    while more := await read(log, after=got[-1].offset if got else FIRST, limit=limit):
        assert len(more) <= limit
        got += more
    assert raw(got) == sent
    assert [one.offset for one in got] == sorted({one.offset for one in got})


async def test_records_of_many_bytes_are_read_a_few_at_a_time(log: Log) -> None:
    large = [b"%d" % number + b"x" * (UNIT_BYTES_MAX // 3) for number in range(7)]
    await log.append([Incoming(one, "test", "test") for one in large], 1)
    found: list[Recorded] = []
    while len(found) < len(large):
        some = await read(log, found[-1].offset if found else FIRST)
        assert 1 <= len(some) < 5
        found += some
    assert [one.incoming.raw for one in found] == large


async def test_of_a_batch_with_a_record_that_cannot_be_kept_nothing_is_kept(log: Log) -> None:
    broken = Incoming(b"b", "test", "half of a character: \ud800")
    with pytest.raises(Exception):  # noqa: B017  # what is raised is the implementation's own
        await log.append([*incoming("a"), broken, *incoming("c")], 1)
    assert await read(log) == []
    await log.append(incoming("d"), 2)
    assert raw(await read(log)) == ["d"]


async def test_who_opens_the_log_again_reads_the_same_records_at_the_same_offsets(log_place: Place[Log]) -> None:
    async with log_place.open() as log:
        await log.append(incoming("a", "b"), 1)
        before = await read(log)
    async with log_place.open() as log:
        assert await read(log) == before
        await log.append(incoming("c"), 2)
        assert raw(await read(log, after=before[-1].offset)) == ["c"]


async def append_twice(name: str, folder: Path) -> None:
    async with LOGS[name](folder) as log:
        await log.append(incoming("a"), 1)
        await log.append(incoming("b", "c"), 2)
        await until_killed()


async def test_what_was_acknowledged_survives_a_crash(log_place: Place[Log]) -> None:
    await log_place.killed_in(append_twice)
    async with log_place.open() as log:
        assert raw(await read(log)) == ["a", "b", "c"]
