"""Who is one person: a function of the set of links, so nothing here depends on when anything was said, only on what was said last."""

from collections.abc import Iterable, Mapping
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.definition import Bounds, Definition, Identity
from journey.identity import (
    HeldBack,
    Links,
    LinkSummary,
    StatedLink,
    held,
    held_back,
    links_of,
    name_of,
    near_max,
    person_of,
    resolve,
    walked,
)
from journey.touchpoints import Touchpoint
from schemas.definition_files import default_definition
from tests.journey.builders import FRIDAY, MONDAY, TUESDAY, WEDNESDAY, touch

BOUNDS = Bounds()


def bound(**bounds: int) -> Definition:
    """The default definition, with these bounds, and devices that any number of people may use unless it says otherwise."""
    return default_definition().model_copy(
        update={"bounds": Bounds(**{"users_per_device_max": 1000, **bounds}), "identity": Identity(never=())}
    )


LOOSE = bound()


def link(one: str, other: str, *, at: int = MONDAY, id: str = "") -> Touchpoint:
    return touch("identified", at=at, subject=one, other=other, id=id or f"{one}-{other}-{at}")


def unlink(one: str, other: str, *, at: int = TUESDAY, id: str = "") -> Touchpoint:
    return touch("unlinked", at=at, subject=one, other=other, id=id or f"no-{one}-{other}-{at}")


def hub(center: str, others: Iterable[str]) -> list[Touchpoint]:
    return [link(center, other) for other in others]


# --- names


@pytest.mark.parametrize(
    ("ids", "name"),
    [
        (["anon:a", "user:7"], "user:7"),
        (["user:10", "user:9"], "user:10"),
        (["anon:b", "anon:a"], "anon:a"),
        (["user:Z", "user:a", "user:é"], "user:Z"),
        (["user:\uffff", "user:😀"], "user:\uffff"),  # By bytes; by UTF-16 it would be the other way round.
    ],
)
def test_a_person_is_named_by_the_smallest_known_id_else_by_the_smallest(ids: list[str], name: str) -> None:
    assert name_of(ids) == name_of(ids[::-1]) == name


def test_a_persons_ids_are_in_order_whatever_order_they_were_found_in() -> None:
    assert person_of({"user:b", "anon:z", "user:a"}) == ("user:a", ("anon:z", "user:a", "user:b"))


# --- links


def test_a_chain_of_links_is_one_person() -> None:
    found = resolve([link("anon:a", "user:1"), link("anon:b", "user:1"), link("anon:b", "user:2")], LOOSE)
    assert found == dict.fromkeys(["anon:a", "anon:b", "user:1", "user:2"], "user:1")


def test_a_link_says_the_same_from_either_end() -> None:
    assert resolve([link("anon:a", "user:1")], LOOSE) == resolve([link("user:1", "anon:a")], LOOSE)
    assert not links_of([link("anon:a", "user:1"), unlink("user:1", "anon:a")], LOOSE).partners("anon:a")


def test_who_is_unlinked_is_alone_and_who_is_linked_again_is_not() -> None:
    first, gone, again = link("anon:a", "user:1"), unlink("anon:a", "user:1"), link("anon:a", "user:1", at=WEDNESDAY)
    alone = {"anon:a": "anon:a", "user:1": "user:1"}
    for history, expected in (([first], "user:1"), ([first, gone, again], "user:1")):
        for order in permutations(history):
            assert resolve(order, LOOSE)["anon:a"] == expected
    for order in permutations([first, gone]):
        assert resolve(order, LOOSE) == alone
    assert resolve([unlink("anon:a", "user:1")], LOOSE) == alone


def test_of_statements_of_one_instant_the_last_by_source_and_id_counts() -> None:
    assert resolve([unlink("anon:a", "user:1", at=MONDAY, id="2"), link("anon:a", "user:1", id="1")], LOOSE)["anon:a"] == "anon:a"
    assert resolve([unlink("anon:a", "user:1", at=MONDAY, id="1"), link("anon:a", "user:1", id="2")], LOOSE)["anon:a"] == "user:1"


