"""What placement has at hand is asked for no more, and never taken for what the record holds."""

import pytest

from streams import at_hand
from streams.at_hand import AtHand

ONE, OTHER, ELSEWHERE = ("user:1", "urn:web", "a"), ("user:1", "urn:web", "b"), ("user:2", "urn:web", "a")


def standing(**versions: int) -> AtHand:
    hand = AtHand()
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
    monkeypatch.setattr(at_hand, "NAMES_MAX", 1)
    hand = standing(u1=0)
    hand.new_names([ONE, OTHER])
    hand.versions["user:1"] = 1
    hand.bound()
    assert hand.new_names([ONE]) == {ONE}
