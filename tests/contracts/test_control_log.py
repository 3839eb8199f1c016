"""What the control log promises: what operators decided stays, in order, with who and why."""

from pathlib import Path

from streams.operators import ControlLog, Decision
from tests.contracts.places import RECORDS, Place, Record, until_killed


async def decide(control: ControlLog, action: str, *, at: int = 1, **detail: object) -> int:
    return await control.decide(at=at, actor="ann", action=action, reason="it was time", detail=detail)


async def test_an_empty_one_holds_nothing(control: ControlLog) -> None:
    assert await control.decisions() == []
    assert await control.decisions("definition") == []


async def test_a_decision_is_kept_with_who_when_and_why(control: ControlLog) -> None:
    detail = {"yaml": "name: ä\n", "numbers": [1, 2**53], "nothing": None}
    number = await control.decide(at=17, actor="ann", action="definition", reason="new \u20ac rules", detail=detail)
    assert await control.decisions() == [Decision(number, 17, "ann", "definition", "new \u20ac rules", detail)]


async def test_decisions_come_oldest_first_whatever_their_clocks_said(control: ControlLog) -> None:
    numbers = [await decide(control, "definition", at=at, nth=nth) for nth, at in enumerate([30, 10, 20])]
    assert numbers == sorted(set(numbers))
    assert [one.detail["nth"] for one in await control.decisions()] == [0, 1, 2]


async def test_decisions_of_one_action_can_be_asked_for(control: ControlLog) -> None:
    for action in ("definition", "erase", "definition"):
        await decide(control, action)
    assert [one.action for one in await control.decisions("definition")] == ["definition", "definition"]
    assert [one.action for one in await control.decisions()] == ["definition", "erase", "definition"]
    assert await control.decisions("none of these") == []


async def test_decisions_are_read_in_pages(control: ControlLog) -> None:
    numbers = [await decide(control, action) for action in ("a", "b", "a", "a")]
    assert [one.number for one in await control.decisions(limit=2)] == numbers[:2]
    assert [one.number for one in await control.decisions(after=numbers[1], limit=1)] == numbers[2:3]
    assert [one.number for one in await control.decisions("a", after=numbers[0])] == numbers[2:]
    assert [one.number for one in await control.decisions(before=numbers[3], limit=2)] == [numbers[2], numbers[1]]
    assert [one.number for one in await control.decisions("a", before=numbers[3])] == [numbers[2], numbers[0]]


async def decide_once(name: str, folder: Path) -> None:
    async with RECORDS[name](folder) as record:
        await decide(record.control, "definition")
        await until_killed()


async def test_a_decision_survives_a_crash(record_place: Place[Record]) -> None:
    await record_place.killed_in(decide_once)
    async with record_place.open() as record:
        assert [one.action for one in await record.control.decisions()] == ["definition"]
        assert await decide(record.control, "erase") > (await record.control.decisions("definition"))[0].number
