"""Links, unlinks and bounds in any order: who is one person is a function of what was said last, and nobody can tell how it came about."""

import asyncio
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.definition import Definition
from journey.histories import is_person
from journey.identity import HeldBack
from streams import world
from streams.identities import all_held_back, identity
from streams.rebuilding import Anew
from tests.streams.builders import Bench, at, deal_opened, definition, link, quick_bench, sent, unlink
from tests.streams.deliveries import Delivery, check, delivered
from tests.streams.test_any_order import IDS, TIGHT, anything, deliveries, thorough, who_is_who
from tests.streams.test_duplicates import alone

TOUCHED = [
    sent("page_view", "anon:a", at(1), id="v"),
    sent("form_submitted", "user:7", at(3), id="f", intent="demo"),
    deal_opened("1", at(4), "user:7"),
    sent("close", "deal:1", at(9), outcome="won"),
]
TIED, UNTIED, TIED_AGAIN = link("anon:a", "user:7", at(5)), unlink("anon:a", "user:7", at(6)), link("user:7", "anon:a", at(7))


@pytest.mark.parametrize("place", range(len(TOUCHED) + 1))
async def test_a_link_before_between_or_after_the_touchpoints_is_one_digest(bench: Bench, tmp_path: Path, place: int) -> None:
    await bench.take_each(*TOUCHED[:place], TIED, *TOUCHED[place:])
    assert await bench.digests() == await alone(tmp_path / "first", TIED, *TOUCHED)


@pytest.mark.parametrize("order", list(permutations([TIED, UNTIED, TOUCHED[0]])))
async def test_who_is_unlinked_might_as_well_never_have_been_linked(bench: Bench, tmp_path: Path, order: Sequence[bytes]) -> None:
    await bench.take(*TOUCHED[1:])
    await bench.take_each(*order)
    assert await bench.digests() == await alone(tmp_path / "never", *TOUCHED)
    assert await bench.persons("anon:a", "user:7") == {"anon:a": "anon:a", "user:7": "user:7"}
    found = await identity(bench.definition, bench.record, "anon:a")
    assert [(one.says, one.holds) for one in found.links] == [("identified", False), ("unlinked", True)]


@pytest.mark.parametrize("order", list(permutations([TIED, UNTIED, TIED_AGAIN])))
async def test_who_is_linked_again_might_as_well_never_have_been_unlinked(bench: Bench, tmp_path: Path, order: Sequence[bytes]) -> None:
    await bench.take(*TOUCHED)
    await bench.take_each(*order)
    assert await bench.digests() == await alone(tmp_path / "linked", TIED, *TOUCHED)


CHAIN = [link("anon:a", "anon:b", at(1)), link("anon:b", "user:1", at(2)), link("user:1", "anon:c", at(3))]


@pytest.mark.parametrize("order", list(permutations(CHAIN)))
async def test_a_chain_is_one_person_in_whatever_order_it_is_told(bench: Bench, order: Sequence[bytes]) -> None:
    await bench.take(sent("page_view", "anon:a", at(1)), sent("page_view", "anon:c", at(2)))
    await bench.take_each(*order)
    assert set((await bench.persons("anon:a", "anon:b", "anon:c", "user:1")).values()) == {"user:1"}


async def test_a_kiosk_that_gains_and_loses_partners_is_shown_while_it_is_held(tmp_path: Path) -> None:
    bench = quick_bench(tmp_path, definition(partners_max=2, users_per_device_max=9))
    try:
        await bench.take_each(*(link("anon:kiosk", f"user:{number}", at(number)) for number in (1, 2)))
        assert await all_held_back(bench.definition, bench.record) == []
        await bench.take(link("user:3", "anon:kiosk", at(3)))
        assert await all_held_back(bench.definition, bench.record) == [HeldBack(("anon:kiosk",), 3, 0, ("user:1", "user:2", "user:3"))]
        assert set((await bench.persons("user:1", "user:2", "user:3")).values()) == {"user:1", "user:2", "user:3"}
        await bench.take(unlink("anon:kiosk", "user:2", at(4)))
        assert await all_held_back(bench.definition, bench.record) == []
        assert set((await bench.persons("user:1", "user:3", "anon:kiosk")).values()) == {"user:1"}
    finally:
        bench.close()


# --- while all is derived anew


async def told_since(bench: Bench, by: Definition, *units: Sequence[bytes]) -> dict[str, str]:
    """The persons of those whom `units` name, as a rebuild by `by` is told that had read all when they came."""
    anew = Anew(by, bench.record)
    async for _ in anew.parts():
        pass
    for lines in units:
        await bench.take(*lines)
    return {id: name async for part in anew.rest() for id, name in part.persons.items()}


async def test_who_is_one_person_by_another_definition_is_told_of_those_who_come_meanwhile(bench: Bench) -> None:
    """Placed by the definition before they are one person, and nothing that they did changes when they are not."""
    users = {f"user:{number}": f"user:{number}" for number in range(1, 5)}
    come = [link("anon:kiosk", user, at(1)) for user in users]
    assert await told_since(bench, TIGHT, come) == {"anon:kiosk": "anon:kiosk", **users}
    assert set((await bench.persons(*users)).values()) == users.keys()


async def test_of_two_bodies_that_come_meanwhile_under_one_name_the_earlier_says_who_is_linked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "NEAR_FROM", 1)
    await bench.take(link("anon:a", "user:1", at(1)))
    come = [unlink("anon:a", "user:1", at(2), id="x")], [link("anon:a", "user:1", at(3), id="x")]
    assert await told_since(bench, TIGHT, *come) == {"anon:a": "anon:a", "user:1": "user:1"}


@thorough
@given(deliveries(anything), st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True), st.randoms(use_true_random=False))
def test_who_is_unlinked_is_as_if_the_links_had_never_been(rest: Delivery, others: list[str], random: Random) -> None:
    """A link to persons of any kind, as many as make a hub, told in any order with what unties them."""
    lines = [*rest.lines, sent("form_submitted", "anon:new", at(2), id="f", intent="demo"), sent("page_view", "anon:new", at(40), id="v")]
    random.shuffle(lines)
    mixed = list(lines)
    for other in others:
        for each in (link("anon:new", other, at(1)), link(other, "anon:new", at(30)), unlink("anon:new", other, at(31))):
            mixed.insert(random.randint(0, len(mixed)), each)
    check(rest._replace(lines=mixed), TIGHT, as_if=lines)


@thorough
@given(deliveries(who_is_who), st.booleans())
def test_what_is_held_and_who_is_known_follow_from_what_the_record_holds(delivery: Delivery, whole: bool) -> None:
    """The known id is never lost to an anonymous one, and who is in no person with a partner of theirs is shown as held."""

    async def run() -> None:
        with TemporaryDirectory() as folder:
            bench = await delivered(Path(folder), TIGHT, delivery._replace(sizes=(100,)) if whole else delivery)
            try:
                back = {id for one in await all_held_back(TIGHT, bench.record) for id in one.ids}
                for id in filter(is_person, await bench.record.subjects("", 1000)):
                    found = await identity(TIGHT, bench.record, id)
                    assert (await bench.persons(id))[id] == found.person
                    assert found.person.startswith("user:") == any(one.startswith("user:") for one in found.ids)
                    tied = {
                        (one.other if one.one == id else one.one)
                        for one in found.links
                        if one.holds and one.says == "identified" and id in (one.one, one.other)
                    }
                    assert id not in back or set(found.ids) <= back
                    assert id in back or tied - set(found.ids) <= back
            finally:
                bench.close()

    asyncio.run(run())
