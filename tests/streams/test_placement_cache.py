"""What placement has at hand is asked for no more, and never taken for what the record holds."""

import pytest

from journey.person import PersonJourney
from streams import placement_cache as cache
from streams.placement_cache import PlacementCache
from tests.streams.builders import Bench, at, deal_opened, sent

ONE, OTHER, ELSEWHERE = ("user:1", "urn:web", "a"), ("user:1", "urn:web", "b"), ("user:2", "urn:web", "a")


def standing(**versions: int) -> PlacementCache:
    hand = PlacementCache()
    hand.versions.update({f"user:{name[1:]}": version for name, version in versions.items()})
    return hand


def test_the_names_of_a_subject_that_is_new_are_known_from_then_on() -> None:
    hand = standing(u1=0)
    assert hand.new_names([ONE]) == set()
    hand.versions["user:1"] = 1
    assert hand.new_names([OTHER]) == set()
    assert hand.new_names([ONE, OTHER]) == {ONE, OTHER}


def test_the_record_is_asked_for_names_of_a_subject_that_was_there_before() -> None:
    hand = standing(u1=3, u2=0)
    assert hand.new_names([ONE, ELSEWHERE]) == {ONE}
    assert hand.may_be_there(ONE)
    assert hand.may_be_there(OTHER)
    assert hand.may_be_there(ELSEWHERE)
    assert not hand.may_be_there(("user:2", "urn:web", "b"))


def test_a_name_twice_in_one_unit_is_asked_for() -> None:
    assert standing(u1=0).new_names([ONE, ONE]) == {ONE}


def test_what_was_forgotten_is_asked_for() -> None:
    hand = standing(u1=0)
    hand.new_names([ONE])
    hand.forget()
    hand.versions["user:1"] = 1
    assert hand.new_names([OTHER]) == {OTHER}


def test_too_many_names_are_let_go_of_and_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "NAMES_MAX", 1)
    hand = standing(u1=0)
    hand.new_names([ONE, OTHER])
    hand.versions["user:1"] = 1
    hand.bound()
    assert hand.new_names([ONE]) == {ONE}


def test_versions_are_let_go_of_with_what_they_stood_for_and_what_is_at_hand_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "VERSIONS_MAX", 2)
    hand = standing(u1=0, u2=0, u3=0)
    hand.new_names([ONE, ELSEWHERE])
    hand.unrecorded |= {"user:1", "user:2"}
    hand.keep("user:2", PersonJourney(person="user:2", ids=("user:2",)))
    hand.bound()
    assert (hand.versions, hand.unrecorded) == ({"user:2": 0}, {"user:2"})
    assert hand.new_names([ELSEWHERE]) == {ELSEWHERE}
    # Read anew, and no longer as one that came since.
    hand.versions["user:1"] = 1
    assert hand.new_names([OTHER]) == {OTHER}


async def test_once_it_is_full_more_traffic_makes_it_no_larger(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"JOURNEYS_MAX": 40, "JOURNEY_BYTES_MAX": 40_000, "PERSONS_MAX": 50, "VERSIONS_MAX": 120, "NAMES_MAX": 300}
    for name, bound in bounds.items():
        monkeypatch.setattr(cache, name, bound)
    hand = bench.placement._cache
    largest: dict[str, int] = {}
    for number in range(60):
        people = [f"user:{number}-{one}" for one in range(10)]
        lines = [sent("page_view", one, at(number), id=f"{one}-{nth}") for one in people for nth in range(2)]
        lines.append(deal_opened(str(number), at(number), *people[:2]))
        lines.append(
            sent("spend_recorded", f"campaign:{number % 7}", at(number), id=f"spend-{number}", campaign=f"{number % 7}", ad=f"a-{number}")
        )
        await bench.take(*lines)
        sizes = {"journeys": len(hand.journeys), "bytes": hand.journey_bytes, "sizes": len(hand._sizes), "persons": len(hand.persons)}
        sizes |= {"versions": len(hand.versions), "names": len(hand._names), "whole": len(hand._whole), "unrecorded": len(hand.unrecorded)}
        largest = {name: max(size, largest.get(name, 0)) for name, size in sizes.items()}
        assert sizes["journeys"] == sizes["sizes"]
        assert sizes["bytes"] == sum(hand._sizes.values())
    # What one unit brings is let go of when the next one has been placed: versions and names are noted after the bound was seen to.
    assert largest["journeys"] <= bounds["JOURNEYS_MAX"]
    assert largest["bytes"] <= bounds["JOURNEY_BYTES_MAX"]
    assert largest["persons"] <= bounds["PERSONS_MAX"]
    assert largest["versions"] <= bounds["VERSIONS_MAX"] + len(lines)
    assert largest["names"] <= bounds["NAMES_MAX"]
    assert largest["whole"] <= largest["versions"]
    assert largest["unrecorded"] <= largest["versions"]
    assert min(largest["persons"], largest["versions"] - 80, largest["names"] - 200) > 0, "they were full"
