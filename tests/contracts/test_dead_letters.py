"""What dead letters promise: bytes that could not be read are kept, counted and listed, and so are rivals under one id."""

from pathlib import Path
from typing import Any

import pytest

from journey.errors import Refused
from schemas.incoming import WholeRecord
from streams.operators import By, IdleRetraction, Kept, Letter, State
from streams.units import DeadLetter
from tests.contracts.places import RECORDS, Place, Record, until_killed
from tests.contracts.units import commit, name, row
from tests.streams.builders import at, retraction, sent


def letter(id: str, *, code: str = "not-json", recorded_at: int = 1, place: str = "crm.jsonl:1") -> DeadLetter:
    return DeadLetter(id, code, f"{code}: look again", "crm.jsonl", place, b"\xff\0" + id.encode(), recorded_at)


async def kept(record: Record, *, after: int = 0, limit: int = 100) -> list[Kept]:
    return list(await record.dead_letters.kept(after=after, limit=limit))


async def letters(record: Record) -> list[Letter]:
    return [await shown(record, one.number) for one in await kept(record)]


async def test_without_any_there_is_nothing_to_show(record: Record) -> None:
    assert await kept(record) == []
    assert await record.dead_letters.show(1) is None
    assert await record.dead_letters.codes() == {}
    assert await record.dead_letters.conflicts() == []