def test_unlinking_one_pair_leaves_another_way_between_them() -> None:
    links = [link("anon:a", "user:1"), link("anon:a", "anon:b"), link("anon:b", "user:1"), unlink("anon:a", "user:1", at=FRIDAY)]
    assert resolve(links, LOOSE)["anon:a"] == "user:1"


def test_what_is_no_link_links_nobody() -> None:
    assert resolve([touch("page_view"), touch("account_joined")], LOOSE) == {}


# --- bounds


def test_a_kiosk_joins_nobody_but_leaves_its_partners_to_others() -> None:
    by = bound(partners_max=3)
    users = [f"user:{n}" for n in range(4)]
    links = [*hub("anon:kiosk", users), link("anon:phone", "user:0")]
    found = resolve(links, by)
    assert found == {"anon:kiosk": "anon:kiosk", **{user: user for user in users}, "anon:phone": "user:0"}
    assert set(resolve(links[1:], by).values()) == {"user:0", "user:1"}  # With one partner fewer it is one person; 0 only by its phone.


def test_a_user_may_have_any_number_of_devices_but_not_of_other_users() -> None:
    by = bound(partners_max=3)
    bounds = by.bounds
    assert set(resolve(hub("user:1", [f"anon:{n}" for n in range(9)]), by).values()) == {"user:1"}
    assert len(set(resolve(hub("user:1", [f"user:{n}" for n in range(2, 6)]), by).values())) == 5
    assert held("user:1", ["user:2", "user:3", "user:4"], bounds) is False
    assert held("user:1", ["user:2", "user:3", "user:4", "user:5"], bounds) is True
    assert held("anon:1", ["anon:2", "user:3", "user:4", "user:5"], bounds) is True


def test_a_component_of_more_ids_than_the_bound_is_not_joined_at_all() -> None:
    by = bound(ids_max=4)
    chain = [link(f"anon:{n}", f"anon:{n + 1}") for n in range(4)]
    assert len(set(resolve(chain[:3], by).values())) == 1
    assert len(set(resolve(chain, by).values())) == 5


def test_a_component_is_walked_no_further_than_one_beyond_the_bound() -> None:
    asked: list[str] = []

    def endless(id: str) -> list[str]:
        asked.append(id)
        number = int(id.removeprefix("anon:"))
        return [f"anon:{number - 1}", f"anon:{number + 1}"]

    assert walked("anon:0", endless, lambda _: False, Bounds(ids_max=10))[1] is False
    assert len(set(asked)) <= 12


# --- devices, presumed ids, ids that are none


def presume(one: str, other: str, *, at: int = MONDAY) -> Touchpoint:
    return touch("identified", at=at, subject=one, other=other, id=f"presumed-{one}-{other}-{at}", presumed=True)


def test_a_device_of_two_people_joins_neither_and_its_own_ids_stay_together() -> None:
    links = [link("anon:a", "anon:b"), link("anon:a", "user:1"), link("anon:b", "user:2")]
    found = resolve(links, bound(users_per_device_max=1))
    assert found == {"anon:a": "anon:a", "anon:b": "anon:a", "user:1": "user:1", "user:2": "user:2"}


def test_two_users_that_are_one_use_a_device_as_one() -> None:
    links = [link("anon:a", "user:1"), link("anon:a", "user:2"), link("user:1", "user:2")]
    assert set(resolve(links, bound(users_per_device_max=1)).values()) == {"user:1"}


def test_ids_of_two_kinds_are_of_one_person() -> None:
    links = [link("anon:a", "user:1"), link("anon:a", "user:ana@x.example"), link("anon:a", "user:crm:7")]
    assert set(resolve(links, bound(users_per_device_max=1)).values()) == {"user:1"}


