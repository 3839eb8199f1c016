"""A batch that can't be placed for an error of ours: the record at fault is named, what comes before it is in, and nothing is twice."""

from hashlib import sha256
from math import ceil, log2

import pytest

from journey.errors import NotPlaced, Refused
from streams.fault_isolation import placed
from streams.operators import By
from streams.placement import Placement
from streams.ports import OutOfStep
from streams.set_aside import EMBEDDED, set_aside
from streams.units import Recorded, Unit
from tests.poison import POISON, Bug, poisoned
from tests.streams.brute_force import told
from tests.streams.builders import LATER, Bench, at, incoming, sent

BY = By(30, "ann", "a bug of theirs")


def views(number: int, *, poison: int = -1) -> list[bytes]:
    return [sent("page_view", f"user:u{nth}", at(nth), id=POISON if nth == poison else "") for nth in range(number)]


async def next_of(bench: Bench) -> tuple[list[Recorded], dict[int, int]]:
    after = await bench.record.offsets()
    return list(await bench.record.read(0, after=after.get(0, -1), limit=10_000)), after


async def place(bench: Bench) -> Unit:
    unit, _ = await placed(bench.placement, *await next_of(bench), "topic t")
    return unit


async def test_the_record_at_fault_is_named_and_what_comes_before_it_is_in(bench: Bench) -> None:
    lines = views(100, poison=63)
    await bench.append(lines)
    batch, _ = await next_of(bench)
    wrong = batch[63]
    for _ in range(2):
        with poisoned(), pytest.raises(NotPlaced) as stopped:
            await place(bench)
    assert isinstance(stopped.value.__cause__, Bug)
    named = (
        r"Bug: poison\x1b[2J, and more. It is the record at partition 0, offset 64 (test:64;"
        f" {len(lines[63]):,} bytes, SHA-256 {sha256(lines[63]).hexdigest()})"
    )
    assert named in str(stopped.value)
    assert "`journey dead-letters set-aside --partition 0 --offset 64 --reason WHY` goes on without it" in str(stopped.value)
    assert await bench.record.offsets() == {0: wrong.offset - 1}
    assert await bench.facts() == told(bench.definition, lines[:63]).plain()


async def test_set_aside_the_rest_goes_in_and_sent_again_after_the_mend_all_of_it_counts(bench: Bench) -> None:
    lines = views(20, poison=7)
    await bench.append(lines)
    with poisoned():
        with pytest.raises(NotPlaced):
            await place(bench)
        await set_aside(bench.record, bench.record, bench.desk, EMBEDDED, 0, 8, BY)
        bench.restart()
        unit = await place(bench)
    assert unit.accepted == 12
    assert await bench.facts() == told(bench.definition, [*lines[:7], *lines[8:]]).plain()
    (kept,) = await bench.desk.kept(after=0, limit=9)
    letter = await bench.desk.show(kept.number)
    assert letter is not None
    assert (kept.code, letter.raw) == ("set-aside", lines[7])
    await bench.record.append([incoming(letter.raw)._replace(letter=kept.id)], LATER)
    await bench.place()
    assert await bench.facts() == told(bench.definition, lines).plain()
    assert [one.state for one in await bench.desk.kept(after=0, limit=9)] == ["requeued"]


@pytest.mark.parametrize("poison", [0, 1, 512, 998, 999])
async def test_it_takes_as_many_steps_as_halves_can_be_made(bench: Bench, monkeypatch: pytest.MonkeyPatch, poison: int) -> None:
    await bench.append(views(1_000, poison=poison))
    tried = []
    run = Placement.run

    async def counted(placement: Placement, batch: list[Recorded], after: dict[int, int]) -> tuple[Unit, int]:
        tried.append(len(batch))
        return await run(placement, batch, after)

    monkeypatch.setattr(Placement, "run", counted)
    with poisoned(), pytest.raises(NotPlaced, match=f"offset {poison + 1} "):
        await place(bench)
    assert len(tried) <= ceil(log2(1_000)) + 2
    assert sum(tried) <= 2 * 1_000 + 1
    assert await bench.record.offsets() == ({0: poison} if poison else {})


async def test_of_several_partitions_each_stands_before_what_was_not_placed(bench: Bench) -> None:
    await bench.append([*views(8), *views(6, poison=2), *views(5)])
    batch = list(await bench.record.read(0, after=-1, limit=99))
    parts = [
        one._replace(partition=part, offset=10 + nth)
        for part, some in enumerate((batch[:8], batch[8:14], batch[14:]))
        for nth, one in enumerate(some)
    ]
    told = "partition 0 offsets 10 to 17, partition 1 offsets 10 to 15, partition 2 offsets 10 to 14 ended in Bug"
    after = {0: -1, 1: -1, 2: -1}
    with poisoned(), pytest.raises(NotPlaced, match=f"placing {told}.* partition 1, offset 12 "):
        await placed(bench.placement, parts, after, "topic t")
    assert await bench.record.offsets() == {0: 17, 1: 11}


async def test_an_error_that_does_not_come_again_is_said_to_be_no_records(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = views(9)
    await bench.append(lines)
    commit = bench.record.commit

    async def once(unit: Unit) -> int:
        monkeypatch.setattr(bench.record, "commit", commit)
        raise Bug("of the moment")

    monkeypatch.setattr(bench.record, "commit", once)
    with pytest.raises(
        NotPlaced, match="offsets 1 to 9 ended in Bug: of the moment; placed again in halves it did not: it is no single record"
    ):
        await place(bench)
    assert await bench.facts() == told(bench.definition, lines).plain()


@pytest.mark.parametrize("error", [OutOfStep("elsewhere"), Refused("no")])
async def test_what_tells_the_worker_something_is_no_error_of_ours(bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    await bench.append(views(4))
    asked: list[Unit] = []

    async def refuse(unit: Unit) -> int:
        asked.append(unit)
        raise error

    monkeypatch.setattr(bench.record, "commit", refuse)
    with pytest.raises(type(error)):
        await place(bench)
    assert len(asked) == 1
