"""Campaigns, content, accounts and the company: statements that replace each other, and fields that hold from an instant on."""

import json
from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey import dimension
from journey.facts import (
    NEVER,
    Aliased,
    ContentAnswer,
    Described,
    Excluded,
    Fact,
    Facts,
    Insight,
    Lowered,
    MediaReport,
    Ordered,
    Spelled,
    Spent,
    Target,
)
from journey.instants import Instant
from journey.touchpoints import Touchpoint
from tests.journey.builders import MONDAY, SMALL, TUESDAY, WEDNESDAY, at, definition, in_order, on, only, touch

MARCH = ("2026-03-01", "2026-03-31")
WEEK = {"period_start": "2026-03-02", "period_end": "2026-03-08"}


def facts_of(*history: Touchpoint, subject: str = "campaign:spring") -> Facts:
    return dimension.derive(SMALL, subject, in_order(history))[1]


def spend(amount: str = "70.00", *, at: Instant = MONDAY, stated_at: str | None = None, **fields: Any) -> Touchpoint:
    return touch("spend_recorded", at=at, amount=amount, stated_at=stated_at, **WEEK | fields)


def by_day(facts: Facts) -> dict[str, int]:
    return {fact.day: fact.amount_minor for fact in only(Spent, facts)}


def said(facts: Facts, field: str) -> list[tuple[Instant, str]]:
    return [(fact.at, fact.value) for fact in sorted(only(Described, facts), key=lambda fact: (fact.at, fact.nth)) if fact.field == field]


# --- spend


@pytest.mark.parametrize(
    ("amount", "currency", "parts"),
    [
        ("70.00", "EUR", [1000] * 7),
        ("70.03", "EUR", [1001, 1001, 1001, 1000, 1000, 1000, 1000]),
        ("0.02", "EUR", [1, 1]),
        ("10", "JPY", [2, 2, 2, 1, 1, 1, 1]),
        ("0.010", "KWD", [2, 2, 2, 1, 1, 1, 1]),
        ("-0.09", "EUR", [-2, -2, -1, -1, -1, -1, -1]),
        ("0", "EUR", []),
    ],
)
def test_spend_is_spread_over_its_days_to_the_last_minor_unit_and_the_first_days_take_the_rest(
    amount: str, currency: str, parts: list[int]
) -> None:
    spent = by_day(facts_of(spend(amount, currency=currency)))
    assert spent == {f"2026-03-0{2 + n}": part for n, part in enumerate(parts)}


def test_both_days_belong_to_a_period_and_a_day_is_one() -> None:
    assert by_day(facts_of(spend("9.99", period_end="2026-03-02"))) == {"2026-03-02": 999}


def test_spend_on_a_campaign_is_the_campaigns_and_comes_from_its_source_unless_it_says_otherwise() -> None:
    (first, *_) = only(Spent, facts_of(spend(campaign=None, provider=None, source="urn:ads")))
    assert first[1:7] == ("spring", "search", "marketing", "media", "urn:ads", "EUR")
    (first, *_) = only(Spent, facts_of(spend(campaign=None, subject="company:self"), subject="company:self"))
    assert (first.campaign, first.provider) == ("", "google")


# --- statements


def test_of_statements_of_one_key_the_last_stated_counts_whatever_its_place_in_the_history() -> None:
    versions = [
        spend("1.00", at=WEDNESDAY, id="a"),
        spend("2.00", at=MONDAY, id="b", stated_at="2026-03-20T00:00:00Z"),
        spend("3.00", at=TUESDAY, id="c", stated_at="2026-03-01T00:00:00Z"),
    ]
    assert sum(by_day(facts_of(*versions)).values()) == 200


def test_stated_at_the_same_time_the_greater_source_and_then_id_counts() -> None:
    found = facts_of(spend("1.00", source="a", id="9"), spend("2.00", source="b", id="1"), spend("3.00", source="a", id="8"))
    assert sum(by_day(found).values()) == 200


def test_statements_of_different_keys_all_count() -> None:
    found = facts_of(spend("1.00", id="a"), spend("2.00", id="b", channel="social"), spend("4.00", id="c", period_end="2026-03-03"))
    assert sum(fact.amount_minor for fact in only(Spent, found)) == 700


def test_a_key_that_the_sender_gives_is_the_key() -> None:
    found = facts_of(spend("1.00", id="a", statement="x"), spend("2.00", at=TUESDAY, id="b", statement="x", channel="social"))
    assert sum(fact.amount_minor for fact in only(Spent, found)) == 200


