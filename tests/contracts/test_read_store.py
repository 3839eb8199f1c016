"""What a read store promises: units in their order, once each, whole; and a question sees one state."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from journey.money import AMOUNT_MINOR_MAX
from projections.canonical import digest
from projections.marketing import marketing
from projections.read_model import Gap, ReadStore
from streams.units import Change
from tests.contracts.places import STORES, Place, until_killed


def touched(person: str, n: int = 1) -> list[Any]:
    return ["touched", n, person, "2026-03-02", "Direct", ""]


def spent(amount_minor: int, n: int = 1, campaign: str = "spring") -> list[Any]:
    return ["spent", n, "2026-03-02", campaign, "Email", "marketing", "media", "google", "EUR", amount_minor]


async def stream(*changes: Change) -> AsyncIterator[Change]:
    for one in changes:
        yield one


async def apply(store: ReadStore, *changes: Change) -> int:
    return await store.apply(stream(*changes))


async def rows(store: ReadStore, table: str, columns: str) -> list[tuple[Any, ...]]:
    async with store.snapshot() as ask:
        return sorted(tuple(row) for row in await ask(f"SELECT {columns}, n FROM {table}"))


async def people(store: ReadStore) -> dict[str, int]:
    return dict(await rows(store, "touched", "person"))  # type: ignore[arg-type]


async def test_a_new_store_is_empty_and_stands_at_0(store: ReadStore) -> None:
    assert await store.position() == 0
    assert await people(store) == {}
    assert await apply(store) == 0


async def test_facts_add_up_in_rows(store: ReadStore) -> None:
    assert await apply(store, Change(1, [touched("user:1"), touched("user:2", 2)]), Change(2, [touched("user:1", 3)])) == 2
    assert await store.position() == 2
    assert await people(store) == {"user:1": 4, "user:2": 2}


async def test_sums_add_up_beside_the_count(store: ReadStore) -> None:
    await apply(store, Change(1, [spent(1000), spent(250, 2)]), Change(2, [spent(1000, -1)]))
    assert await rows(store, "spend", "amount_minor") == [(500, 2)]


HUGE = AMOUNT_MINOR_MAX


@pytest.mark.parametrize("seed", range(4))
async def test_a_sum_of_any_size_is_exact_and_nothing_is_left_of_what_is_taken_back(store: ReadStore, seed: int) -> None:
    """Sums go back and forth over ±2^53 and ±2^63, in units of one fact and of many, each with what the one before left."""
    chance = Random(seed)
    amounts = [chance.choice([1, -1]) * chance.choice([HUGE, 2**53, 10 ** chance.randrange(19) - 1]) for _ in range(40)]
    position, total, number = 0, 0, 0
    for amount in [*amounts, *[HUGE] * 25, *[-HUGE] * 50]:
        times = chance.choice([1, 1, 1, 30])
        position = await apply(store, Change(position + 1, [spent(amount, times)]))
        total, number = total + times * amount, number + times
        assert await spending(store) == [(total, number)]
        amounts.extend([amount] * times)
    del amounts[:40]
    chance.shuffle(amounts)
    for start in range(0, len(amounts), 50):
        position = await apply(store, Change(position + 1, [spent(amount, -1) for amount in amounts[start : start + 50]]))
    assert await rows(store, "spend", "amount_minor") == []


async def spending(store: ReadStore) -> list[tuple[int, int]]:
    return [(int(amount_minor), n) for amount_minor, n in await rows(store, "spend", "amount_minor")]


async def test_a_sum_beyond_64_bits_of_no_facts_stops_the_store(store: ReadStore) -> None:
    await apply(store, Change(1, [spent(HUGE, 20)]))
    with pytest.raises(AssertionError):
        await apply(store, Change(2, [spent(1, -20)]))
    assert await spending(store) == [(20 * HUGE, 20)]


async def test_equal_sums_of_any_size_are_one_content_however_they_came_about(store: ReadStore) -> None:
    digests = set()
    for position, facts in enumerate(([spent(HUGE, 10)], [spent(HUGE, 20), spent(HUGE, -10)], [spent(HUGE, 9), spent(HUGE)]), start=1):
        await apply(store, Change(position, facts, rebuilt=True))
        digests.add(await digested(store))
    assert digests == {digest_of_spend(10 * HUGE, 10)}, "the same in every store, and the number as text"
    async with store.shadow() as shadow:
        await shadow.add([spent(HUGE, 10)])
        assert (await shadow.switch(3)).tables == {}


def digest_of_spend(amount_minor: int, n: int) -> str:
    """That of a marketing model with one row of spend."""
    hashed = sha256()
    for name in sorted(table.name for table in marketing.tables):
        hashed.update(b'"%b"\n' % name.encode())
        if name == "spend":
            hashed.update(b'["2026-03-02","spring","Email","marketing","media","google","EUR","%d",%d]\n' % (amount_minor, n))
    return hashed.hexdigest()


async def test_a_row_that_comes_to_no_facts_is_gone(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1"), touched("user:2"), spent(1000)]))
    await apply(store, Change(2, [touched("user:1", -1), spent(1000, -1)]))
    assert await people(store) == {"user:2": 1}
    assert await rows(store, "spend", "amount_minor") == []


async def test_a_row_that_comes_and_goes_within_one_call_never_was(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1")]), Change(2, [touched("user:1", -1)]))
    assert await people(store) == {}


async def test_a_fact_restated_leaves_the_count_and_moves_the_sum(store: ReadStore) -> None:
    await apply(store, Change(1, [spent(1000)]))
    await apply(store, Change(2, [spent(1000, -1), spent(900)]))
    assert await rows(store, "spend", "amount_minor") == [(900, 1)]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([touched("user:1", -2)], id="fewer than no facts"),
        pytest.param([touched("user:9", -1)], id="taken back what was never there"),
        pytest.param([spent(1000, -1), spent(999, 1, "other"), spent(1, -1, "other")], id="a sum of no facts, of a row that is not there"),
        pytest.param([spent(1, -1)], id="a sum of no facts"),
    ],
)
async def test_a_row_that_would_hold_less_than_nothing_stops_the_store_where_it_stood(store: ReadStore, wrong: list[list[Any]]) -> None:
    await apply(store, Change(1, [touched("user:1"), spent(1000)]))
    with pytest.raises(AssertionError):
        await apply(store, Change(2, [touched("user:2"), *wrong]))
    assert await store.position() == 1
    assert await people(store) == {"user:1": 1}
    assert await rows(store, "spend", "amount_minor") == [(1000, 1)]


async def test_units_that_it_has_are_ignored(store: ReadStore) -> None:
    first, second = Change(1, [touched("user:1")]), Change(2, [touched("user:2")])
    assert await apply(store, first, second) == 2
    assert await apply(store, first, second, Change(3, [touched("user:3")])) == 3
    assert await people(store) == {"user:1": 1, "user:2": 1, "user:3": 1}


async def test_a_unit_that_comes_twice_in_one_call_counts_once(store: ReadStore) -> None:
    first, second = Change(1, [touched("user:1")]), Change(2, [touched("user:2")])
    assert await apply(store, first, first, second, first, second) == 2
    assert await people(store) == {"user:1": 1, "user:2": 1}


async def test_a_gap_raises_and_nothing_beyond_it_is_applied(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1")]))
    with pytest.raises(Gap):
        await apply(store, Change(3, [touched("user:3")]))
    with pytest.raises(Gap):
        await apply(store, Change(2, [touched("user:2")]), Change(4, [touched("user:4")]))
    assert await store.position() in (1, 2)
    assert "user:3" not in await people(store)
    assert "user:4" not in await people(store)
    assert len(await people(store)) == await store.position()


async def test_a_new_store_that_is_given_no_first_unit_raises(store: ReadStore) -> None:
    with pytest.raises(Gap):
        await apply(store, Change(2, []))


async def test_a_unit_in_parts_is_applied_whole(store: ReadStore) -> None:
    parts = [Change(1, [touched("user:1", -1)], last=False), Change(1, [touched("user:1")], last=False), Change(1, [touched("user:2")])]
    assert await apply(store, *parts, Change(2, [touched("user:3")])) == 2
    assert await people(store) == {"user:2": 1, "user:3": 1}


async def test_a_unit_without_its_last_part_is_not_applied(store: ReadStore) -> None:
    with pytest.raises(Gap):
        await apply(store, Change(1, [touched("user:1")]), Change(2, [touched("user:2")], last=False))
    assert await store.position() in (0, 1)
    assert await people(store) == ({"user:1": 1} if await store.position() else {})


async def test_changes_that_break_off_leave_a_whole_state(store: ReadStore) -> None:
    async def breaking() -> AsyncIterator[Change]:
        yield Change(1, [touched("user:1")])
        yield Change(2, [touched("user:2")], last=False)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store.apply(breaking())
    assert len(await people(store)) == await store.position() < 2
    assert await apply(store, Change(1, [touched("user:1")]), Change(2, [touched("user:2")])) == 2
    assert await people(store) == {"user:1": 1, "user:2": 1}


async def test_a_rebuild_replaces_all_that_was_before_it(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1"), spent(1000)]))
    rebuild = [Change(3, [touched("user:3")], rebuilt=True, last=False), Change(3, [touched("user:4")], rebuilt=True)]
    await apply(store, Change(2, [touched("user:2")]), *rebuild, Change(4, [touched("user:3")]))
    assert await people(store) == {"user:3": 2, "user:4": 1}
    assert await rows(store, "spend", "amount_minor") == []
    assert await store.position() == 4


async def test_two_rebuilds_in_one_call_leave_the_last(store: ReadStore) -> None:
    await apply(
        store, Change(1, [touched("user:1")], rebuilt=True), Change(2, [touched("user:1", 2)]), Change(3, [touched("user:3")], rebuilt=True)
    )
    assert await people(store) == {"user:3": 1}


async def test_a_rebuild_in_a_later_call_replaces_too(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1")]))
    await apply(store, Change(2, [touched("user:2")], rebuilt=True))
    assert await people(store) == {"user:2": 1}


async def test_many_units_in_one_call_add_up_like_one_by_one(store_place: Place[ReadStore], tmp_path: Path) -> None:
    changes = [Change(number, [touched(f"user:{number % 7}"), spent(number)]) for number in range(1, 131)]
    async with store_place.open() as store:
        assert await apply(store, *changes) == 130
        total = Counter(fact[2] for change in changes for fact in change.facts if fact[0] == "touched")
        assert await people(store) == total
        assert await rows(store, "spend", "amount_minor") == [(sum(range(131)), 130)]


async def test_rows_and_position_are_there_when_it_is_opened_again(store_place: Place[ReadStore]) -> None:
    async with store_place.open() as store:
        await apply(store, Change(1, [touched("user:1")]))
    async with store_place.open() as store:
        assert (await store.position(), await people(store)) == (1, {"user:1": 1})
        await apply(store, Change(2, [touched("user:1")]))
        assert await people(store) == {"user:1": 2}


async def be_killed_in_a_unit(name: str, folder: Path) -> None:
    async with STORES[name](folder) as store:
        await apply(store, Change(1, [touched("user:1")]))

        async def hanging() -> AsyncIterator[Change]:
            yield Change(2, [touched("user:2")])
            yield Change(3, [touched("user:3")], last=False)
            await until_killed()

        await store.apply(hanging())


async def test_killed_in_the_middle_it_stands_at_a_position_that_its_rows_reflect(store_place: Place[ReadStore]) -> None:
    await store_place.killed_in(be_killed_in_a_unit)
    async with store_place.open() as store:
        position = await store.position()
        assert len(await people(store)) == position
        assert position in (0, 1, 2), "what is lost is applied again: the record has it"
        await apply(store, *(Change(number, [touched(f"user:{number}")]) for number in (1, 2, 3)))
        assert await people(store) == {"user:1": 1, "user:2": 1, "user:3": 1}


async def test_a_question_sees_one_state_while_units_are_applied(store_place: Place[ReadStore], reader_place: Place[ReadStore]) -> None:
    async with store_place.open() as store, reader_place.open() as reader:
        await apply(store, Change(1, [touched("user:1")]))
        async with reader.snapshot() as ask:
            before = await ask("SELECT position FROM reflects")
            await apply(store, Change(2, [touched("user:2")]))
            assert await ask("SELECT position FROM reflects") == before == [(1,)]
            assert await ask("SELECT person FROM touched") == [("user:1",)]
        assert await people(reader) == {"user:1": 1, "user:2": 1}
        assert await reader.position() == 2


async def test_several_may_ask_at_once_each_of_its_own_state(store: ReadStore) -> None:
    async with AsyncExitStack() as stack:
        asked = []
        for number in (1, 2, 3):
            await apply(store, Change(number, [touched(f"user:{number}")]))
            ask = await stack.enter_async_context(store.snapshot())
            assert await ask("SELECT position FROM reflects") == [(number,)]
            asked.append(ask)
        answers = await asyncio.gather(*(ask("SELECT COUNT(*) FROM touched") for ask in asked))
        assert answers == [[(1,)], [(2,)], [(3,)]]


async def test_values_are_passed_beside_the_question(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:'1")]))
    async with store.snapshot() as ask:
        assert await ask("SELECT n FROM touched WHERE person = ? AND day <= ?", "user:'1", "2026-03-02") == [(1,)]


async def test_equal_rows_have_equal_digests_whatever_came_before_them(store_place: Place[ReadStore], tmp_path: Path) -> None:
    straight = Place(store_place.name, tmp_path / "straight", store_place.opener)
    straight.folder.mkdir()
    async with store_place.open() as store, straight.open() as other:
        empty = await digested(store)
        await apply(store, Change(1, [touched("user:1")]), Change(2, [touched("user:2")]), Change(3, [touched("user:1", -1), spent(3)]))
        await apply(other, Change(1, [spent(3), touched("user:2")]))
        assert await digested(store) == await digested(other) != empty


async def digested(store: ReadStore) -> str:
    async with store.snapshot() as ask:
        return await digest(store.model, ask)
