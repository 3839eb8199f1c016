"""Stages and scores. Touches and conversions are in test_touches, leads in test_leads, what time brings in test_deadlines."""

from collections import Counter
from typing import Any

import pytest

from journey.facts import NEVER, Described, Excluded, Lowered, Ordered, Outlook, Scored, Touched
from journey.instants import DAY, HOUR
from schemas.definition_files import default_definition
from tests.journey.builders import (
    FRIDAY,
    HELD,
    ME,
    MONDAY,
    STAGES,
    THURSDAY,
    TUESDAY,
    VIEWED,
    WEDNESDAY,
    at,
    closed,
    definition,
    derived,
    keys,
    moves,
    on,
    only,
    opened,
    stages,
    touch,
)

DEFAULT = default_definition()

# --- stages by rules


def test_nobody_who_did_nothing_is_anywhere() -> None:
    journey, facts = derived()
    assert journey.stage == ""
    assert not facts


def test_a_first_contact_makes_aware() -> None:
    journey, facts = derived(touch("page_view"))
    assert journey.stage == "awareness"
    assert stages(facts) == [("awareness", MONDAY)]


def test_a_demo_takes_a_reader_to_consideration() -> None:
    demo = touch("demo", at=TUESDAY)
    _, facts = derived(touch("content_view"), demo)
    assert stages(facts) == [("awareness", MONDAY), ("consideration", TUESDAY)]
    entered = moves(facts)[-1]
    assert (entered.left_stage, entered.rule, entered.because) == ("awareness", "demo-held", keys(demo))


def test_a_demo_that_was_not_held_moves_nobody() -> None:
    journey, _ = derived(touch("content_view"), touch("demo", at=TUESDAY, status="no_show"))
    assert journey.stage == "awareness"


def test_a_stage_may_be_the_first_one_whichever_it_is() -> None:
    _, facts = derived(touch("demo"))
    assert [(fact.stage, fact.left_stage) for fact in moves(facts)] == [("consideration", "")]


def test_moves_to_a_later_stage_along_the_journey_are_onward_and_no_others() -> None:
    ways = {**STAGES, "awareness": [*STAGES["awareness"], {"name": "again", "from": ["consideration"], "when": {"types": "call"}}]}
    history = [touch("page_view"), touch("demo", at=TUESDAY), touch("call", at=TUESDAY + 1), touch("demo", at=TUESDAY + 2)]
    _, facts = derived(*history, by=definition(ways))
    assert [(one.stage, one.is_onward) for one in moves(facts)] == [
        ("awareness", 1), ("consideration", 1), ("awareness", 0), ("consideration", 1),
    ]  # fmt: skip


def test_nobody_goes_back_because_of_an_old_article() -> None:
    _, facts = derived(touch("demo"), touch("content_view", at=TUESDAY))
    assert stages(facts) == [("consideration", MONDAY)]


def test_a_way_back_is_one_that_a_rule_names() -> None:
    back = {"name": "back-again", "from": ["lost"], "when": VIEWED}
    ways = {**STAGES, "awareness": [*STAGES["awareness"], back]}
    history = [touch("demo"), touch("content_view", at=MONDAY + 40 * DAY)]
    _, facts = derived(*history, by=definition(ways))
    assert stages(facts) == [("consideration", MONDAY), ("lost", MONDAY + 30 * DAY), ("awareness", MONDAY + 40 * DAY)]
    assert moves(facts)[-1].left_stage == "lost"
    _, facts = derived(*history)
    assert stages(facts)[-1] == ("lost", MONDAY + 30 * DAY)


def test_a_touchpoint_makes_one_move_and_the_last_stage_that_it_reaches_is_it() -> None:
    ways = {**STAGES, "consideration": [{"name": "seen", "when": VIEWED}]}
    _, facts = derived(touch("page_view"), touch("page_view", at=TUESDAY), by=definition(ways))
    assert stages(facts) == [("consideration", MONDAY)]


