"""What chance seldom finds: corrections that cross each other, bounds that are crossed both ways, one id for two things.

Each case is delivered in many orders, cut into units of one, of two and of all; what it comes to is compared with the whole set, read
at once.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, cycle, pairwise, permutations
from random import Random

import orjson
import pytest

from journey.definition import Definition
from journey.facts import DealStood, Fact, Spent, StageEntered, Touched
from tests.streams.brute_force import Told, told
from tests.streams.builders import at, deal_opened, definition, link, noticing, retraction, sent, unlink
from tests.streams.deliveries import Delivery, check

SIZES = (1, 2, 100)
TIGHT = definition(partners_max=2, ids_max=3, users_per_device_max=2)


def in_any_order(*lines: bytes, by: Definition = TIGHT) -> Told:
    """What `lines` come to; fails where an order of theirs, or a cut into units, comes to something else."""
    expected = told(by, lines)
    for order, size in zip(orders(lines), cycle(SIZES)):  # there is always another size
        check(Delivery(order, [size]), by)
    return expected


def orders(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """All orders of a few, some of many: as given, backwards, and shuffled. Each of them for each size of a unit."""
    rng = Random(7)
    some = list(permutations(lines)) if len(lines) <= 3 else [lines, lines[::-1], *(rng.sample(lines, len(lines)) for _ in range(6))]
    return chain.from_iterable([order] * len(SIZES) for order in some)


def of(kind: type[Fact], come_to: Told) -> list[Fact]:
    return sorted(fact for fact, count in come_to.facts.items() for _ in range(count) if isinstance(fact, kind))


def stages(come_to: Told, person: str) -> list[str]:
    """The stages that `person` entered, in order."""
    entered = [fact for fact in come_to.facts if isinstance(fact, StageEntered) and fact.person == person]
    return [fact.stage for fact in sorted(entered, key=lambda fact: (fact.at, fact.nth))]


def view(subject: str, when: int, *, id: str = "", **data: object) -> bytes:
    return sent("page_view", subject, when, id=id, **data)


# --- taken back


def test_a_retraction_that_comes_before_its_target_holds() -> None:
    demo = sent("demo", "user:1", at(1), id="d")
    come_to = in_any_order(view("user:1", at(0)), demo, retraction(demo, at(5)))
    assert stages(come_to, "user:1") == ["awareness"]


def test_what_is_retracted_counts_under_no_key_and_with_none_of_its_bodies() -> None:
    call = sent("call", "user:1", at(1), id="c", deal="1")
    other = sent("call", "user:1", at(0), id="c", deal="2")
    come_to = in_any_order(call, other, deal_opened("1", at(0)), deal_opened("2", at(0)), retraction(call, at(5)))
    assert stages(come_to, "user:1") == []


def test_who_a_deal_no_longer_names_is_not_moved_by_its_close() -> None:
    named = sent("deal_updated", "deal:1", at(1), id="u", people=[{"person": "user:2"}])
    close = sent("close", "deal:1", at(2), outcome="won")
    come_to = in_any_order(deal_opened("1", at(0), "user:1"), named, close, retraction(named, at(3)))
    assert stages(come_to, "user:1") == ["decision", "post_purchase"]
    assert stages(come_to, "user:2") == []


def test_who_took_part_by_a_call_that_is_retracted_takes_part_no_more() -> None:
    call = sent("call", "user:2", at(1), id="c", deal="1")
    come_to = in_any_order(deal_opened("1", at(0), "user:1"), call, sent("close", "deal:1", at(2), outcome="won"), retraction(call, at(3)))
    assert stages(come_to, "user:2") == []


def test_a_retraction_makes_nobody_take_part() -> None:
    event = orjson.loads(retraction(view("user:2", at(1), id="v"), at(3)))
    event["data"]["deal"] = "1"
    come_to = in_any_order(deal_opened("1", at(0), "user:1"), view("user:2", at(1), id="v"), orjson.dumps(event))
    assert stages(come_to, "user:2") == []


def test_a_retraction_can_not_be_retracted() -> None:
    demo = sent("demo", "user:1", at(1), id="d")
    first = retraction(demo, at(2), id="r")
    come_to = in_any_order(demo, first, retraction(first, at(3), id="rr"))
    assert not come_to.facts


def test_a_retraction_under_the_id_of_an_earlier_view_takes_its_place() -> None:
    """Found by ten thousand random histories: what came since was derived as if the view still counted."""
    gone = view("user:1", at(0), id="gone")
    come_to = in_any_order(view("user:1", at(2), id="x"), sent("demo", "user:2", at(0)), gone, retraction(gone, at(1), id="x"))
    assert stages(come_to, "user:1") == []


def test_a_retraction_competes_with_no_touchpoint_of_its_id() -> None:
    """The two ids are one person, and one (source, id) of a person is one touchpoint; a retraction is none."""
    gone = view("anon:a", at(0), id="gone")
    come_to = in_any_order(link("anon:a", "user:1", at(9)), gone, retraction(gone, at(1), id="x"), sent("demo", "user:1", at(2), id="x"))
    assert stages(come_to, "user:1") == ["consideration"]


def test_a_statement_that_is_retracted_leaves_the_one_before() -> None:
    def spent(amount: str, when: int) -> bytes:
        return sent("spend_recorded", "campaign:spring", when, id=amount, amount=amount, period_start="2026-03-02", period_end="2026-03-02")

    wrong = spent("99.00", at(3))
    come_to = in_any_order(spent("10.00", at(1)), wrong, retraction(wrong, at(4)))
    assert [fact.amount_minor for fact in of(Spent, come_to)] == [1000]


def test_all_of_a_dimension_may_come_late_twice_and_be_taken_back() -> None:
    tier = sent("account_updated", "account:acme", at(2), id="t", tier="a")
    in_any_order(tier, sent("account_updated", "account:acme", at(1)), sent("account_updated", "account:acme", at(1), id="t", tier="b"))
    in_any_order(tier, sent("account_updated", "account:acme", at(1)), retraction(tier, at(3)))


# --- links


def test_unlinked_and_linked_again_is_linked() -> None:
    come_to = in_any_order(
        view("anon:a", at(0)), view("user:1", at(1)), link("anon:a", "user:1", at(2)), unlink("user:1", "anon:a", at(3)),
        link("anon:a", "user:1", at(4)),
    )  # fmt: skip
    assert come_to.people["anon:a"] == {"anon:a", "user:1"}


def test_a_link_that_is_retracted_never_was() -> None:
    first = link("anon:a", "user:1", at(2))
    come_to = in_any_order(view("anon:a", at(0)), view("user:1", at(1)), first, retraction(first, at(3)))
    assert come_to.people["anon:a"] == {"anon:a"}
    assert stages(come_to, "anon:a") == stages(come_to, "user:1") == ["awareness"]


def test_a_link_that_is_retracted_and_sent_again_under_another_id_holds() -> None:
    first = link("anon:a", "user:1", at(2), id="one")
    come_to = in_any_order(view("anon:a", at(0)), first, retraction(first, at(3)), link("anon:a", "user:1", at(2), id="two"))
    assert come_to.people["anon:a"] == {"anon:a", "user:1"}


def test_of_two_links_under_one_id_the_earlier_counts_at_both_ends_and_the_other_nowhere() -> None:
    come_to = in_any_order(
        view("user:1", at(0)), view("user:2", at(0)), link("anon:a", "user:1", at(3), id="x"), link("anon:a", "user:2", at(2), id="x")
    )
    assert come_to.people["user:1"] == {"user:1"}
    assert come_to.people["user:2"] == {"anon:a", "user:2"}


def test_a_view_that_takes_the_id_of_a_link_unlinks() -> None:
    come_to = in_any_order(view("user:1", at(0)), link("anon:a", "user:1", at(3), id="x"), view("anon:a", at(2), id="x"))
    assert come_to.people["anon:a"] == {"anon:a"}
    assert stages(come_to, "anon:a") == ["awareness"]


def test_one_id_under_two_subjects_is_one_touchpoint_while_they_are_one_person() -> None:
    lines = [view("anon:a", at(0), id="x"), view("user:1", at(1), id="x"), link("anon:a", "user:1", at(2))]
    assert len(of(Touched, in_any_order(*lines))) == 1
    assert len(of(Touched, in_any_order(*lines, unlink("anon:a", "user:1", at(3))))) == 2


def test_a_link_under_the_id_of_a_view_takes_nothing_from_it() -> None:
    tie, again = link("anon:a", "user:1", at(0), id="tie"), link("anon:a", "user:1", at(1), id="x")
    lines = [tie, view("user:1", at(2), id="x"), view("user:1", at(3), id="y"), again]
    assert len(of(Touched, in_any_order(*lines))) == 2


def one_user_a_device(*lines: bytes) -> Told:
    """What `lines` come to where a device has one user, in any order."""
    expected = told(ONE_USER, lines)
    for order, size in zip(orders(lines), cycle(SIZES)):
        check(Delivery(order, [size], near=(1, 3)), ONE_USER)
    return expected


ONE_USER = definition(partners_max=4, ids_max=6)


def test_a_renewed_cookie_that_two_customers_used_is_kept_from_both() -> None:
    views = [view(id, at(0)) for id in ("user:1", "user:2", "anon:a", "anon:b")]
    come_to = one_user_a_device(
        *views, link("anon:a", "user:1", at(27)), link("anon:b", "user:2", at(28)), link("anon:a", "anon:b", at(29))
    )
    assert come_to.people["user:1"] == {"user:1"}
    assert come_to.people["user:2"] == {"user:2"}
    assert come_to.people["anon:a"] == {"anon:a", "anon:b"}


def test_two_users_of_a_device_that_turn_out_to_be_one_are_one_with_it() -> None:
    views = [view(id, at(0)) for id in ("user:1", "user:2", "anon:a")]
    links = [link("anon:a", "user:1", at(27)), link("anon:a", "user:2", at(28))]
    assert one_user_a_device(*views, *links).people["anon:a"] == {"anon:a"}
    assert one_user_a_device(*views, *links, link("user:1", "user:2", at(29))).people["anon:a"] == {"anon:a", "user:1", "user:2"}


def test_a_device_that_is_shared_no_more_makes_a_person_too_large_whom_the_link_does_not_name() -> None:
    """The app's two ids turn out to be one person's. The address is joined with the device then, and is of too many ids."""
    own = ["anon:b", "anon:c", "anon:d"]
    views = [view(id, at(0)) for id in ("user:1", "user:2", "user:m@x", "anon:a", *own)]
    links = [link("anon:a", user, at(1)) for user in ("user:1", "user:2", "user:m@x")] + [link(id, "user:m@x", at(1)) for id in own]
    assert one_user_a_device(*views, *links).people["user:m@x"] == {"user:m@x", *own}
    one = link("user:1", "user:2", at(2))
    come_to = one_user_a_device(*views, *links, one)
    assert come_to.people["user:m@x"] == {"user:m@x"}
    assert come_to.people["anon:b"] == {"anon:b"}
    assert one_user_a_device(*views, *links, one, unlink("user:2", "user:1", at(3))).people["anon:b"] == {"user:m@x", *own}


def test_a_device_that_comes_to_be_shared_lets_the_rest_of_too_many_be_joined() -> None:
    own = ["anon:c", "anon:d", "anon:e", "anon:f", "anon:g"]
    views = [view(id, at(0)) for id in ("user:1", "user:2", "anon:a", "anon:b", *own)]
    links = [link(id, "user:1", at(1)) for id in ("anon:a", *own)] + [link("anon:b", "user:2", at(1))]
    assert one_user_a_device(*views, *links).people["user:1"] == {"user:1"}
    renewed = link("anon:a", "anon:b", at(2))
    come_to = one_user_a_device(*views, *links, renewed)
    assert come_to.people["user:1"] == {"user:1", *own}
    assert come_to.people["anon:a"] == {"anon:a", "anon:b"}
    assert one_user_a_device(*views, *links, renewed, retraction(renewed, at(3))).people["anon:c"] == {"anon:c"}


def test_the_first_touchpoint_of_an_id_that_an_alias_names_joins_it() -> None:
    alias = sent("identified", "user:new", at(5), id="alias", other="user:old", presumed=True)
    assert one_user_a_device(alias, view("user:new", at(6))).people["user:new"] == {"user:new"}
    come_to = one_user_a_device(alias, view("user:new", at(6)), view("user:old", at(1)), view("user:old", at(7)))
    assert come_to.people["user:old"] == {"user:new", "user:old"}


def test_what_presumes_counts_again_when_the_firm_link_beside_it_is_taken_back() -> None:
    firm = link("anon:a", "user:2", at(0))
    presumed = sent("identified", "user:2", at(1), id="alias", other="anon:a", presumed=True)
    assert one_user_a_device(firm, presumed, view("user:2", at(2))).people["user:2"] == {"anon:a", "user:2"}
    assert one_user_a_device(firm, presumed, retraction(firm, at(3)), view("user:2", at(2))).people["user:2"] == {"user:2"}


def test_what_presumes_links_again_after_an_unlink_that_comes_late() -> None:
    firm, between = link("anon:a", "user:2", at(0)), unlink("anon:a", "user:2", at(1))
    presumed = sent("identified", "user:2", at(2), id="alias", other="anon:a", presumed=True)
    lines = [firm, presumed, between, view("user:2", at(3))]
    assert one_user_a_device(*lines).people["user:2"] == {"user:2"}
    assert one_user_a_device(*lines, view("anon:a", at(0))).people["user:2"] == {"anon:a", "user:2"}


def test_a_hub_that_gets_one_partner_too_many_joins_nobody_and_joins_them_again() -> None:
    users = ["user:1", "user:2", "user:3"]
    views = [view(user, at(0)) for user in users]
    links = [link("anon:kiosk", user, at(1)) for user in users]
    assert in_any_order(*views[:2], *links[:2]).people["user:1"] == {"anon:kiosk", "user:1", "user:2"}
    assert in_any_order(*views, *links).people["user:1"] == {"user:1"}
    assert in_any_order(*views, *links, retraction(links[2], at(4))).people["user:2"] == {"anon:kiosk", "user:1", "user:2"}
    assert in_any_order(*views, *links, unlink(users[0], "anon:kiosk", at(4))).people["user:2"] == {"anon:kiosk", "user:2", "user:3"}


def test_only_users_count_among_the_partners_of_a_user() -> None:
    devices = ["anon:a", "anon:b"]
    come_to = in_any_order(link("user:1", "user:2", at(0)), *(link(device, "user:1", at(1)) for device in devices), view("anon:b", at(0)))
    assert come_to.people["user:1"] == {"user:1"}, "four ids are more than three, not: three partners are more than two"
    assert in_any_order(*(link(device, "user:1", at(1)) for device in devices)).people["user:1"] == {"anon:a", "anon:b", "user:1"}


def test_a_component_that_grows_too_large_falls_apart_and_comes_together_again() -> None:
    chain = ["anon:a", "user:1", "anon:b", "user:2"]
    views = [view(one, at(0, hour)) for hour, one in enumerate(chain)]
    links = [link(one, other, at(1)) for one, other in pairwise(chain)]
    assert in_any_order(*views, *links[:2]).people["anon:a"] == {"anon:a", "anon:b", "user:1"}
    assert in_any_order(*views, *links).people["anon:a"] == {"anon:a"}
    assert in_any_order(*views, *links, unlink("anon:b", "user:2", at(2))).people["anon:a"] == {"anon:a", "anon:b", "user:1"}
    assert in_any_order(*views, *links, retraction(links[1], at(2))).people["anon:b"] == {"anon:b", "user:2"}


def test_a_hub_that_leaves_a_large_component_lets_the_rest_be_joined() -> None:
    links = [link("anon:a", "user:1", at(0)), link("user:1", "user:h", at(0)), link("user:h", "user:2", at(0))]
    assert in_any_order(*links, view("anon:a", at(0))).people["anon:a"] == {"anon:a"}
    assert in_any_order(*links, link("user:h", "user:3", at(0)), view("anon:a", at(0))).people["anon:a"] == {"anon:a", "user:1"}


# --- deals


def test_all_that_happens_to_a_deal_at_one_midnight_is_read_in_one_order() -> None:
    come_to = in_any_order(
        deal_opened("1", at(1), "user:1", id="a"),
        sent("deal_updated", "deal:1", at(1), id="b", amount="100.00"),
        sent("close", "deal:1", at(1), id="c", outcome="lost", reason="price"),
        sent("deal_reopened", "deal:1", at(1), id="d"),
        sent("deal_updated", "deal:1", at(1), id="e", amount="300.00", people=[{"person": "user:2"}]),
        sent("close", "deal:1", at(1), id="f", outcome="won", amount="400.00"),
        sent("call", "user:3", at(1), id="g", deal="1"),
    )
    stood = [fact for fact in of(DealStood, come_to) if isinstance(fact, DealStood)]
    assert [one.outcome for one in stood] == ["open", "open", "open", "open", "won"]  # The close that was said last, and no other.
    assert stood[-1].amount_minor == 40000
    assert [stages(come_to, one)[-1] for one in ("user:1", "user:2", "user:3")] == ["post_purchase"] * 3


def test_of_two_deals_under_one_id_the_earlier_body_says_which() -> None:
    """The later body is stored under the other deal; what counts there is the earlier one too, which does not name it."""
    come_to = in_any_order(
        deal_opened("1", at(0), "user:1"),
        deal_opened("2", at(0), "user:2"),
        sent("call", "user:3", at(2), id="c", deal="1"),
        sent("call", "user:3", at(1), id="c", deal="2"),
        sent("close", "deal:1", at(3), outcome="won"),
    )
    assert stages(come_to, "user:3") == ["decision"]


def test_three_bodies_under_one_id_name_three_deals_and_one_counts() -> None:
    calls = [sent("call", "user:3", at(3 - number), id="c", deal=str(number)) for number in (1, 2, 3)]
    come_to = in_any_order(*calls, *(sent("close", f"deal:{number}", at(4), outcome="won") for number in (1, 2, 3)))
    assert len([one for one in stages(come_to, "user:3") if one == "post_purchase"]) == 1


def test_a_deal_may_be_opened_after_the_calls_that_name_it_came() -> None:
    come_to = in_any_order(
        sent("call", "user:1", at(3), deal="1"), sent("call", "user:2", at(4), deal="1"), deal_opened("1", at(1), "user:3"),
        sent("close", "deal:1", at(5), outcome="won"),
    )  # fmt: skip
    assert [stages(come_to, one)[-1] for one in ("user:1", "user:2", "user:3")] == ["post_purchase"] * 3


def test_a_deal_may_name_an_id_that_is_linked_later() -> None:
    come_to = in_any_order(
        deal_opened("1", at(1), "anon:a"),
        view("user:1", at(0)),
        link("anon:a", "user:1", at(9)),
        sent("close", "deal:1", at(5), outcome="won"),
    )
    assert stages(come_to, "user:1") == ["awareness", "decision", "post_purchase"]


def test_one_id_of_a_person_may_take_part_and_another_have_said_it() -> None:
    """The call under the smaller id gives way to the one under the other; the deal keeps both, and the person takes part by either."""
    in_any_order(
        deal_opened("1", at(0)), sent("call", "anon:a", at(1), id="c", deal="1"), sent("call", "user:1", at(2), id="c"),
        link("anon:a", "user:1", at(3)), sent("close", "deal:1", at(5), outcome="won"),
    )  # fmt: skip


@pytest.mark.parametrize("subject", ["account:acme", "company:self"])
def test_what_a_company_or_an_account_does_in_a_deal_reaches_its_people(subject: str) -> None:
    in_any_order(
        deal_opened("1", at(0), "user:1"), sent("custom", subject, at(1), deal="1"), link("user:1", "anon:a", at(2)),
        sent("custom", subject, at(1), id="x", deal="2"),
    )  # fmt: skip


def noticed(by: Definition, *lines: bytes) -> list[tuple[str, str]]:
    """Who entered which stage by what an account said; fails where an order of `lines` comes to something else."""
    return [(one.person, one.stage) for one in of(StageEntered, in_any_order(*lines, by=by)) if one.rule == "account-noticed"]


def test_what_an_account_says_of_itself_reaches_who_ever_joined_it_and_nobody_where_those_are_too_many() -> None:
    by = noticing(definition(account_people_max=2))
    said = sent("account_updated", "account:acme", at(3), tier="a")
    joined = [sent("account_joined", f"user:{number}", at(number), account="acme") for number in (1, 2, 5)]
    left = sent("account_left", "user:1", at(2), account="acme")
    both = [("user:1", "awareness"), ("user:2", "awareness")]
    assert noticed(by, said, *joined[:2], left) == both
    assert noticed(by, said, *joined, link("user:1", "anon:a", at(4))) == []
    assert noticed(by, said, *joined, retraction(joined[2], at(9))) == both
    assert noticed(by, said, retraction(said, at(9)), *joined[:2]) == []
    assert noticed(by, said, joined[0], joined[1], link("user:1", "user:2", at(4))) == both[:1]
    assert noticed(by, said, sent("account_joined", "user:3", at(1), account="globex")) == []
