"""What a set of stored bodies says: which one counts, what is voided, who takes part, and what a person's history is."""

import hashlib
from itertools import permutations
from typing import Any

import orjson
import pytest

from journey.histories import Stored, is_person, keys, people_named, person_history, settle, takes_part
from journey.touchpoints import Touchpoint
from tests.journey.builders import ME, MONDAY, TUESDAY, WEDNESDAY, closed, opened, touch


def content_hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def stored(one: Touchpoint, body: bytes = b"", *, voided: bool = False) -> Stored:
    return Stored(one, body or orjson.dumps([one.subject, one.type]), voided)


def call(id: str = "1", *, at: int = MONDAY, subject: str = ME, **data: Any) -> Touchpoint:
    return touch("call", id=id, at=at, subject=subject, **data)


SMALL_FIRST = sorted([b"one", b"other"], key=content_hash)


# --- keys, and who takes part


def test_a_touchpoint_is_stored_under_what_it_names_as_published() -> None:
    assert keys(call()) == (ME,)
    assert keys(call(deal="12")) == (ME, "deal:12")
    assert keys(opened()) == ("deal:12",)
    assert keys(touch("identified", subject="anon:a")) == ("anon:a", ME)
    assert keys(touch("spend_recorded", subject="company:self", campaign=None)) == ("company:self",)


@pytest.mark.parametrize(("subject", "person"), [("user:7", True), ("anon:a", True), ("deal:1", False), ("account:a", False)])
def test_users_and_anonymous_ids_are_persons(subject: str, person: bool) -> None:
    assert is_person(subject) is person


def test_the_people_of_a_deal_are_those_listed_and_whoever_published_under_its_name() -> None:
    assert people_named(opened(people=["user:1", "anon:b"])) == ("user:1", "anon:b")
    assert people_named(touch("deal_updated", people=None)) == ()
    assert people_named(call(deal="12")) == (ME,)
    assert people_named(call()) == ()
    assert takes_part([opened(people=["user:1"]), call(deal="12"), touch("deal_updated", people=[])]) == {"user:1", ME}


# --- which body counts


def test_of_bodies_under_one_id_the_earliest_counts_whichever_came_first() -> None:
    bodies = [stored(call(at=TUESDAY), SMALL_FIRST[0]), stored(call(at=MONDAY), SMALL_FIRST[1]), stored(call(at=WEDNESDAY), b"third")]
    for order in permutations(bodies):
        assert [one.occurred_at for one in settle(order, content_hash)] == [MONDAY]


def test_of_bodies_at_one_time_the_one_with_the_smallest_hash_counts() -> None:
    bodies = [stored(call(owner="ann"), SMALL_FIRST[0]), stored(call(owner="bob"), SMALL_FIRST[1])]
    for order in permutations(bodies):
        assert [one.says("owner") for one in settle(order, content_hash)] == ["ann"]


def test_equal_ids_of_two_sources_or_subjects_are_different_touchpoints() -> None:
    bodies = [stored(call()), stored(touch("call", id="1", source="other")), stored(call(subject="user:8"))]
    assert len(settle(bodies, content_hash)) == 3


def test_a_hash_is_taken_only_where_bodies_contend() -> None:
    def never(body: bytes) -> bytes:
        raise AssertionError

    assert len(settle([stored(call("1")), stored(call("2"))], never)) == 2
    assert len(person_history([ME], [stored(call("1")), stored(call("2"))], [], never)) == 2


def test_what_is_voided_counts_as_never_sent() -> None:
    assert settle([stored(call(), voided=True)], content_hash) == []
    # All bodies under the id are: an upstream that takes back one of them takes back the touchpoint.
    both = [stored(call(at=MONDAY), b"one", voided=True), stored(call(at=TUESDAY), b"other", voided=True)]
    assert settle(both, content_hash) == []


def test_a_history_is_in_the_order_of_time_source_id_subject() -> None:
    history = [
        call("b", at=MONDAY),
        touch("call", id="a", source="z"),
        call("a", at=MONDAY, subject="user:8"),
        call("a", at=MONDAY),
        call("z", at=MONDAY - 1),
    ]
    for order in permutations(history):
        found = settle(map(stored, order), content_hash)
        assert [one.order for one in found] == sorted(one.order for one in history)