def test_what_a_restatement_takes_back_is_handed_out_with_the_opposite_sign() -> None:
    before, facts = dimension.derive(SMALL, "campaign:spring", [spend("0.01")])
    _, changed = dimension.advance(SMALL, before, [spend("0.02", at=TUESDAY)])
    assert {(fact.day, fact.amount_minor): count for fact, count in changed.items() if isinstance(fact, Spent)} == {("2026-03-03", 1): 1}
    assert by_day(Facts(facts) + changed) == {"2026-03-02": 1, "2026-03-03": 1}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab")), max_size=6), st.data())
def test_any_steps_and_any_order_of_stating_come_to_the_same(stated: list[tuple[int, int, str]], data: st.DataObject) -> None:
    history = in_order(
        spend(f"{n}.00", at=MONDAY + late, id=str(n), channel=channel, stated_at=f"2026-03-0{2 + version}T00:00:00Z")
        for n, (late, version, channel) in enumerate(stated, start=1)
    )
    last: dict[str, tuple[int, int]] = {}
    for n, (_, version, channel) in enumerate(stated, start=1):
        last[channel] = max(last.get(channel, (-1, 0)), (version, n))
    journey, added = dimension.DimensionJourney("campaign:spring"), Facts()
    rest = history
    while rest:
        some = data.draw(st.integers(1, len(rest)))
        journey, more = dimension.advance(SMALL, journey, rest[:some])
        added.update(more)
        rest = rest[some:]
    assert all(count > 0 for count in (+added).values())
    assert +added == added
    assert sum(fact.amount_minor * count for fact, count in added.items() if isinstance(fact, Spent)) == sum(
        n * 100 for _, n in last.values()
    )
    assert (journey, added) == dimension.derive(SMALL, "campaign:spring", history)


# --- what is described


def test_a_campaign_is_described_from_its_launch_on_and_lists_are_json() -> None:
    found = facts_of(touch("campaign_launched", aliases=["spring 26", 'a "b", c']))
    assert said(found, "name") == [(MONDAY, "Spring")]
    assert [json.loads(value) for _, value in said(found, "aliases")] == [["spring 26", 'a "b", c']]


def test_a_launch_restated_says_how_the_campaign_always_was() -> None:
    first, again = touch("campaign_launched"), touch("campaign_launched", at=WEDNESDAY, name="Spring sale")
    assert said(facts_of(first, again), "name") == [(MONDAY, "Spring sale")]


def test_fields_of_an_account_hold_until_the_next_is_named_and_null_clears() -> None:
    history = [
        touch("account_updated", name="Acme", industry=None, employees=0),
        touch("account_updated", at=TUESDAY, name="Acme Inc", employees=12),
        touch("account_updated", at=WEDNESDAY, name=None, employees=None),
    ]
    found = facts_of(*history, subject="account:acme")
    assert said(found, "name") == [(MONDAY, "Acme"), (TUESDAY, "Acme Inc"), (WEDNESDAY, "")]
    assert said(found, "employees") == [(MONDAY, "0"), (TUESDAY, "12"), (WEDNESDAY, "")]


def test_fields_named_at_one_instant_are_told_apart_by_their_place() -> None:
    found = facts_of(*(touch("account_updated", id=name, name=name) for name in "abc"), subject="account:acme")
    assert [value for _, value in said(found, "name")] == ["a", "b", "c"]
    places = [fact.nth for fact in only(Described, found)]
    assert len(set(places)) == len(places)


def test_orders_of_an_account_are_its_own() -> None:
    history = [
        touch("order_placed", subject="account:acme", order="o-1", amount="80.00"),
        touch("refund", at=TUESDAY, subject="account:acme", order="o-1", amount="5.00"),
    ]
    facts = facts_of(*history, subject="account:acme")
    assert only(Ordered, facts) == [Ordered("account:acme", "o-1", MONDAY, on(MONDAY), "EUR", 8000, ("shoes",))]
    assert only(Lowered, facts) == [Lowered("account:acme", "o-1", TUESDAY, on(TUESDAY), MONDAY, on(MONDAY), "EUR", -500)]


def test_tests_leave_no_fact_but_that_they_were_excluded() -> None:
    for name in ("spend_recorded", "press_mention", "media_reported", "target_set", "market_insight", "fx_rate", "account_updated"):
        one = touch(name, test=True)
        assert facts_of(one, subject=one.subject) == Counter([Excluded(one.subject, "2026-03-02", name, "test")])


