"""A record of the log that somebody set aside: a dead letter wherever it is placed, by units that know of every such decision."""

from hashlib import sha256
from pathlib import Path

import pytest

from journey.errors import Refused
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from streams.operators import By, Letter, State
from streams.placement import Placement
from streams.ports import OutOfStep
from streams.set_aside import SET_ASIDE, set_aside
from streams.units import Recorded
from tests.contracts.places import RECORDS, Place, Record, until_killed
from tests.streams.builders import LATER, at, sent

BY = By(30, "ann", "it ends every worker")
VIEWS = [sent("page_view", f"user:u{number}", at(number)) for number in range(4)]


class Log:
    """One that holds `records` in partition 1."""

    def __init__(self, records: list[Recorded]) -> None:
        self.records = records

    async def partitions(self) -> list[int]:
        return [0, 1]

    async def read(self, partition: int, *, after: int, limit: int) -> list[Recorded]:
        return [one for one in self.records if one.partition == partition and one.offset > after][:limit]

    async def append(self, batch: object, recorded_at: int) -> int:
        raise AssertionError("nothing is appended here")


def records() -> list[Recorded]:
    """VIEWS. Offset 2 is none of theirs, as where a transaction ends."""
    return [Recorded(1, offset, LATER, Incoming(line, "crm", f"crm:{offset}")) for offset, line in zip((0, 1, 3, 4), VIEWS, strict=True)]


def topic(record: Record) -> str:
    return str(getattr(record.histories, "topic"))  # noqa: B009  # both have one, and the port needs none


async def decide(record: Record, offset: int, *, partition: int = 1, log: str | None = None, of: list[Recorded] | None = None) -> bool:
    _, is_new = await set_aside(Log(of or records()), record.histories, record.control, log or topic(record), partition, offset, BY)
    return is_new


async def kept(record: Record) -> list[Letter]:
    shown = [await record.dead_letters.show(one.number) for one in await record.dead_letters.kept(after=0, limit=9)]
    return [one for one in shown if one is not None]


async def test_what_is_set_aside_is_an_open_dead_letter_and_all_else_is_placed(record: Record) -> None:
    assert await decide(record, 3)
    unit, _ = await Placement(default_definition(), record.histories).run(records(), {1: -1})
    assert (unit.accepted, unit.reached) == (3, {1: 4})
    ((letter, raw, *_),) = await kept(record)
    assert (letter.code, letter.reason, letter.state, raw) == ("set-aside", "it ends every worker", State.open, VIEWS[2])
    assert await record.histories.sent_again([letter.id]) == {letter.id: sha256(VIEWS[2]).digest()}
    ((_, _, actor, action, reason, detail),) = await record.control.decisions(SET_ASIDE)
    assert (actor, action, reason) == ("ann", "set-aside", "it ends every worker")
    assert (detail["partition"], detail["offset"], detail["sha256"]) == (1, 3, sha256(VIEWS[2]).hexdigest())


async def test_decided_while_a_unit_is_placed_without_it_the_unit_is_refused_and_the_next_one_knows(record: Record) -> None:
    placement = Placement(default_definition(), record.histories)
    unit = await placement.place(records(), {1: -1})
    assert await decide(record, 1)
    with pytest.raises(OutOfStep, match="set aside"):
        await record.histories.commit(unit)
    with pytest.raises(OutOfStep, match="set aside"):
        await placement.run(records(), {1: -1})
    unit, _ = await placement.run(records(), {1: -1})
    assert [one.code for one in unit.dead_letters] == ["set-aside"]


async def test_decided_twice_is_once(record: Record) -> None:
    assert await decide(record, 1)
    assert not await decide(record, 1)
    assert len(await record.control.decisions()) == 1


async def test_other_bytes_or_another_log_are_another_record(record: Record) -> None:
    await decide(record, 1)
    await decide(record, 3, log="the topic that was here before")
    others = [one._replace(incoming=one.incoming._replace(raw=VIEWS[3])) if one.offset == 1 else one for one in records()]
    unit, _ = await Placement(default_definition(), record.histories).run(others, {1: -1})
    assert unit.dead_letters == []


async def test_of_two_touchpoints_of_one_row_the_one_that_is_set_aside_is_kept_with_what_it_says(record: Record) -> None:
    """The other one could not be read, and has the same bytes."""
    made = (b"{no touchpoint", VIEWS[2])
    row = [Recorded(1, offset, LATER, Incoming(b"7;a row", "crm.csv", "crm.csv:1", body)) for offset, body in enumerate(made)]
    await decide(record, 1, of=row)
    await Placement(default_definition(), record.histories).run(row, {1: -1})
    assert [(one.kept.code, one.body) for one in await kept(record)] == [("not-json", b"{no touchpoint"), ("set-aside", VIEWS[2])]


@pytest.mark.parametrize(
    ("partition", "offset", "told"),
    [
        (2, 0, "the log has no partition 2; it has 0, 1"),
        (1, 0, "offset 0 of partition 1 is placed already, as is all up to 0; .*'retracted'"),
        (1, 2, "partition 1 has nothing at offset 2; what comes next is at 3"),
        (1, 5, "partition 1 has nothing at offset 5 yet"),
        (0, 0, "partition 0 has nothing at offset 0 yet"),
    ],
)
async def test_what_can_not_be_set_aside_is_refused_and_nothing_is_decided(record: Record, partition: int, offset: int, told: str) -> None:
    await Placement(default_definition(), record.histories).run(records()[:1], {1: -1})
    with pytest.raises(Refused, match=told):
        await decide(record, offset, partition=partition)
    assert await record.control.decisions() == []


async def set_one_aside(name: str, folder: Path) -> None:
    async with RECORDS[name](folder) as record:
        await decide(record, 1)
        await until_killed()


async def test_what_was_set_aside_stays_so_through_a_crash(record_place: Place[Record]) -> None:
    await record_place.killed_in(set_one_aside)
    async with record_place.open() as record:
        assert list((await record.histories.set_aside()).records) == [(1, 1)]
