"""What a read model that is built beside the live one promises: unseen until it is switched to, and then the live one's rows."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journey.errors import Away
from projections.read_model import Differs, ReadStore, Superseded
from streams.ports import Pruned
from streams.units import Change
from tests.contracts.places import STORES, Place, until_killed
from tests.contracts.test_read_store import apply, digested, people, rows, spent, touched


def changes(*kept: Change, pruned_to: int = 0):  # type: ignore[no-untyped-def]  # see `projections.read_model.Changes`
    """A record's changes after a position."""

    async def after(position: int) -> AsyncIterator[Change]:
        if position < pruned_to:
            raise Pruned(f"units up to {pruned_to} are no longer kept")
        for one in kept:
            if one.position > position:
                yield one

    return after


async def test_a_new_one_takes_the_live_ones_place_and_says_what_differs(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1"), touched("user:2"), touched("user:3"), spent(1000)]))
    before = await digested(store)
    async with store.shadow() as shadow:
        await shadow.add([touched("user:2", 5), touched("user:3")])
        await shadow.add([touched("user:4"), spent(1001), touched("user:5")])
        switched = await shadow.switch(1)
    assert await people(store) == {"user:2": 5, "user:3": 1, "user:4": 1, "user:5": 1}
    assert await rows(store, "spend", "amount_minor") == [(1001, 1)]
    assert switched.tables == {"touched": Differs(removed=1, added=2, changed=1), "spend": Differs(removed=0, added=0, changed=1)}
    assert (switched.position, switched.before, switched.after) == (1, before, await digested(store))
    assert await store.switched(1) == switched
    assert await store.switched(2) is None
    assert await apply(store, Change(2, [touched("user:4")])) == 2
    assert (await people(store))["user:4"] == 2


async def test_an_equal_one_changes_nothing(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1"), spent(1000)]), Change(2, [touched("user:1")]))
    async with store.shadow() as shadow:
        await shadow.add([touched("user:1", 2), spent(1000)])
        switched = await shadow.switch(2)
    assert switched.tables == {}
    assert switched.before == switched.after == await digested(store)


async def test_nobody_sees_it_before_it_is_switched_to_and_the_live_one_goes_on(
    store_place: Place[ReadStore], reader_place: Place[ReadStore]
) -> None:
    async with store_place.open() as store, store_place.open() as other, reader_place.open() as reader:
        await apply(store, Change(1, [touched("user:1")]))
        async with other.shadow() as shadow:
            await shadow.add([touched("user:1"), touched("user:9")])
            assert await people(reader) == {"user:1": 1}
            second = Change(2, [touched("user:2")])
            assert await apply(store, second) == 2
            assert await people(reader) == {"user:1": 1, "user:2": 1}
            # What came meanwhile is added before the switch.
            switched = await shadow.switch(1, changes(second))
        assert switched.position == 2
        assert await people(reader) == {"user:1": 1, "user:2": 1, "user:9": 1}


async def test_one_that_is_behind_the_live_one_and_is_not_brought_up_is_refused(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1")]), Change(2, [touched("user:2")]))
    async with store.shadow() as shadow:
        await shadow.add([touched("user:9")])
        with pytest.raises(Away):
            await shadow.switch(1)
    assert await people(store) == {"user:1": 1, "user:2": 1}


@pytest.mark.parametrize(
    ("since", "raised"),
    [
        (changes(Change(2, [touched("user:7")], rebuilt=True)), Superseded),
        (changes(Change(2, [touched("user:2")]), pruned_to=2), Pruned),
    ],
    ids=["derived anew", "no longer kept"],
)
async def test_one_that_cannot_be_brought_up_is_not_switched_to(store: ReadStore, since, raised: type[Exception]) -> None:  # type: ignore[no-untyped-def]
    await apply(store, Change(1, [touched("user:1")]))
    async with store.shadow() as shadow:
        await shadow.add([touched("user:9")])
        with pytest.raises(raised):
            await shadow.switch(1, since)
    assert await people(store) == {"user:1": 1}
    assert await store.switched(0) is None


async def test_one_that_is_given_up_leaves_nothing_and_another_can_be_begun(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1")]))

    async def give_up() -> None:
        async with store.shadow() as shadow:
            await shadow.add([touched("user:9")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await give_up()
    assert await people(store) == {"user:1": 1}
    async with store.shadow() as shadow:
        await shadow.add([touched("user:2")])
        await shadow.switch(1)
    assert await people(store) == {"user:2": 1}


async def test_rows_of_less_than_nothing_stop_it(store: ReadStore) -> None:
    await apply(store, Change(1, [touched("user:1")]))
    async with store.shadow() as shadow:
        await shadow.add([touched("user:1")])
        with pytest.raises(AssertionError):
            await shadow.add([touched("user:1", -2)])
    assert await people(store) == {"user:1": 1}


async def test_a_question_that_was_begun_before_sees_the_old_rows(store_place: Place[ReadStore], reader_place: Place[ReadStore]) -> None:
    async with store_place.open() as store, reader_place.open() as reader:
        await apply(store, Change(1, [touched("user:1")]))
        async with reader.snapshot() as ask:
            assert await ask("SELECT person FROM touched") == [("user:1",)]
            async with store.shadow() as shadow:
                await shadow.add([touched("user:2")])
                await shadow.switch(1)
            assert await ask("SELECT person FROM touched") == [("user:1",)]
        assert await people(reader) == {"user:2": 1}


async def be_killed_beside(name: str, folder: Path) -> None:
    async with STORES[name](folder) as store:
        await apply(store, Change(1, [touched("user:1")]))
        async with store.shadow() as shadow:
            await shadow.add([touched("user:9")])
            await until_killed()


async def test_killed_while_it_is_built_it_leaves_nothing(store_place: Place[ReadStore]) -> None:
    await store_place.killed_in(be_killed_beside)
    async with store_place.open() as store:
        assert (await people(store), await store.position()) == ({"user:1": 1}, 1)
        async with asyncio.timeout(20), store.shadow() as shadow:
            await shadow.add([touched("user:2")])
            await shadow.switch(1)
        assert await people(store) == {"user:2": 1}