def test_content_answers_what_it_says_it_answers_and_else_its_topics_as_stated_last() -> None:
    def answered(*history: Touchpoint) -> list[str]:
        return sorted(one.topic for one in only(ContentAnswer, facts_of(*history, subject="content:guide")))

    assert answered(touch("content_published", topics=["price", "price", "import"])) == ["import", "price"]
    assert answered(touch("content_published", topics=["price"], answers=["security"])) == ["security"]
    restated = touch("content_published", at=TUESDAY, topics=["import"])
    assert answered(touch("content_published", topics=["price"], answers=["security"]), restated) == ["import"]


def test_a_platforms_query_is_branded_where_a_brand_term_is_in_it() -> None:
    by = definition(brand_terms=["Acme"])
    for query, is_brand in (("acme crm", 1), ("crm", 0), (None, 0)):
        _, facts = dimension.derive(by, "campaign:spring", [touch("media_reported", query=query)])
        assert [one.is_brand for one in only(MediaReport, facts)] == [is_brand]


# --- what is stated of a period, of sellers, of campaigns' other names


def test_what_is_stated_of_a_period_is_of_its_days_and_spread_over_none() -> None:
    (insight,) = only(Insight, facts_of(touch("market_insight", value="340.5", total="1000"), subject="company:self"))
    assert insight[:-1] == (*MARCH, "panel", "share_of_voice", "mentions", "de", "", "340.5", 340_500, "1000", 1_000_000, "")
    (target,) = only(Target, facts_of(touch("target_set", value="50000.005"), subject="company:self"))
    assert target[:-1] == (*MARCH, "won_value", "", "north", "", "", "50000.005", 50_000_005, 5_000_000, "EUR")
    (report,) = only(MediaReport, facts_of(touch("media_reported", campaign=None, channel="")))
    assert report[:-1] == (*MARCH, "google", "(blank)", "spring", "", "", 0, 120_000, 900, -1, -1, -1, -1)


def test_of_insights_and_targets_too_the_last_stated_counts() -> None:
    for name, kind in (("market_insight", Insight), ("target_set", Target)):
        found = only(kind, facts_of(touch(name, value="1"), touch(name, at=TUESDAY, value="2"), subject="company:self"))
        assert [fact.value for fact in found] == ["2"]


def test_a_seller_is_in_one_team_until_the_day_of_the_next() -> None:
    history = [
        touch("seller_updated", at=WEDNESDAY, team="south", **{"from": "2026-03-03"}),
        touch("seller_updated", team="west", id="a", **{"from": "2026-01-01"}),
        touch("seller_updated", at=TUESDAY, team="north", manager="eve", active=True, id="b", **{"from": "2026-01-01"}),
        touch("seller_updated", team="", owner="old", **{"from": "0001-01-01"}),
    ]
    facts = facts_of(*history, subject="company:self")
    assert {(fact.subject, fact.field, fact.at, fact.value) for fact in only(Described, facts)} == {
        ("owner:ann", "team", at("2026-01-01T00:00"), "north"),
        ("owner:ann", "manager", at("2026-01-01T00:00"), "eve"),
        ("owner:ann", "active", at("2026-01-01T00:00"), "true"),
        ("owner:ann", "team", at("2026-03-03T00:00"), "south"),
        ("owner:old", "team", 0, ""),
    }


def test_who_says_an_alias_of_a_campaign_means_it_however_it_is_written() -> None:
    first = touch("campaign_launched", aliases=["SPRING 26", "Spring 26", "x"])
    assert only(Aliased, facts_of(first)) == [
        Aliased("spring 26", "spring", MONDAY, "2026-03-02", NEVER),
        Aliased("x", "spring", MONDAY, "2026-03-02", NEVER),
    ]
    again = touch("campaign_launched", at=WEDNESDAY, aliases=["y"])
    assert only(Aliased, facts_of(first, again)) == [Aliased("y", "spring", MONDAY, "2026-03-02", NEVER)]


def test_a_campaign_that_spend_names_otherwise_than_folded_is_spelled() -> None:
    found = facts_of(spend(campaign="SPRING", subject="campaign:SPRING"), subject="campaign:SPRING")
    assert only(Spelled, found) == [Spelled("SPRING", "spring")]
    assert not only(Spelled, facts_of(spend()))


def test_a_history_in_another_order_is_the_same_once_sorted() -> None:
    history = [spend("1.00", id="a"), spend("2.00", id="b"), touch("campaign_launched"), touch("campaign_ended", at=TUESDAY)]
    found: set[frozenset[tuple[Fact, int]]] = {frozenset(facts_of(*order).items()) for order in permutations(history)}
    assert len(found) == 1