async def test_a_dead_letter_is_kept_as_bytes_with_the_reason(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a", recorded_at=7)])
    (one,) = await kept(record)
    assert one[1:8] == ("not-json", "not-json: look again", "crm.jsonl", "crm.jsonl:1", 1, 7, 7)
    assert one[8:] == ("a", State.open, False, None, 3, None, 3)
    assert await record.dead_letters.show(one.number) == Letter(one, b"\xff\0a", None, None, imports=(0,))


async def test_of_what_is_too_large_length_and_hash_are_kept_beside_the_beginning(record: Record) -> None:
    bomb = letter("a")._replace(raw=b"the beginning", needs_fix=True, whole=WholeRecord(990_000_000, "ab" * 32))
    await commit(record.histories, dead_letters=[bomb])
    ((one, raw, *_),) = await letters(record)
    assert (raw, one.length, one.sha256, one.to_send) == (b"the beginning", 990_000_000, "ab" * 32, 0)
    assert await record.dead_letters.fix(1, b"right", BY)
    ((_, _, detail),) = await decided(record)
    assert (detail["before"]["bytes"], detail["before"]["sha256"]) == (990_000_000, "ab" * 32)
    assert (await kept(record))[0].to_send == 5


async def test_dead_letters_are_listed_in_pages_in_the_order_they_came(record: Record) -> None:
    for unit in (["a", "b"], ["c"], ["d", "e", "f"]):
        await commit(record.histories, dead_letters=[letter(id) for id in unit])
    got: list[Kept] = []
    while more := await kept(record, after=got[-1].number if got else 0, limit=2):
        got += more
    assert [one.id for one in got] == ["a", "b", "c", "d", "e", "f"]
    assert [one.number for one in got] == sorted({one.number for one in got})


async def test_what_is_seen_again_counts_again_at_its_number_and_first_place(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a", recorded_at=5), letter("b", recorded_at=5)])
    await commit(record.histories, dead_letters=[letter("a", recorded_at=9, place="crm.jsonl:8"), letter("a", recorded_at=9), letter("c")])
    first, second, third = await kept(record)
    assert (first.seen, first.first_at, first.last_at, first.place) == (3, 5, 9, "crm.jsonl:1")
    assert second.seen == third.seen == 1
    assert (await shown(record, third.number)).raw == b"\xff\0c"


async def test_codes_count_letters_and_how_often_they_were_seen(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a"), letter("a"), letter("b"), letter("c", code="no-time")])
    assert await record.dead_letters.codes() == {"no-time": (1, 1), "not-json": (2, 3)}


async def test_a_unit_of_dead_letters_alone_is_a_unit(record: Record) -> None:
    assert await commit(record.histories, dead_letters=[letter("a")]) == 1


async def test_a_conflict_lists_the_body_that_counts_and_the_others(record: Record) -> None:
    bodies = [sent("page_view", "user:1", when, id="v", url=url) for when, url in [(at(2), "/a"), (at(1), "/b"), (at(3), "/c")]]
    for body in bodies:
        await commit(record.histories, body, contested={name(body)})
    (conflict,) = await record.dead_letters.conflicts()
    assert conflict.name == name(bodies[0])
    assert conflict.counts.touch.occurred_at == at(1)
    assert sorted(one.touch.occurred_at for one in conflict.others) == [at(2), at(3)]


async def test_what_says_the_same_at_another_time_is_no_conflict(record: Record) -> None:
    first, again = sent("page_view", "user:1", at(2), id="v"), sent("page_view", "user:1", at(1), id="v")
    await commit(record.histories, first)
    await commit(record.histories, again, contested={name(again)})
    assert await record.dead_letters.conflicts() == []


async def test_a_retraction_that_takes_nothing_back_is_listed_until_its_target_comes(record: Record) -> None:
    view, other = sent("page_view", "user:1", at(1), id="v"), sent("page_view", "user:2", at(1), id="w")
    void = retraction(view, at(2))
    await commit(record.histories, void, voids={name(view)})
    # Of the same source and id, and of another subject: not what is named.
    await commit(record.histories, other, voids={("user:1", "urn:test", "w")})
    await commit(record.histories, retraction(void, at(3)), voids={name(void)})
    assert await record.dead_letters.idle_retractions() == [
        IdleRetraction(("user:1", "urn:test", "no-v"), is_retraction=True),
        IdleRetraction(("user:1", "urn:test", "v"), is_retraction=False),
        IdleRetraction(("user:1", "urn:test", "w"), is_retraction=False),
    ]
    await commit(record.histories, rows=[row(view, voided=True)])
    assert [one.target[2] for one in await record.dead_letters.idle_retractions()] == ["no-v", "w"]


async def commit_a_letter(name: str, folder: Path) -> None:
    async with RECORDS[name](folder) as record:
        await commit(record.histories, dead_letters=[letter("a")])
        await until_killed()


async def test_a_dead_letter_survives_a_crash(record_place: Place[Record]) -> None:
    await record_place.killed_in(commit_a_letter)
    async with record_place.open() as record:
        assert [one.raw for one in await letters(record)] == [b"\xff\0a"]


# --- what becomes of them

BY = By(30, "ann", "it was time")


def again(id: str, *, code: str = "no-time") -> DeadLetter:
    return letter(id, code=code, recorded_at=20)._replace(again=True, source="elsewhere", raw=b"what was sent")


async def shown(record: Record, number: int) -> Letter:
    one = await record.dead_letters.show(number)
    assert one is not None
    return one


async def decided(record: Record) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.action, one.actor, one.detail) for one in await record.control.decisions()]


async def test_a_letter_keeps_what_was_made_of_its_bytes(record: Record) -> None:
    made = letter("a")._replace(body=b"{}")
    await commit(record.histories, dead_letters=[made, letter("b")._replace(needs_fix=True)])
    first, second = await letters(record)
    assert (first.body, first.kept.needs_fix, first.kept.to_send) == (b"{}", False, 2)
    assert (second.body, second.kept.needs_fix, second.kept.to_send) == (None, True, 0)


async def test_a_fix_is_kept_beside_the_first_bytes_with_who_and_why(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a")])
    assert await record.dead_letters.fix(1, b"right", BY)
    assert await record.dead_letters.fix(1, b"righter", BY)
    one = await shown(record, 1)
    assert (one.kept.state, one.raw, one.fix) == (State.fixed, b"\xff\0a", b"righter")
    (action, actor, first), (_, _, second) = await decided(record)
    assert (action, actor, first["letter"]) == ("fix", "ann", 1)
    assert (first["before"]["state"], first["before"]["bytes"], first["after"]["state"], first["after"]["bytes"]) == ("open", 3, "fixed", 5)
    assert second["before"]["sha256"] == first["after"]["sha256"]


async def test_fixed_so_already_is_nothing_to_do(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a")])
    assert await record.dead_letters.fix(1, b"right", BY)
    assert not await record.dead_letters.fix(1, b"right", BY)
    assert len(await decided(record)) == 1


async def test_what_a_unit_brings_in_is_requeued_at_its_position_and_stays_so(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a"), letter("b")])
    await record.dead_letters.fix(1, b"right", BY)
    position = await commit(record.histories, requeued={"a": name(VIEWS[1])})
    await commit(record.histories, requeued={"a": name(VIEWS[1])}, dead_letters=[again("a")])
    await commit(record.histories, dead_letters=[letter("a", recorded_at=9)])
    first, second = await kept(record)
    assert (first.state, first.position, first.code) == (State.requeued, position, "not-json")
    assert (await shown(record, 1))[1:4] == (b"\xff\0a", None, b"right")
    assert first.seen == 2, "sent again is not seen again"
    assert (second.state, second.position) == (State.open, None)
    with pytest.raises(Refused, match="dead letter 1 is in since position 2"):
        await record.dead_letters.fix(1, b"other", BY)
    with pytest.raises(Refused, match="dead letter 1 is in since position 2"):
        await record.dead_letters.dismiss([2, 1], [], BY)
    assert (await shown(record, 2)).kept.state is State.open, "all or none"


async def test_what_is_still_unreadable_is_open_with_its_new_reason_and_its_first_bytes(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a", recorded_at=5)])
    await record.dead_letters.fix(1, b"right", BY)
    await commit(record.histories, dead_letters=[again("a")])
    ((one, raw, _, fix, *_),) = await letters(record)
    assert (one.state, one.code, one.reason, one.source) == (State.open, "no-time", "no-time: look again", "crm.jsonl")
    assert (one.seen, one.first_at, one.last_at, raw, fix) == (1, 5, 5, b"\xff\0a", b"right")


async def test_in_one_unit_what_is_in_wins(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a")])
    await commit(record.histories, dead_letters=[again("a"), letter("a")], requeued={"a": name(VIEWS[1])})
    (one,) = await kept(record)
    assert (one.state, one.seen) == (State.requeued, 2)


async def test_dismissed_it_stays_so_when_it_is_seen_again(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a"), letter("b")])
    assert await record.dead_letters.dismiss([1], [], BY) == 1
    assert await record.dead_letters.dismiss([1], [], BY) == 0
    await commit(record.histories, dead_letters=[letter("a")])
    await commit(record.histories, dead_letters=[again("a")])
    one = (await shown(record, 1)).kept
    assert (one.state, one.seen, one.code) == (State.dismissed, 2, "no-time")
    ((action, _, detail),) = await decided(record)
    assert (action, detail) == ("dismiss", {"letters": [1], "conflicts": [], "before": {"1": "open"}, "after": "dismissed"})


async def test_dismissed_and_then_fixed_it_is_fixed(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a")])
    await record.dead_letters.dismiss([1], [], BY)
    await record.dead_letters.fix(1, b"right", BY)
    assert (await shown(record, 1)).kept.state is State.fixed


async def test_letters_and_codes_of_some_states_can_be_asked_for(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a"), letter("b", code="no-time"), letter("c"), letter("d")])
    await record.dead_letters.fix(1, b"right", BY)
    await record.dead_letters.dismiss([4], [], BY)
    waiting = await record.dead_letters.kept(after=0, limit=9, states=[State.open, State.fixed])
    assert [one.number for one in waiting] == [1, 2, 3]
    assert [one.number for one in await record.dead_letters.kept(after=0, limit=9, states=[State.open], code="not-json")] == [3]
    assert await record.dead_letters.codes([State.open]) == {"no-time": (1, 1), "not-json": (1, 1)}
    assert await record.dead_letters.states() == {State.open: 2, State.fixed: 1, State.dismissed: 1}


async def test_what_is_not_there_is_refused(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a")])
    for doing, told in (
        (record.dead_letters.fix(2, b"right", BY), "no dead letter 2"),
        (record.dead_letters.dismiss([1, 2], [], BY), "no dead letter 2"),
        (record.dead_letters.dismiss([1], [7], BY), "no conflict c7"),
    ):
        with pytest.raises(Refused, match=told):
            await doing
    assert (await shown(record, 1)).kept.state is State.open
    assert await decided(record) == []


async def test_a_conflict_is_dismissed_by_its_number_until_another_body_comes(record: Record) -> None:
    bodies = [sent("page_view", "user:1", at(1), id=id, url=url) for id in ("v", "w") for url in ("/a", "/b", "/c")]
    for body in (*bodies[:2], *bodies[3:5]):
        await commit(record.histories, body, contested={name(body)} if b'"/b"' in body else set())
    first, second = sorted(await record.dead_letters.conflicts())
    assert first.number != second.number
    assert await record.dead_letters.dismiss([], [first.number], BY) == 1
    assert await record.dead_letters.dismiss([], [first.number], BY) == 0
    assert [one.dismissed for one in sorted(await record.dead_letters.conflicts())] == [True, False]
    await commit(record.histories, bodies[2], contested={name(bodies[2])})
    again, same = sorted(await record.dead_letters.conflicts())
    assert (again.number, again.dismissed, len(again.others)) == (first.number, False, 2)
    assert same == second


async def fix_a_letter(name: str, folder: Path) -> None:
    async with RECORDS[name](folder) as record:
        await commit(record.histories, dead_letters=[letter("a"), letter("b")])
        await record.dead_letters.fix(1, b"right", BY)
        await record.dead_letters.dismiss([2], [], BY)
        await until_killed()


async def test_what_was_decided_about_a_letter_survives_a_crash(record_place: Place[Record]) -> None:
    await record_place.killed_in(fix_a_letter)
    async with record_place.open() as record:
        assert [(one.kept.state, one.fix) for one in await letters(record)] == [(State.fixed, b"right"), (State.dismissed, None)]
        assert [action for action, _, _ in await decided(record)] == ["fix", "dismiss"]


# --- letters that close themselves

VIEWS = [sent("page_view", "user:1", at(1), id=id) for id in ("v", "w")]


def meant(id: str, *lines: bytes) -> DeadLetter:
    return letter(id)._replace(meant=tuple(map(name, lines)))


async def states(record: Record) -> list[tuple[State, int | None]]:
    return [(one.state, one.position) for one in await kept(record)]


async def test_a_letter_is_closed_by_the_unit_that_brings_what_it_was_meant_to_be(record: Record) -> None:
    await commit(record.histories, dead_letters=[meant("a", VIEWS[0]), meant("b", VIEWS[1]), letter("c")])
    assert await commit(record.histories, VIEWS[0]) == 2
    assert await states(record) == [(State.arrived, 2), (State.open, None), (State.open, None)]
    assert [action for action, _, _ in await decided(record)] == [], "nobody decided that"


async def test_a_letter_of_several_touchpoints_is_closed_by_the_last(record: Record) -> None:
    await commit(record.histories, dead_letters=[meant("a", *VIEWS)])
    await commit(record.histories, VIEWS[1])
    assert await states(record) == [(State.open, None)]
    await commit(record.histories, VIEWS[0])
    assert await states(record) == [(State.arrived, 3)]


async def test_a_letter_that_comes_after_its_touchpoint_or_with_it_is_closed_from_the_start(record: Record) -> None:
    await commit(record.histories, VIEWS[0])
    await commit(record.histories, VIEWS[1], dead_letters=[meant("a", VIEWS[0]), meant("b", *VIEWS)])
    await commit(record.histories, dead_letters=[meant("a", VIEWS[0])])
    assert await states(record) == [(State.arrived, 1), (State.arrived, 2)]
    assert [one.seen for one in await kept(record)] == [2, 1]


async def test_what_has_another_subject_source_or_id_closes_nothing(record: Record) -> None:
    subject, source, id = name(VIEWS[0])
    others = [("user:2", source, id), (subject, "urn:other", id), (subject, source, "other")]
    await commit(record.histories, dead_letters=[letter(other[0])._replace(id=str(other), meant=(other,)) for other in others])
    await commit(record.histories, VIEWS[0])
    assert {state for state, _ in await states(record)} == {State.open}


async def test_a_fixed_letter_is_closed_too_and_one_that_was_decided_about_stays(record: Record) -> None:
    await commit(record.histories, dead_letters=[meant(id, VIEWS[0]) for id in ("a", "b", "c")])
    await record.dead_letters.fix(1, b"right", BY)
    await record.dead_letters.dismiss([2], [], BY)
    await commit(record.histories, requeued={"c": name(VIEWS[1])})
    await commit(record.histories, VIEWS[0], dead_letters=[meant("b", VIEWS[0])])
    assert [state for state, _ in await states(record)] == [State.arrived, State.dismissed, State.requeued]


async def test_a_letter_closed_by_mistake_can_be_fixed_and_sent_again(record: Record) -> None:
    await commit(record.histories, VIEWS[0], dead_letters=[meant("a", VIEWS[0])])
    assert await record.dead_letters.fix(1, b"right", BY)
    await commit(record.histories, requeued={"a": name(VIEWS[1])})
    assert await states(record) == [(State.requeued, 2)]


async def test_what_a_letter_was_meant_to_be_may_be_found_out_later(record: Record) -> None:
    await commit(record.histories, VIEWS[0], dead_letters=[letter("a"), letter("b"), letter("c")])
    assert await record.dead_letters.expect(1, [name(VIEWS[0])])
    assert not await record.dead_letters.expect(2, [name(line) for line in VIEWS])
    await record.dead_letters.dismiss([3], [], BY)
    assert not await record.dead_letters.expect(3, [name(VIEWS[0])])
    await commit(record.histories, VIEWS[1])
    assert await states(record) == [(State.arrived, 1), (State.arrived, 2), (State.dismissed, None)]
