"""What dead letters promise: bytes that could not be read are kept, counted and listed, and so are rivals under one id."""

from pathlib import Path

from streams.ports import DeadLetter, IdleRetraction, Kept
from tests.contracts.places import RECORDS, Place, Record, until_killed
from tests.contracts.units import commit, name, row
from tests.streams.builders import at, retraction, sent


def letter(id: str, *, code: str = "not-json", recorded_at: int = 1, place: str = "crm.jsonl:1") -> DeadLetter:
    return DeadLetter(id, code, f"{code}: look again", "crm.jsonl", place, b"\xff\0" + id.encode(), recorded_at)


async def kept(record: Record, *, after: int = 0, limit: int = 100) -> list[Kept]:
    return list(await record.dead_letters.kept(after=after, limit=limit))


async def test_without_any_there_is_nothing_to_show(record: Record) -> None:
    assert await kept(record) == []
    assert await record.dead_letters.show(1) is None
    assert await record.dead_letters.codes() == {}
    assert await record.dead_letters.conflicts() == []


async def test_a_dead_letter_is_kept_as_bytes_with_the_reason(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a", recorded_at=7)])
    (one,) = await kept(record)
    assert one[1:] == ("not-json", "not-json: look again", "crm.jsonl", "crm.jsonl:1", b"\xff\0a", 1, 7, 7)
    assert await record.dead_letters.show(one.number) == one


async def test_dead_letters_are_listed_in_pages_in_the_order_they_came(record: Record) -> None:
    for unit in (["a", "b"], ["c"], ["d", "e", "f"]):
        await commit(record.histories, dead_letters=[letter(id) for id in unit])
    got: list[Kept] = []
    while more := await kept(record, after=got[-1].number if got else 0, limit=2):
        got += more
    assert [one.raw[2:] for one in got] == [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert [one.number for one in got] == sorted({one.number for one in got})


async def test_what_is_seen_again_counts_again_at_its_number_and_first_place(record: Record) -> None:
    await commit(record.histories, dead_letters=[letter("a", recorded_at=5), letter("b", recorded_at=5)])
    await commit(record.histories, dead_letters=[letter("a", recorded_at=9, place="crm.jsonl:8"), letter("a", recorded_at=9), letter("c")])
    first, second, third = await kept(record)
    assert (first.seen, first.first_at, first.last_at, first.place) == (3, 5, 9, "crm.jsonl:1")
    assert second.seen == third.seen == 1
    assert third.raw == b"\xff\0c"


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
        assert [one.raw for one in await kept(record)] == [b"\xff\0a"]