# --- a person's history


def history(ids: list[str], own: list[Stored], through: Any = ()) -> list[tuple[str, str]]:
    """(id, subject) of all that is in it."""
    return [(one.id, one.subject) for one in person_history(ids, own, through, content_hash)]


def test_a_persons_history_holds_what_counts_under_each_id_without_links_and_retractions() -> None:
    own = [
        stored(call("1")),
        stored(call("2", subject="anon:a")),
        stored(touch("identified", subject="anon:a")),
        stored(touch("retracted")),
    ]
    assert history([ME, "anon:a"], own) == [("1", ME), ("2", "anon:a")]


def test_one_source_and_id_under_two_ids_of_a_person_is_one_touchpoint_by_the_content_rule() -> None:
    early, late = stored(call(subject="anon:a", at=MONDAY)), stored(call(at=TUESDAY))
    for order in permutations([early, late]):
        assert history([ME, "anon:a"], list(order)) == [("1", "anon:a")]
    same = b"the same"
    for order in permutations([stored(call(subject="anon:a"), same), stored(call(), same)]):
        assert history([ME, "anon:a"], list(order)) == [("1", "anon:a")]


def test_unlinked_each_id_has_its_own_again() -> None:
    own = [stored(call(subject="anon:a", at=MONDAY)), stored(call(at=TUESDAY))]
    assert history([ME], own) == [("1", ME)]
    assert history(["anon:a"], own) == [("1", "anon:a")]


def test_which_body_counts_under_an_id_is_settled_before_ids_are_made_one() -> None:
    """The later body under `anon:a` would lose to the one under `user:7` at the time between; the earlier one wins."""
    own = [
        stored(call(subject="anon:a", at=WEDNESDAY), b"w"),
        stored(call(subject="anon:a", at=MONDAY), b"m"),
        stored(call(at=TUESDAY), b"t"),
    ]
    for order in permutations(own):
        (one,) = person_history([ME, "anon:a"], order, [], content_hash)
        assert (one.subject, one.occurred_at) == ("anon:a", MONDAY)


def test_what_is_voided_under_one_id_leaves_the_same_id_under_another() -> None:
    own = [stored(call(subject="anon:a", at=MONDAY), voided=True), stored(call(at=TUESDAY))]
    assert history([ME, "anon:a"], own) == [("1", ME)]


def test_links_and_what_says_of_a_deal_take_no_place_from_a_touchpoint_of_the_same_id() -> None:
    linked, called = touch("identified", id="1", subject="anon:a", at=MONDAY), call(at=TUESDAY)
    assert history([ME, "anon:a"], [stored(linked), stored(called)]) == [("1", ME)]
    won = closed(id="1", subject="anon:a", at=MONDAY)
    assert history([ME, "anon:a"], [stored(won), stored(called)]) == [("1", "anon:a"), ("1", ME)]


def test_through_several_deals_comes_what_counts_in_each_and_the_persons_own_is_not_doubled() -> None:
    own = call("1", deal="12")
    first, second = [opened("12"), own], [opened("13", at=TUESDAY), closed("13", at=WEDNESDAY)]
    found = history([ME], [stored(own)], [*first, *second])
    assert [subject for _, subject in found] == [ME, "deal:12", "deal:13", "deal:13"]


def test_what_stands_in_two_deals_is_one_touchpoint() -> None:
    theirs = call("1", subject="user:8", deal="12")
    assert history([ME], [], [theirs, theirs]) == [("1", "user:8")]


def test_a_persons_own_and_a_deals_touchpoint_of_one_source_and_id_are_two() -> None:
    assert len(history([ME], [stored(call("1"))], [opened(id="1")])) == 2


def test_bodies_stored_under_an_id_for_a_link_from_elsewhere_are_not_its_own() -> None:
    assert history([ME], [stored(touch("identified", subject="anon:a")), stored(call("1", subject="anon:a"))]) == []
