"""What came in with an import, and that it can be withdrawn: all of it in one step, and for good."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from journey.facts import FOLD_VERSION
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from streams.dead_letters import sent_again
from streams.operators import By, Decided, OnlyBrought, State
from streams.past import Past
from streams.placement import BRINGERS_MAX, Placement
from streams.ports import OutOfStep
from streams.rebuilding import rebuilt
from streams.set_aside import RETRACT
from streams.units import DerivedPart, Generation, Imported, Recorded, Unit
from tests.contracts.places import RECORDS, Place, Record, until_killed
from tests.streams.builders import LATER, at, deal_opened, link, retraction, sent

DEFINITION = default_definition()
GENERATION = Generation(DEFINITION.fingerprint, FOLD_VERSION)
BY = By(30, "ann", "the wrong file")
VIEW = sent("page_view", "user:1", at(0), id="v")
OTHER = sent("page_view", "user:2", at(1), id="w")
BROKEN = b"{broken"


def unreadable(line: bytes) -> bytes:
    """The same touchpoint, at a time that is none."""
    return orjson.dumps({**orjson.loads(line), "time": "yesterday"})


def decided(import_id: int) -> Decided:
    return Decided(BY, RETRACT, {"import": 1, "import_id": import_id})


class Desk:
    """What comes in by partition 0, with which import, and what becomes of it."""

    def __init__(self, record: Record) -> None:
        self.histories, self.record = record.histories, record
        self.placement = Placement(DEFINITION, record.histories)

    async def batch(self, import_id: int | None, *lines: bytes) -> tuple[list[Recorded], dict[int, int]]:
        after = (await self.histories.offsets()).get(0, -1)
        some = [Incoming(line, "crm", "crm:1", import_id=import_id) for line in lines]
        return [Recorded(0, after + nth, LATER, one) for nth, one in enumerate(some, start=1)], {0: after}

    async def comes(self, import_id: int | None, *lines: bytes) -> Unit:
        return (await self.placement.run(*await self.batch(import_id, *lines)))[0]

    async def sends_again(self, number: int, fix: bytes) -> None:
        """A letter is fixed and requeued."""
        letters = self.record.dead_letters
        await letters.fix(number, fix, BY)
        letter = await letters.show(number)
        assert letter is not None
        after = (await self.histories.offsets()).get(0, -1)
        some = [Recorded(0, after + nth, LATER, one) for nth, one in enumerate(sent_again(letter), start=1)]
        await self.placement.run(some, {0: after})

    async def states(self) -> list[State]:
        return [one.state for one in await self.record.dead_letters.kept(after=0, limit=9)]

    async def retracts(self, import_id: int) -> int:
        position = await self.histories.withdraw(
            import_id, lambda: rebuilt(DEFINITION, self.histories), GENERATION, LATER, [decided(import_id)]
        )
        self.placement.forget()
        return position

    async def there(self, known_at: int | None = None) -> list[tuple[str, bool]]:
        """The ids of what is stored under some keys, and whether it is voided."""
        found = await self.histories.bodies(["user:1", "user:2", "deal:1"], known_at)
        return sorted((one.touch.id, one.voided) for bodies in found.values() for one in bodies)


@pytest.fixture
def desk(record: Record) -> Desk:
    return Desk(record)


async def test_what_only_it_brought_goes_and_is_there_as_of_before(desk: Desk) -> None:
    await desk.comes(7, VIEW, OTHER)
    await desk.comes(8, VIEW)
    assert await desk.histories.only_brought(7) == OnlyBrought(touchpoints=1, others_too=1, people=1, deals=0)
    position = await desk.retracts(7)
    assert (position, await desk.histories.position(), await desk.histories.last_withdrawal()) == (3, 3, 3)
    assert (await desk.there(), await desk.there(2)) == ([("v", False)], [("v", False), ("w", False)])
    assert await desk.histories.units_of(["user:2"], 0, 9) == [1, 3]
    (decision,) = await desk.record.control.decisions()
    assert (decision.action, decision.actor, decision.reason) == (RETRACT, "ann", "the wrong file")
    await desk.retracts(8)
    assert await desk.there() == []
    await desk.comes(9, VIEW)
    assert await desk.there() == [("v", False)]


@pytest.mark.parametrize("other", [None, 8])
async def test_who_brought_it_too_may_come_in_the_same_unit_or_first(desk: Desk, other: int | None) -> None:
    some, after = await desk.batch(7, VIEW)
    too = [one._replace(offset=one.offset + 1, incoming=one.incoming._replace(import_id=other)) for one in some]
    await desk.placement.run([*some, *too], after)
    await desk.retracts(7)
    assert await desk.there() == [("v", False)]


async def test_a_retraction_that_only_it_brought_takes_nothing_back_any_more(desk: Desk) -> None:
    await desk.comes(None, VIEW, deal_opened("1", at(1), "user:1", id="d"))
    await desk.comes(7, retraction(VIEW, at(3), id="x"))
    await desk.retracts(7)
    assert await desk.there() == [("d", False), ("v", False)]
    assert await desk.there(2) == [("d", False), ("v", True), ("x", False)]
    assert await desk.histories.voided([("user:1", "urn:test", "v")]) == set()
    # As of the unit in which it came back, and not before.
    assert await desk.histories.digest(1) == await desk.histories.digest(3) != await desk.histories.digest(2)


async def test_a_unit_that_is_under_way_meanwhile_is_refused_and_then_left_out(desk: Desk) -> None:
    await desk.comes(7, VIEW)
    batch, after = await desk.batch(7, OTHER)
    unit = await desk.placement.place(batch, after)
    await desk.retracts(7)
    with pytest.raises(OutOfStep):
        await desk.histories.commit(unit)
    left_out = await desk.comes(7, OTHER, VIEW, BROKEN)
    assert (left_out.accepted, left_out.dead_letters, left_out.imported) == (0, [], {7: Imported(read=3, left_out=3)})
    assert await desk.there() == []


async def test_another_writer_that_knows_the_persons_still_starts_over(desk: Desk) -> None:
    other = Placement(DEFINITION, desk.histories)
    await desk.comes(7, link("anon:a", "user:1", at(0)), sent("page_view", "anon:a", at(0), id="a"))
    await other.run(*await desk.batch(None, VIEW))
    await desk.retracts(7)
    batch = await desk.batch(None, OTHER, sent("demo", "user:1", at(5), id="x"))
    with pytest.raises(OutOfStep):
        await other.run(*batch)
    await other.run(*batch)
    assert (await desk.histories.people(["user:1"]))["user:1"].ids == ("user:1",)


async def test_letters_that_only_it_brought_are_dismissed_and_open_when_they_come_again(desk: Desk) -> None:
    await desk.comes(7, BROKEN, b"{both")
    await desk.comes(None, b"{both")
    assert (await desk.histories.only_brought(7)).dismissed == (1,)
    await desk.retracts(7)
    letters = desk.record.dead_letters
    assert [one.state for one in await letters.kept(after=0, limit=9)] == [State.dismissed, State.open]
    await desk.comes(8, BROKEN)
    assert [one.state for one in await letters.kept(after=0, limit=9)] == [State.open, State.open]


async def test_a_letter_that_only_it_had_closed_is_open_again_until_what_it_was_meant_to_be_comes_again(desk: Desk) -> None:
    await desk.comes(None, unreadable(VIEW), unreadable(OTHER))
    await desk.comes(7, VIEW, OTHER)
    await desk.comes(8, OTHER)
    letters = desk.record.dead_letters
    assert [one.state for one in await letters.kept(after=0, limit=9)] == [State.arrived, State.arrived]
    assert (await desk.histories.only_brought(7))[4:] == ((), (1,))
    await desk.retracts(7)
    assert [(one.state, one.position is None) for one in await letters.kept(after=0, limit=9)] == [
        (State.open, True),
        (State.arrived, False),
    ]
    await desk.comes(9, VIEW)
    assert [one.state for one in await letters.kept(after=0, limit=9)] == [State.arrived, State.arrived]


@pytest.mark.parametrize("other", [None, 8])
async def test_a_letter_that_was_sent_again_waits_again_when_it_leaves_with_its_import(desk: Desk, other: int | None) -> None:
    await desk.comes(7, BROKEN)
    await desk.sends_again(1, VIEW)
    await desk.comes(other, BROKEN)
    assert (await desk.there(), await desk.states()) == ([("v", False)], [State.requeued])
    letter = await desk.record.dead_letters.show(1)
    assert letter is not None
    assert letter.since == LATER
    assert (await desk.histories.only_brought(7))[4:] == ((), (1,))
    await desk.retracts(7)
    assert (await desk.there(), await desk.states()) == ([], [State.fixed])
    await desk.sends_again(1, VIEW)
    assert (await desk.there(), await desk.states()) == ([("v", False)], [State.requeued])


async def test_what_was_sent_again_stays_as_long_as_one_import_that_brought_its_letter(desk: Desk) -> None:
    await desk.comes(7, BROKEN)
    await desk.comes(8, BROKEN)
    await desk.sends_again(1, VIEW)
    await desk.retracts(7)
    assert (await desk.there(), await desk.states()) == ([("v", False)], [State.requeued])
    await desk.retracts(8)
    assert (await desk.there(), await desk.states()) == ([], [State.dismissed])


async def test_what_was_sent_again_stays_where_its_letter_came_with_no_import_too(desk: Desk) -> None:
    await desk.comes(7, BROKEN)
    await desk.comes(None, BROKEN)
    await desk.sends_again(1, VIEW)
    await desk.retracts(7)
    assert (await desk.there(), await desk.states()) == ([("v", False)], [State.requeued])


async def test_conflicts_end_with_the_body_that_only_it_brought(desk: Desk) -> None:
    await desk.comes(None, VIEW)
    unit = await desk.comes(7, sent("page_view", "user:1", at(0), id="v", url="/other"))
    assert (unit.contested, unit.imported[7].conflicts) == ({("user:1", "urn:test", "v")}, 1)
    assert len(await desk.record.dead_letters.conflicts()) == 1
    await desk.retracts(7)
    assert await desk.record.dead_letters.conflicts() == []


async def test_beyond_a_number_of_imports_that_brought_it_it_stays(desk: Desk) -> None:
    for import_id in range(1, BRINGERS_MAX + 2):
        await desk.comes(import_id, VIEW)
    for import_id in range(1, BRINGERS_MAX + 2):
        await desk.retracts(import_id)
    assert await desk.there() == [("v", False)]


async def test_a_rebuild_that_began_before_does_not_add_what_is_withdrawn_meanwhile(desk: Desk) -> None:
    await desk.comes(7, VIEW)
    before = await desk.histories.position()
    await desk.retracts(7)
    facts = [fact async for part in rebuilt(DEFINITION, Past(desk.histories, before)) for fact in part.facts]
    assert facts
    assert [fact async for part in rebuilt(DEFINITION, desk.histories) for fact in part.facts] == []
    assert (await desk.histories.brought(0, before)).rows
    assert (await desk.histories.brought(0, before + 1)).rows == []


async def withdrawing(name: str, folder: Path) -> None:
    async def parts() -> AsyncIterator[DerivedPart]:
        yield DerivedPart([["touched", 1, "user:1", "2026-03-02", "Direct", ""]], {}, {})
        await until_killed()

    async with RECORDS[name](folder) as record:
        await Desk(record).comes(7, VIEW, BROKEN)
        await record.histories.withdraw(7, parts, GENERATION, LATER, [decided(7)])


async def test_killed_while_it_is_withdrawn_nothing_has_changed(record_place: Place[Record]) -> None:
    await record_place.killed_in(withdrawing)
    async with record_place.open() as record:
        desk = Desk(record)
        assert (await record.histories.position(), await desk.there()) == (1, [("v", False)])
        assert await record.control.decisions() == []
        assert [one.state for one in await record.dead_letters.kept(after=0, limit=9)] == [State.open]
        # Where the server has not noticed yet, it is waited for.
        async with asyncio.timeout(30):
            await desk.retracts(7)
        assert (await record.histories.position(), await desk.there()) == (2, [])
        assert len(await record.control.decisions()) == 1