def test_a_touchpoint_of_the_same_instant_may_make_the_next_move() -> None:
    _, facts = derived(touch("page_view", id="1"), touch("demo", id="2"))
    assert [(fact.stage, fact.at, fact.nth) for fact in moves(facts)] == [("awareness", MONDAY, 0), ("consideration", MONDAY, 1)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"source": "a", "id": "2"}, {"source": "b", "id": "1"}),
        ({"id": "1"}, {"id": "2"}),
        ({"id": "1", "subject": "anon:a"}, {"id": "1", "subject": "user:7"}),
        ({"id": "é"}, {"id": "😀"}),
    ],
)
def test_touchpoints_of_one_instant_are_read_by_source_then_id_then_subject(first: Any, second: Any) -> None:
    for one, other in (("page_view", "demo"), ("demo", "page_view")):
        _, facts = derived(touch(one, **first), touch(other, **second), ids=("user:7", "anon:a"))
        assert stages(facts) == [("awareness", MONDAY), ("consideration", MONDAY)][0 if one == "page_view" else 1 :]


# --- conditions and their evidence


def counting(times: int = 3, **more: Any) -> Any:
    count = {"times": times, "of": {"types": "content_view"}, "within": "14d"} | more
    return definition({**STAGES, "consideration": [{"name": "read", "when": {"count": count}}]})


def test_three_articles_within_the_window_count_and_all_are_the_reason() -> None:
    read = [touch("content_view", at=MONDAY + n * DAY) for n in range(3)]
    _, facts = derived(*read, by=counting())
    assert moves(facts)[-1].stage == "consideration"
    assert moves(facts)[-1].because == keys(*read)


def test_a_window_holds_what_lies_exactly_its_length_back_and_nothing_before() -> None:
    for early, stage in ((0, "consideration"), (1, "awareness")):
        read = [touch("content_view", at=when) for when in (MONDAY - early, TUESDAY, MONDAY + 14 * DAY)]
        assert derived(*read, by=counting())[0].stage == stage


def test_of_many_that_count_the_last_ones_are_kept() -> None:
    by = counting(times=2, within="100d").model_copy(update={"bounds": DEFAULT.bounds.model_copy(update={"evidence_max": 4})})
    aware = [touch("content_view", at=MONDAY + n * HOUR) for n in range(9)]
    journey, facts = derived(*aware, by=by)
    assert moves(facts)[-1].because == keys(*aware[:2])
    assert len(journey.counts[0]) == 4


def test_a_score_holds_because_of_all_points_that_count() -> None:
    views = [touch("page_view", at=MONDAY + n * HOUR, url=f"/{n}") for n in range(4)]
    scoring = [{"name": "view", "when": {"types": "page_view"}, "points": 10, "expires": "30d"}]
    by = definition({**STAGES, "consideration": [{"name": "keen", "when": {"score": {"at_least": 30}}}]}, scoring=scoring)
    _, facts = derived(*views, by=by)
    assert [(fact.stage, fact.at, fact.because) for fact in moves(facts)[1:]] == [("consideration", MONDAY + 2 * HOUR, keys(*views[:3]))]


def test_all_of_several_conditions_hold_because_of_each_and_the_last_one_to_come_sets_it_off() -> None:
    when = {"all": [{"count": {"times": 2, "of": {"types": "content_view"}, "within": "14d"}}, HELD]}
    by = definition({**STAGES, "consideration": [{"name": "both", "when": when}]})
    read, demo = [touch("content_view"), touch("content_view", at=TUESDAY)], touch("demo", at=WEDNESDAY)
    _, facts = derived(*read, demo, by=by)
    assert (moves(facts)[-1].stage, moves(facts)[-1].because) == ("consideration", keys(*read, demo))
    assert derived(demo, *read[:1], by=by)[0].stage == "awareness"


def test_what_holds_already_is_not_set_off_by_a_touchpoint_that_does_not_count_in_it() -> None:
    won = {"name": "won", "when": {"deal": "won"}}
    back = {"name": "back-again", "from": ["consideration"], "when": HELD}
    by = definition({**STAGES, "awareness": [*STAGES["awareness"], back], "consideration": [won]})
    journey, facts = derived(
        touch("page_view"), opened(), closed(at=TUESDAY), touch("demo", at=WEDNESDAY), touch("call", at=THURSDAY), by=by
    )
    assert journey.stage == "awareness"
    assert [fact.rule for fact in moves(facts)] == ["first-contact", "won", "back-again"]