def test_an_id_that_is_none_is_in_no_link() -> None:
    found = resolve([link("anon:a", "user:undefined"), link("anon:b", "user:NULL")], default_definition())
    assert found == {id: id for id in ("anon:a", "anon:b", "user:undefined", "user:NULL")}


def test_what_is_presumed_links_while_it_is_known_otherwise() -> None:
    alias = [presume("user:new", "user:old"), presume("user:new", "anon:old")]
    assert set(resolve(alias, LOOSE)) == set(resolve(alias, LOOSE).values())
    known = [*alias, touch("page_view", subject="user:old")]
    assert resolve(known, LOOSE) == {"user:new": "user:new", "user:old": "user:new", "anon:old": "anon:old"}
    assert resolve([*alias, link("anon:old", "anon:other")], LOOSE)["anon:other"] == "user:new"


def test_a_link_with_an_id_that_is_none_makes_nobody_known() -> None:
    links = [presume("user:new", "anon:old"), link("anon:old", "user:undefined")]
    assert resolve(links, default_definition()) == {id: id for id in ("user:new", "anon:old", "user:undefined")}


def test_what_presumes_replaces_no_firm_link_made_since_they_were_last_unlinked() -> None:
    firm, presumed = link("user:1", "user:2"), presume("user:1", "user:2", at=WEDNESDAY)
    assert resolve([firm, presumed], LOOSE)["user:2"] == "user:1"
    assert resolve([firm, unlink("user:1", "user:2"), presumed], LOOSE)["user:2"] == "user:2"


# --- against brute force

IDS = ["anon:a", "anon:b", "anon:c", "user:1", "user:2", "user:3"]


def naive(statements: list[Touchpoint], bounds: Bounds) -> Mapping[str, str]:
    """The definition of a person, written down as it reads: pairs, held ids taken out, then everything that is connected."""
    pairs: dict[frozenset[str], Touchpoint] = {}
    for one in sorted(statements, key=lambda one: one.order):
        pairs[frozenset([one.subject, one.data.other])] = one  # type: ignore[union-attr]
    linked = {pair for pair, last in pairs.items() if last.type == "identified"}
    known = {id for pair in pairs for id in pair}

    def counted(id: str) -> set[str]:
        others = {other for pair in linked if id in pair for other in pair - {id}}
        return others if id.startswith("anon:") else {other for other in others if other.startswith("user:")}

    held = {id for id in known if len(counted(id)) > bounds.partners_max}

    def joined_by(pairs: set[frozenset[str]]) -> dict[str, set[str]]:
        found = {id: {id} for id in known}
        for _ in known:
            for one, other in pairs:
                joined = found[one] | found[other]
                found.update(dict.fromkeys(joined, joined))
        return found

    linked = {pair for pair in linked if not pair & held}
    device = joined_by({pair for pair in linked if all(id.startswith("anon:") for id in pair)})
    large = {id for id in known if len(device[id]) > bounds.ids_max}
    person = joined_by({pair for pair in linked if not pair & large or all(id.startswith("anon:") for id in pair)})
    return {id: name_of(ids if len(ids) <= bounds.ids_max else {id}) for id, ids in person.items()}


statements = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), st.booleans(), st.integers(0, 5)).filter(lambda one: one[0] != one[1]),
    max_size=16,
).map(
    lambda said: [
        (link if linked else unlink)(one, other, at=MONDAY + when, id=str(n)) for n, (one, other, linked, when) in enumerate(said)
    ]
)


@settings(max_examples=200, deadline=None)
@given(statements, st.integers(1, 5), st.integers(2, 6), st.randoms(use_true_random=False))
def test_resolving_is_what_the_definition_says_in_any_order(
    said: list[Touchpoint], partners_max: int, ids_max: int, random: st.DataObject
) -> None:
    by = bound(partners_max=partners_max, ids_max=ids_max)
    expected = naive(said, by.bounds)
    assert resolve(said, by) == expected
    random.shuffle(said)  # type: ignore[attr-defined]
    assert resolve(said, by) == expected


