"""What the record of histories promises: a unit whole or not at all, positions without gaps, and every read sees the last commit."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from journey.histories import Stored
from streams.operators import By, Decided, Decision
from streams.ports import Histories, OutOfStep, Raced, Regenerated
from streams.sqlite.record import SqliteRecord
from streams.units import Change, DerivedPart, Generation, StoredBodies
from tests.contracts.places import RECORDS, Place, Record, until_killed
from tests.contracts.units import commit, name, row, unit
from tests.streams.builders import LATER, at, link, retraction, sent

BY = Generation("a definition", 1)
OTHERWISE = Generation("another definition", 1)
FACT = ["touched", 1, "user:1", "2026-03-02", "Direct", ""]
OTHER = ["touched", -1, "user:2", "2026-03-02", "Direct", ""]


def view(subject: str = "user:1", when: int = at(0), **data: Any) -> bytes:
    return sent("page_view", subject, when, **data)


def ids(stored: Iterable[Stored]) -> list[str]:
    return sorted(one.touch.id for one in stored)


async def changes(histories: Histories, after: int = 0) -> list[Change]:
    return [change async for change in histories.changes(after)]


async def parts(*made: DerivedPart) -> AsyncIterator[DerivedPart]:
    for one in made:
        yield one


# --- positions and offsets


async def test_an_empty_record_stands_at_0_and_knows_nothing(histories: Histories) -> None:
    assert await histories.position() == 0
    assert await histories.offsets() == {}
    assert await histories.generation() is None
    assert await changes(histories) == []
    assert await histories.subjects("", 10) == []
    assert (await histories.bodies(["user:1"])).get("user:1", []) == []
    assert await histories.known([("user:1", "s", "1")]) == {}
    assert await histories.people(["user:1"]) == {}


async def test_positions_count_the_commits_without_a_gap(histories: Histories) -> None:
    for number in range(1, 5):
        assert await commit(histories) == number
        assert await histories.position() == number


async def test_a_unit_that_was_refused_takes_no_position(histories: Histories) -> None:
    await commit(histories)
    late = await unit(histories, view())
    await commit(histories)
    with pytest.raises(OutOfStep):
        await histories.commit(late)
    assert await commit(histories) == 3


async def test_offsets_are_those_that_the_last_unit_of_each_partition_reached(histories: Histories) -> None:
    one = await unit(histories)
    one.after, one.reached = {0: -1, 2: -1}, {0: 4, 2: 9}
    await histories.commit(one)
    two = await unit(histories)
    two.after, two.reached = {2: 9}, {2: 11}
    await histories.commit(two)
    assert await histories.offsets() == {0: 4, 2: 11}


@pytest.mark.parametrize("after", [{0: -1}, {0: 3}, {0: 5, 1: 7}])
async def test_a_unit_that_starts_elsewhere_is_out_of_step_and_stores_nothing(histories: Histories, after: dict[int, int]) -> None:
    first = await unit(histories, facts=[FACT])
    first.reached = {0: 5}
    await histories.commit(first)
    stray = await unit(
        histories, view(), facts=[OTHER], persons={"user:1": "user:1"}, journeys={"user:1": b"{}"}, takes_part={("user:1", "deal:1")}
    )
    stray.after, stray.reached = after, dict.fromkeys(after, 9)
    with pytest.raises(OutOfStep):
        await histories.commit(stray)
    assert await histories.position() == 1
    assert await histories.offsets() == {0: 5}
    assert await changes(histories) == [Change(1, [FACT])]
    assert (await histories.bodies(["user:1"])).get("user:1", []) == []
    assert await histories.people(["user:1"]) == {}
    assert await histories.journeys(["user:1"]) == {}
    assert await histories.deals_of(["user:1"]) == set()


async def test_a_unit_that_fails_half_way_stores_nothing(histories: Histories) -> None:
    broken = await unit(histories, view(), persons={"user:1": "user:1"}, journeys={"user:1": b"{}"}, facts=[[object()]])
    with pytest.raises(Exception):  # noqa: B017  # what is raised is the implementation's own
        await histories.commit(broken)
    assert await histories.position() == 0
    assert await histories.offsets() == {}
    assert (await histories.bodies(["user:1"])).get("user:1", []) == []
    assert await histories.people(["user:1"]) == {}
    assert await commit(histories, view()) == 1


async def test_a_unit_worked_out_from_what_changed_since_is_raced_and_stores_nothing(histories: Histories) -> None:
    """Where there is but one writer, nothing can be raced: versions only tell what is stored from what is not."""
    assert await histories.versions(["user:1"]) == {}
    await commit(histories, view(), versions={"user:1": 0}, touched={"user:1"})
    assert await histories.versions(["user:1", "user:2"]) == {"user:1": 1}
    if isinstance(histories, SqliteRecord):
        return
    raced = await unit(histories, view(when=at(1)), versions={"user:1": 0}, touched={"user:1"})
    with pytest.raises(Raced):
        await histories.commit(raced)
    assert await histories.position() == 1
    assert ids((await histories.bodies(["user:1"]))["user:1"]) == ids([row_stored(view())])


def row_stored(line: bytes) -> Stored:
    made = row(line)
    return Stored(made.touch, made.body)


# --- touchpoints


async def test_a_touchpoint_is_stored_under_each_key_that_it_names(histories: Histories) -> None:
    call, tie = sent("call", "user:1", at(0), deal="1"), link("anon:a", "user:1", at(1))
    await commit(histories, call, tie)
    found = await histories.bodies(["user:1", "deal:1", "anon:a", "user:9"])
    assert ids(found["user:1"]) == ids([row_stored(call), row_stored(tie)])
    assert found["deal:1"] == [row_stored(call)]
    assert found["anon:a"] == [row_stored(tie)]
    assert found.get("user:9", []) == []


async def test_bodies_come_as_they_were_stored(histories: Histories) -> None:
    profile = sent("profile_updated", "user:1", at(0, 1) + 1, id="ü \U0001f600", country=None, job_title="Ж")
    await commit(histories, profile)
    (stored,) = (await histories.bodies(["user:1"]))["user:1"]
    assert stored == row_stored(profile)
    assert stored.touch.named >= {"country", "job_title"}


async def test_a_body_at_an_earlier_time_is_kept_beside_the_first(histories: Histories) -> None:
    first, earlier = view(when=at(1), id="v"), view(when=at(0), id="v")
    await commit(histories, first)
    await commit(histories, earlier)
    assert sorted(one.touch.occurred_at for one in (await histories.bodies(["user:1"]))["user:1"]) == [at(0), at(1)]
    assert sorted(one.occurred_at for one in (await histories.known([name(first)]))[name(first)]) == [at(0), at(1)]


async def test_many_keys_may_be_asked_for_at_once(histories: Histories) -> None:
    lines = [view(f"user:{number}") for number in range(1200)]
    await commit(histories, *lines, persons={f"user:{number}": f"user:{number}" for number in range(1200)})
    asked = [f"user:{number}" for number in range(1300)]
    assert sum(len(found) for found in (await histories.bodies(asked)).values()) == 1200
    assert len(await histories.known([name(line) for line in lines])) == 1200
    assert len(await histories.people(asked)) == 1200


async def test_what_is_known_under_a_name_is_its_bodies(histories: Histories) -> None:
    first, other = view(id="v"), view(id="v", url="/other")
    await commit(histories, first)
    await commit(histories, other)
    found = await histories.known([name(first), ("user:2", "urn:test", "v"), ("user:1", "urn:other", "v")])
    assert found.keys() == {name(first)}
    assert {one.digest for one in found[name(first)]} == {row(first).digest, row(other).digest}


async def test_what_stands_under_a_name_is_read_without_the_rest_of_the_history(histories: Histories) -> None:
    first, other, rest = view(id="v"), view(id="v", url="/other"), view(id="w")
    await commit(histories, first, rest)
    await commit(histories, other)
    await commit(histories, retraction(first, at(1), id="r"), voids={name(first)})
    for known_at, bodies, are_void in (
        (1, {first}, False),
        (2, {first, other}, False),
        (3, {first, other}, True),
        (None, {first, other}, True),
    ):
        found = await histories.named([name(first), ("user:2", "urn:test", "v"), ("user:1", "urn:other", "v")], known_at)
        assert found.keys() == {name(first)}
        assert {(one.body, one.voided) for one in found[name(first)]} == {(row(body).body, are_void) for body in bodies}


async def test_what_a_retraction_names_is_void_under_every_key_once_it_is_there(histories: Histories) -> None:
    call, other = sent("call", "user:1", at(0), id="c", deal="1"), sent("call", "user:1", at(0), id="d", deal="1")
    await commit(histories, call, other)
    await commit(histories, retraction(call, at(1), id="r"), voids={name(call)})
    found = await histories.bodies(["user:1", "deal:1"])
    for key in ("user:1", "deal:1"):
        assert [one.touch.id for one in found[key] if one.voided] == ["c"], key


async def test_rivals_under_one_name_are_stored_and_voided_under_the_keys_of_both(histories: Histories) -> None:
    first, rival = sent("call", "user:1", at(1), id="c", deal="1"), sent("call", "user:1", at(0), id="c", deal="2")
    keys = ("deal:1", "deal:2", "user:1")
    await commit(histories, first)
    await commit(histories, rows=[row(rival)._replace(keys=keys), row(first)._replace(keys=("deal:2",), again=True)])
    for key, bodies in (await histories.bodies(keys)).items():
        assert [one.touch.occurred_at for one in bodies if not one.voided] in ([at(0), at(1)], [at(1), at(0)]), key
    await commit(histories, retraction(first, at(2), id="r"), voids={name(first)})
    for key, bodies in (await histories.bodies(keys)).items():
        assert [one.touch.id for one in bodies if one.voided] == ["c", "c"], key


async def test_a_retraction_is_not_voided(histories: Histories) -> None:
    first = retraction(view(id="v"), at(1), id="r")
    await commit(histories, first, voids={name(view(id="v"))})
    await commit(histories, retraction(first, at(2), id="rr"), voids={name(first)})
    assert [one for one in (await histories.bodies(["user:1"]))["user:1"] if one.voided] == []


async def test_names_are_void_whether_or_not_they_are_there(histories: Histories) -> None:
    stored, absent, other = name(view(id="v")), ("user:1", "urn:test", "later"), ("user:1", "urn:test", "other")
    await commit(histories, view(id="v"))
    assert await histories.voided([stored, absent, other]) == set()
    await commit(histories, voids={stored, absent})
    assert await histories.voided([stored, absent, other]) == {stored, absent}


async def test_a_body_that_comes_after_its_retraction_is_stored_void(histories: Histories) -> None:
    await commit(histories, voids={name(view(id="v"))})
    await commit(histories, rows=[row(view(id="v"), voided=True)])
    assert [one.voided for one in (await histories.bodies(["user:1"]))["user:1"]] == [True]


async def test_who_is_named_in_which_deal(histories: Histories) -> None:
    await commit(histories, takes_part={("user:1", "deal:1"), ("user:2", "deal:1"), ("user:1", "deal:2")})
    await commit(histories, takes_part={("user:1", "deal:1"), ("user:3", "deal:3")})
    assert await histories.deals_of(["user:1"]) == {"deal:1", "deal:2"}
    assert await histories.deals_of(["user:2", "user:3", "user:9"]) == {"deal:1", "deal:3"}


async def test_subjects_come_in_pages_in_the_order_of_their_bytes(histories: Histories) -> None:
    keys = ["anon:a", "anon:b", "deal:1", "user:Z", "user:a", "user:ab", "user:\u00e4", "user:\ufb01", "user:\U0001f600"]
    await commit(histories, *(view(key) for key in keys if key != "deal:1" and key != "user:ab"), sent("close", "deal:1", at(0)))
    # One that only a deal names has no touchpoint, and is a person all the same.
    await commit(histories, persons={"user:ab": "user:ab"})
    for limit in (1, 2, 100):
        got: list[str] = []
        while more := await histories.subjects(got[-1] if got else "", limit):
            assert len(more) <= limit
            got += more
        assert got == sorted(keys, key=str.encode)


# --- persons and journeys


async def test_a_person_is_all_ids_of_it(histories: Histories) -> None:
    await commit(histories, persons={"anon:a": "user:1", "user:1": "user:1", "user:2": "user:2"})
    found = await histories.people(["anon:a", "user:2", "user:9"])
    assert found["anon:a"].name == "user:1"
    assert found["anon:a"].ids == ("anon:a", "user:1")
    assert found["user:2"].ids == ("user:2",)
    assert "user:9" not in found


async def test_persons_change_with_the_unit_that_says_so(histories: Histories) -> None:
    await commit(histories, persons={"anon:a": "user:1", "user:1": "user:1"})
    await commit(histories, persons={"anon:a": "anon:a"})
    found = await histories.people(["anon:a", "user:1"])
    assert found["anon:a"].ids == ("anon:a",)
    assert found["user:1"].ids == ("user:1",)


async def test_journeys_are_kept_as_they_were_last_committed(histories: Histories) -> None:
    await commit(histories, journeys={"user:1": b'{"a":1}', "deal:1": b"{}"})
    await commit(histories, journeys={"user:1": b'{"a":2}'})
    assert await histories.journeys(["user:1", "deal:1", "user:9"]) == {"user:1": b'{"a":2}', "deal:1": b"{}"}


async def test_a_journey_that_is_gone_is_not_kept(histories: Histories) -> None:
    await commit(histories, journeys={"user:1": b"{}", "user:2": b"{}"})
    await commit(histories, gone={"user:1", "user:9"})
    assert await histories.journeys(["user:1", "user:2"]) == {"user:2": b"{}"}


async def test_what_joins_an_account_in_a_deal_stands_and_falls_under_all_three(histories: Histories) -> None:
    joined = sent("account_joined", "user:1", at(0), account="acme", deal="1")
    await commit(histories, joined)
    under = ["user:1", "deal:1", "account:acme"]
    for key in under:
        assert ids((await histories.bodies(under))[key]) == [f"account_joined-{at(0)}"]
    await commit(histories, retraction(joined, at(1)), voids={name(joined)})
    found = await histories.bodies(under)
    assert [one.voided for key in under for one in found[key] if one.touch.type == "account_joined"] == [True] * 3


# --- changes


async def test_changes_come_in_order_from_any_position_and_none_is_skipped(histories: Histories) -> None:
    facts: list[list[Any]] = [[FACT], [], [OTHER, FACT], [FACT]]
    for one in facts:
        await commit(histories, facts=one)
    for after in range(5):
        got = await changes(histories, after)
        assert [change.position for change in got] == list(range(after + 1, 5))
        assert [change.facts for change in got] == facts[after:]
        assert all(change.last and not change.rebuilt for change in got)


async def test_facts_come_as_they_were_committed(histories: Histories) -> None:
    fact = ["stage_entered", 1, "user:\u00fc", "decision", 2**53, 0, "", 'a "rule"', [["s", "1", "user:1"]]]
    await commit(histories, facts=[fact])
    assert (await changes(histories))[0].facts == [fact]


@pytest.mark.parametrize("kinds", [(), ("touched",), ("described",), ("touched", "described", "spent"), ("spent",)], ids=", ".join)
async def test_of_the_facts_those_of_some_kinds_come_as_if_they_had_been_picked_from_all(
    histories: Histories, kinds: tuple[str, ...]
) -> None:
    described = ["described", 1, "content:1", "a\tb", 0, 0, "two\nlines\r"]
    for facts in ([FACT, described, OTHER], [], [described], [FACT]):
        await commit(histories, facts=facts)
    await histories.rebuild(parts(DerivedPart([described, FACT], {}, {}), DerivedPart([OTHER], {}, {})), BY, LATER)
    await commit(histories, facts=[OTHER, described])
    for after in range(6):
        picked = [one._replace(facts=[fact for fact in one.facts if fact[0] in kinds]) for one in await changes(histories, after)]
        assert [one async for one in histories.changes(after, kinds)] == picked


# --- rebuilding


async def test_a_rebuild_is_a_unit_that_makes_void_what_was_before_it(histories: Histories) -> None:
    await commit(histories, view(), facts=[FACT])
    position = await histories.rebuild(parts(DerivedPart([OTHER], {}, {}), DerivedPart([FACT], {}, {})), BY, LATER)
    await commit(histories, facts=[FACT])
    assert position == 2
    told = await changes(histories, 1)
    assert sorted({change.position for change in told}) == [2, 3]
    assert [fact for change in told for fact in change.facts] == [OTHER, FACT, FACT]
    assert [change.rebuilt for change in told] == [True] * (len(told) - 1) + [False]
    assert [change.last for change in told][-2:] == [True, True]
    assert not any(change.last for change in told[:-2])


async def test_a_rebuild_replaces_journeys_and_persons_and_leaves_touchpoints(histories: Histories) -> None:
    await commit(histories, view(), persons={"user:1": "user:1", "anon:a": "user:1"}, journeys={"user:1": b"{}", "user:2": b"{}"})
    offsets = await histories.offsets()
    await histories.rebuild(parts(DerivedPart([], {"user:1": b'{"new":1}'}, {"user:1": "user:1", "anon:a": "anon:a"})), BY, LATER)
    assert await histories.journeys(["user:1", "user:2"]) == {"user:1": b'{"new":1}'}
    assert (await histories.people(["user:1"]))["user:1"].ids == ("user:1",)
    assert len((await histories.bodies(["user:1"]))["user:1"]) == 1
    assert await histories.offsets() == offsets


async def test_a_rebuild_of_nothing_is_a_unit_too(histories: Histories) -> None:
    assert await histories.rebuild(parts(), BY, LATER) == 1
    (change,) = await changes(histories)
    assert change == Change(1, [], rebuilt=True, last=True)
    assert await histories.generation() == BY


async def test_a_rebuild_that_breaks_off_leaves_everything_as_it_was(histories: Histories) -> None:
    await commit(histories, facts=[FACT], journeys={"user:1": b"{}"})

    async def breaking() -> AsyncIterator[DerivedPart]:
        yield DerivedPart([OTHER], {"user:1": b'{"new":1}'}, {"user:1": "user:1"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await histories.rebuild(breaking(), BY, LATER)
    assert await histories.position() == 1
    assert await histories.generation() is None
    assert await histories.journeys(["user:1"]) == {"user:1": b"{}"}
    assert await changes(histories) == [Change(1, [FACT])]
    assert await commit(histories) == 2


async def test_parts_of_a_rebuild_are_made_from_what_the_record_holds(histories: Histories) -> None:
    """They are asked for one by one, and read the record while it is being rebuilt."""
    await commit(histories, view())

    async def reading() -> AsyncIterator[DerivedPart]:
        after = ""
        while keys := await histories.subjects(after, 1):
            after = keys[-1]
            assert len((await histories.bodies(keys))[keys[0]]) == 1
            yield DerivedPart([FACT], {keys[0]: b"{}"}, {keys[0]: keys[0]})

    await histories.rebuild(reading(), BY, LATER)
    assert [fact for change in await changes(histories, 1) for fact in change.facts] == [FACT]


async def test_what_a_rebuild_is_given_last_comes_after_all_else(histories: Histories) -> None:
    last = DerivedPart([OTHER], {"user:1": b'{"last":1}'}, {"anon:a": "anon:a"}, ["user:2"])
    first = DerivedPart([FACT], {"user:1": b"{}", "user:2": b"{}"}, {"anon:a": "user:1"})
    await histories.rebuild(parts(first), BY, LATER, lambda: parts(last))
    assert [fact for change in await changes(histories) for fact in change.facts] == [FACT, OTHER]
    assert await histories.journeys(["user:1", "user:2"]) == {"user:1": b'{"last":1}'}
    assert list(await histories.people(["anon:a"])) == ["anon:a"]


async def test_decisions_are_recorded_with_the_rebuild_that_they_are_about(record: Record) -> None:
    decided = Decided(By(LATER, "ann", "because"), "definition", {"fingerprint": "abc"})
    await record.histories.rebuild(parts(), BY, LATER, decisions=[decided])
    (decision,) = await record.control.decisions()
    assert decision == Decision(1, LATER, "ann", "definition", "because", {"fingerprint": "abc"})

    async def breaking() -> AsyncIterator[DerivedPart]:
        yield DerivedPart([OTHER], {}, {})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await record.histories.rebuild(parts(), BY, LATER, breaking, [decided])
    assert len(await record.control.decisions()) == 1


async def test_a_unit_that_was_worked_out_by_something_else_is_refused(histories: Histories) -> None:
    await commit(histories, by=OTHERWISE)
    await histories.rebuild(parts(), BY, LATER)
    with pytest.raises(Regenerated):
        await commit(histories, by=OTHERWISE)
    assert await histories.position() == 2
    await commit(histories, by=BY)
    assert await commit(histories) == 4, "it does not say by what: nothing is derived in it"


async def test_what_units_brought_is_found_by_their_positions(histories: Histories) -> None:
    first, second, third = view(), sent("call", "user:1", at(1), deal="7"), view("user:2")
    await commit(histories, first)
    await commit(histories, second, takes_part={("user:1", "deal:7")})
    await commit(histories, third, voids={name(first)})
    assert await histories.brought(3, 3) == StoredBodies([], set())
    found = await histories.brought(1, 2)
    assert [(one.touch.id, sorted(one.keys), one.voided) for one in found.rows] == [(name(second)[2], ["deal:7", "user:1"], False)]
    assert not found.voids
    assert [one.touch.subject for one in (await histories.brought(2, 3)).rows] == ["user:2"]
    assert (await histories.brought(2, 3)).voids == {name(first)}
    assert [one.voided for one in (await histories.brought(0, 1)).rows] == [False], "it was voided later"
    assert sorted(one.voided for one in (await histories.brought(0, 3)).rows) == [False, False, True]


# --- crashes


async def test_what_was_committed_is_there_when_the_record_is_opened_again(record_place: Place[Record]) -> None:
    async with record_place.open() as record:
        await commit_one_unit(record.histories)
    async with record_place.open() as record:
        await holds_one_unit(record.histories)
        assert await commit(record.histories) == 2


async def commit_once(name: str, folder: Path) -> None:
    async with RECORDS[name](folder) as record:
        await commit_one_unit(record.histories)
        await until_killed()


async def test_what_was_committed_survives_a_crash(record_place: Place[Record]) -> None:
    await record_place.killed_in(commit_once)
    async with record_place.open() as record:
        await holds_one_unit(record.histories)


async def begin_a_rebuild(name: str, folder: Path) -> None:
    async with RECORDS[name](folder) as record:
        await commit_one_unit(record.histories)

        async def hanging() -> AsyncIterator[DerivedPart]:
            yield DerivedPart([OTHER], {"user:1": b'{"new":1}'}, {"user:1": "user:2"})
            await until_killed()

        await record.histories.rebuild(hanging(), BY, LATER)


async def test_a_rebuild_that_was_killed_never_was(record_place: Place[Record]) -> None:
    await record_place.killed_in(begin_a_rebuild)
    async with record_place.open() as record:
        await holds_one_unit(record.histories)


async def commit_one_unit(histories: Histories) -> None:
    await commit(histories, view(), facts=[FACT], persons={"user:1": "user:1"}, journeys={"user:1": b"{}"})


async def holds_one_unit(histories: Histories) -> None:
    assert await histories.position() == 1
    assert await histories.offsets() == {0: 0}
    assert ids((await histories.bodies(["user:1"]))["user:1"]) == ids([row_stored(view())])
    assert (await histories.people(["user:1"]))["user:1"].name == "user:1"
    assert await histories.journeys(["user:1"]) == {"user:1": b"{}"}
    assert await changes(histories) == [Change(1, [FACT])]


async def test_people_are_found_by_what_they_are_called(histories: Histories) -> None:
    named = sent("profile_updated", "user:1", at(0), traits={"first_name": "Ann", "last_name": "Öhm"})
    other = sent("profile_updated", "anon:ANNA", at(0), traits={"plan": "ann"})
    persons = {id: id for id in ("user:1", "anon:ANNA", "user:zoe")}
    await commit(histories, named, other, view("user:zoe"), persons=persons)
    assert await histories.called("ann", 10) == {"anon:ANNA": "anon:ANNA", "user:1": "Ann Öhm"}
    assert await histories.called("öHM an", 10) == {"user:1": "Ann Öhm"}
    assert len(await histories.called("ann", 1)) == 1