def test_points_taken_away_at_the_same_touchpoint_count_at_once() -> None:
    scoring = [
        {"name": "view", "when": {"types": "page_view"}, "points": 30},
        {"name": "own", "when": {"types": "page_view", "where": {"url": {"contains": "/jobs"}}}, "points": -20},
    ]
    by = definition({**STAGES, "consideration": [{"name": "keen", "when": {"score": {"at_least": 30}}}]}, scoring=scoring)
    assert derived(touch("page_view", url="/jobs"), by=by)[0].stage == "awareness"


def test_a_deal_lost_is_no_reason_while_another_is_open() -> None:
    lost = {"name": "deal-lost", "from": ["awareness"], "when": {"all": [{"deal": "lost"}, {"no_open_deal": True}]}}
    by = definition({"awareness": STAGES["awareness"], "lost": [lost]})
    start = [touch("page_view"), opened("1"), opened("2")]
    first, second = closed("1", at=TUESDAY, outcome="lost"), closed("2", at=WEDNESDAY, outcome="lost")
    assert derived(*start, first, by=by)[0].stage == "awareness"
    _, facts = derived(*start, first, second, by=by)
    assert (moves(facts)[-1].at, moves(facts)[-1].because) == (WEDNESDAY, keys(first, second))


def test_a_rule_on_a_lead_has_the_reasons_of_the_lead() -> None:
    scoring = [{"name": "view", "when": {"types": "page_view"}, "points": 10}]
    lead = {"mql": {"score": {"at_least": 20}}, "sql": {"types": "lead_qualified"}}
    by = definition({**STAGES, "consideration": [{"name": "mql", "when": {"lead": "mql"}}]}, scoring=scoring, lead=lead)
    first, created, second = touch("page_view"), touch("lead_created", at=TUESDAY), touch("page_view", at=WEDNESDAY)
    _, facts = derived(first, created, second, by=by)
    assert (moves(facts)[-1].stage, moves(facts)[-1].because) == ("consideration", keys(first, second))


# --- what reaches a person only through a deal, and what counts nowhere


def test_a_close_moves_everyone_in_the_deal() -> None:
    for id in ("user:7", "user:8"):
        _, facts = derived(opened(people=["user:7", "user:8"]), closed(), by=DEFAULT, name=id, ids=(id,))
        assert stages(facts) == [("decision", MONDAY), ("post_purchase", FRIDAY)]


def test_through_a_deal_come_stage_and_activity_but_no_touch_score_or_lead() -> None:
    scoring = [{"name": "view", "when": {"types": "page_view"}, "points": 10}]
    lead = {"created_by": {"types": "page_view"}, "mql": {"score": {"at_least": 1}}, "sql": {"types": "page_view"}}
    theirs = touch("page_view", subject="user:8", deal="12")
    journey, facts = derived(theirs, by=definition(scoring=scoring, lead=lead))
    assert stages(facts) == [("awareness", MONDAY)]
    assert {type(fact).__name__ for fact in facts} == {"StageEntered", "Outlook"}
    assert only(Outlook, facts)[0].seen_at == MONDAY
    assert not journey.touches
    assert not journey.cycles


@pytest.mark.parametrize("why", [{"test": True}, {"bot": True}, {"network": "internal"}, {"agent": "Googlebot/2.1"}])
def test_bots_and_tests_count_nowhere(why: Any) -> None:
    """Not even as time that passes: the facts are the same without them."""
    kept = [touch("form_submitted", intent="demo"), touch("page_view", at=TUESDAY)]
    left_out = [touch(type, at=MONDAY + n * 60 * DAY, id=f"bot-{n}", **why) for n, type in enumerate(["demo", "page_view", "order_placed"])]
    by = definition(bots={"agents": ["bot"]})
    facts = derived(*kept, *left_out, by=by)[1]
    assert len(only(Excluded, facts)) == len(left_out)
    assert Counter({fact: n for fact, n in facts.items() if not isinstance(fact, Excluded)}) == derived(*kept, by=by)[1]


def test_links_and_retractions_assert_nothing_and_what_we_sent_nothing_but_itself() -> None:
    for type in ("identified", "unlinked", "retracted"):
        assert not derived(touch(type, subject="anon:a"), ids=(ME, "anon:a"))[1]
    for type in ("consent_given", "email_sent", "message"):
        ((fact, count),) = derived(touch(type, subject="anon:a"), ids=(ME, "anon:a"))[1].items()
        assert (fact[0], fact[1], count) == (ME, MONDAY, 1)


# --- scores