NEAR_IDS = [f"user:{number}" for number in range(8)] + [f"anon:{number}" for number in range(5)]


@settings(max_examples=500)
@given(
    st.sampled_from(["user:me", "anon:me"]),
    st.lists(st.tuples(st.sampled_from(NEAR_IDS), st.sampled_from([True, True, False])), max_size=30),
    st.integers(1, 4),
    st.integers(2, 4),
)
def test_what_is_near_never_says_anything_else_than_all_partners_do(
    id: str, said: list[tuple[str, bool]], partners_max: int, ids_max: int
) -> None:
    bounds = Bounds(partners_max=partners_max, ids_max=ids_max)
    near, all_of_them = LinkSummary({}), dict[str, StatedLink]()
    for at, (other, linked) in enumerate(said):
        all_of_them[other] = StatedLink((at, "", "", ""), linked)
        if linked:
            near.link(other, (at, "", "", ""), bounds)
        else:
            near.unlink(other)
        partners = {one: said.order for one, said in all_of_them.items() if said.linked}
        assert near.partners.items() <= partners.items()
        assert len(near.partners) <= near_max(bounds)
        assert not near.whole or near.partners == partners
        assert near.is_held(id, bounds) in (None, held(id, partners, bounds))


def test_what_is_near_tells_who_is_held_however_many_partners_there_are() -> None:
    users = {f"user:{number}": StatedLink((number, "", "", ""), True) for number in range(1000)}
    devices = {f"anon:{number}": StatedLink((number, "", "", ""), True) for number in range(1000)}
    few = dict(list(users.items())[: BOUNDS.partners_max])
    for last, id, is_held in (
        (users | devices, "user:me", True),
        (devices | users, "user:me", True),
        (devices | few, "user:me", False),
        (devices, "anon:me", True),
    ):
        near = LinkSummary.of(last, last.keys(), BOUNDS)
        assert near.is_held(id, BOUNDS) is is_held
        assert len(near.partners) == near_max(BOUNDS) > BOUNDS.ids_max
        for other in list(near.partners):
            near.unlink(other)
        assert near.is_held(id, BOUNDS) is (False if last.keys() == (devices | few).keys() else None)


def partners_of(*pairs: tuple[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found


def test_what_is_held_back_is_who_has_too_many_partners_and_who_are_too_many() -> None:
    by = bound(partners_max=2, ids_max=3, users_per_device_max=1)
    hub = [("anon:hub", f"user:{number}") for number in range(3)]
    chain = [("anon:a", "anon:b"), ("anon:b", "anon:c"), ("anon:c", "anon:d")]
    shared = [("anon:s", "user:7"), ("anon:s", "user:8")]
    assert held_back(partners_of(*hub, *chain, *shared, ("anon:x", "user:9")), by) == [
        HeldBack(("anon:a", "anon:b", "anon:c", "anon:d"), 0),
        HeldBack(("anon:hub",), 3, 0, ("user:0", "user:1", "user:2")),
        HeldBack(("anon:s",), 0, 2, ("user:7", "user:8")),
    ]


@given(st.sets(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)).filter(lambda pair: pair[0] != pair[1]), max_size=12))
def test_who_is_held_back_and_only_who_is_has_links_that_do_not_join(pairs: set[tuple[str, str]]) -> None:
    by, links = bound(partners_max=2, ids_max=4), partners_of(*pairs)
    back = {id for one in held_back(links, by) for id in one.ids}
    for id, those in links.items():
        joined = Links(links, by).component(id)
        assert joined.isdisjoint(back) or joined == {id}
        if id not in back:
            assert those - back <= joined


@given(st.sets(st.sampled_from(IDS), min_size=1))
def test_a_known_id_is_never_lost_to_an_anonymous_one(ids: set[str]) -> None:
    assert name_of(ids).startswith("user:") == any(id.startswith("user:") for id in ids)