def test_points_count_from_their_touchpoint_until_they_expire() -> None:
    scoring = [
        {"name": "view", "when": {"types": "page_view"}, "points": 5, "expires": "30d"},
        {"name": "form", "when": {"types": "form_submitted"}, "points": 25},
    ]
    journey, facts = derived(touch("page_view"), touch("form_submitted", at=TUESDAY), by=definition(scoring=scoring))
    assert only(Scored, facts) == [
        Scored(ME, "form", 25, TUESDAY, on(TUESDAY), NEVER),
        Scored(ME, "view", 5, MONDAY, on(MONDAY), MONDAY + 30 * DAY),
    ]
    assert journey.ledger.score == 30


def test_points_count_for_a_touchpoint_at_the_instant_when_they_expire_and_for_none_after() -> None:
    scoring = [{"name": "view", "when": {"types": "page_view"}, "points": 10, "expires": "20d"}]
    by = definition({**STAGES, "consideration": [{"name": "keen", "when": {"score": {"at_least": 20}}}]}, scoring=scoring)
    for late, stage in ((0, "consideration"), (1, "awareness")):
        assert derived(touch("page_view"), touch("page_view", at=MONDAY + 20 * DAY + late), by=by)[0].stage == stage


def test_a_rule_counts_as_often_as_its_limit_on_each_day_of_the_reporting_zone() -> None:
    scoring = [{"name": "view", "when": {"types": "page_view"}, "points": 1, "per_day_max": 2}]
    by = definition(scoring=scoring, zone="Asia/Tokyo")
    hours = [at(f"2026-03-02T{hour}:00") for hour in (10, 11, 12, 14, 15, 16, 17)]
    _, facts = derived(*(touch("page_view", at=when) for when in hours), by=by)
    assert [fact.at for fact in only(Scored, facts)] == [*hours[:2], *hours[4:6]]  # Midnight in Tokyo is 15:00 UTC.


# --- orders and profiles


def test_orders_and_refunds_are_money_of_the_person_that_they_are_published_under() -> None:
    history = [touch("order_placed", order="o-1", amount="80.00"), touch("refund", at=TUESDAY, order="o-1", amount="20.00")]
    _, facts = derived(*history, touch("refund", at=TUESDAY, subject="deal:12", deal="12", order=None, amount="5.00"))
    assert only(Ordered, facts) == [Ordered(ME, "o-1", MONDAY, on(MONDAY), "EUR", 8000, ("shoes",))]
    assert only(Lowered, facts) == [Lowered(ME, "o-1", TUESDAY, on(TUESDAY), MONDAY, on(MONDAY), "EUR", -2000)]


def test_each_field_that_a_profile_names_changes_and_null_clears_it() -> None:
    first = touch("profile_updated", country="DE", job_title="CTO", traits=None)
    second = touch("profile_updated", at=TUESDAY, country="AT", job_title=None, traits=None)
    _, facts = derived(first, second)
    assert [(fact.field, fact.at, fact.value) for fact in only(Described, facts)] == [
        ("country", MONDAY, "DE"), ("country", TUESDAY, "AT"), ("job_title", MONDAY, "CTO"), ("job_title", TUESDAY, ""),
    ]  # fmt: skip


def test_leaving_an_account_leaves_that_one_only() -> None:
    history = [touch("account_joined", account="a"), touch("account_joined", at=TUESDAY, account="b")]
    _, facts = derived(*history, touch("account_left", at=WEDNESDAY, account="a"))
    assert [fact.value for fact in only(Described, facts)] == ["a", "b"]
    _, facts = derived(*history, touch("account_left", at=WEDNESDAY, account="b"))
    assert [fact.value for fact in only(Described, facts)] == ["a", "b", ""]


def test_what_describes_a_person_takes_no_place_among_the_transitions() -> None:
    _, facts = derived(touch("account_joined", id="1"), touch("page_view", id="2"))
    assert moves(facts)[0].nth == 0


def test_traffic_is_counted_by_day_of_the_reporting_zone() -> None:
    views = [touch("page_view", at=at("2026-03-02T14:59")), touch("page_view", at=at("2026-03-02T15:00"))]
    _, facts = derived(*views, by=definition(zone="Asia/Tokyo"))
    assert [fact.day for fact in only(Touched, facts)] == ["2026-03-02", "2026-03-03"]
