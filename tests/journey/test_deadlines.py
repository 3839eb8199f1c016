"""What only time brings: inactivity, the SLA, points that expire. No test here has a clock, because no fold has one."""

from datetime import date
from typing import Any

import pytest

from journey import person_fold
from journey.facts import Facts, LeadMoved, Outlook, StageEntered, subtract
from journey.instants import DAY, HOUR, Instant, start_of_day
from tests.journey.builders import (
    ME,
    MONDAY,
    STAGES,
    TUESDAY,
    VIEWED,
    WEDNESDAY,
    ahead,
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
    steps,
    touch,
)

LIMIT = MONDAY + 30 * DAY
FROM_AWARENESS: dict[str, Any] = {"name": "silent", "from": ["awareness"], "inactive": "30d"}
VIEWS = [{"name": "view", "when": {"types": "page_view"}, "points": 10, "expires": "20d"}]
COOLED = {"name": "cooled", "from": ["awareness"], "score_below": 20}


def strikes(facts: Facts) -> list[StageEntered | LeadMoved]:
    (outlook,) = only(Outlook, facts)
    return outlook.strikes


def by(*rules: dict[str, Any], **parts: Any) -> Any:
    """A definition in which one is aware, and then what these rules say."""
    return definition({"awareness": STAGES["awareness"], "lost": list(rules)}, **parts)


# --- inactivity


@pytest.mark.parametrize(("late", "struck"), [(-1, False), (0, False), (1, True)])
def test_a_deadline_comes_after_the_touchpoints_of_its_instant_and_before_any_later_one(late: int, struck: bool) -> None:
    back = {"name": "back", "from": ["lost"], "when": VIEWED}
    ways = {**STAGES, "awareness": [*STAGES["awareness"], back]}
    _, facts = derived(touch("page_view"), touch("page_view", at=LIMIT + late), by=definition(ways))
    found = [("awareness", MONDAY), ("lost", LIMIT), ("awareness", LIMIT + late)]
    assert stages(facts) == (found if struck else found[:1])


def test_what_will_strike_is_asserted_with_its_instant_and_not_as_a_stage_entered() -> None:
    _, facts = derived(touch("page_view"))
    assert strikes(facts) == [StageEntered(ME, "lost", LIMIT, on(LIMIT), 0, "awareness", LIMIT - MONDAY, 0, "silent", ())]
    assert stages(facts) == [("awareness", MONDAY)]


def test_silence_is_because_of_the_last_activity() -> None:
    views = [touch("page_view"), touch("page_view", at=TUESDAY)]
    _, facts = derived(*views, touch("email_sent", at=MONDAY + 90 * DAY))
    lost = moves(facts)[-1]
    assert (lost.stage, lost.at, lost.rule, lost.because) == ("lost", TUESDAY + 30 * DAY, "silent", keys(views[1]))


def test_silence_is_because_of_all_activity_of_the_last_instant() -> None:
    views = [touch("page_view", at=TUESDAY, id=id) for id in ("a", "b", "c")]
    (*_, lost) = moves(derived(touch("page_view"), *views, touch("email_sent", at=LIMIT + 2 * DAY))[1])
    assert (lost.stage, lost.because) == ("lost", keys(*views))
    few = definition(bounds={"evidence_max": 2})
    (*_, lost) = moves(derived(touch("page_view"), *views, touch("email_sent", at=LIMIT + 2 * DAY), by=few)[1])
    assert lost.because == keys(*views[1:])


def test_inactivity_runs_from_the_entry_where_that_is_later_and_from_both_where_they_are_at_once() -> None:
    ways = {**STAGES, "consideration": [{"name": "sent", "when": {"types": ["email_delivered", "need_stated"]}}]}
    view, mail = touch("page_view"), touch("email_delivered", at=TUESDAY)
    late = touch("email_sent", at=MONDAY + 90 * DAY)
    lost = moves(derived(view, mail, late, by=definition(ways))[1])[-1]
    assert (lost.at, lost.because) == (TUESDAY + 30 * DAY, keys(mail))
    view, mail = touch("page_view", at=TUESDAY, id="b"), touch("email_delivered", at=TUESDAY, id="a")
    lost = moves(derived(mail, view, late, by=definition(ways))[1])[-1]
    assert (lost.at, lost.because) == (TUESDAY + 30 * DAY, keys(view, mail))


def test_what_is_no_activity_puts_nothing_off() -> None:
    for type in ("email_sent", "email_opened", "profile_updated", "lead_created", "order_placed"):
        _, facts = derived(
            touch("page_view"),
            touch(type, at=TUESDAY),
            by=definition(handoff={"starts": ["created"], "limit": "400d", "business_time": False}),
        )
        assert ("lost", LIMIT) in ahead(facts)


def test_what_the_definition_takes_back_of_a_type_is_no_activity_either() -> None:
    ours = definition(not_activity=[{"types": "call", "where": {"direction": "out"}}])
    for direction, when in (("out", LIMIT), ("in", LIMIT + DAY)):
        assert ahead(derived(touch("page_view"), touch("call", at=TUESDAY, direction=direction), by=ours)[1]) == [("lost", when)]


def test_an_open_deal_holds_silence_off_until_it_closes_which_is_a_reason_too() -> None:
    rules = by({**FROM_AWARENESS, "unless_deal_open": True})
    start = [touch("page_view"), opened(at=TUESDAY)]
    assert ahead(derived(*start, by=rules)[1]) == []
    for when, struck in ((WEDNESDAY, LIMIT), (LIMIT, LIMIT), (LIMIT + DAY, LIMIT + DAY)):
        close = closed(at=when)
        assert ahead(derived(*start, close, by=rules)[1]) == [("lost", struck)]
        assert moves(derived(*start, close, touch("email_sent", at=MONDAY + 90 * DAY), by=rules)[1])[-1].because == keys(start[0], close)


def test_a_limit_of_days_is_as_long_across_a_change_of_clocks() -> None:
    zone = "Europe/Berlin"
    before = at("2026-03-20T12:00")  # The clocks go forward on the 29th.
    _, facts = derived(touch("page_view", at=before), by=definition(zone=zone))
    assert strikes(facts)[0].at - before == 30 * DAY
    assert strikes(facts)[0].at - start_of_day(date(2026, 4, 19), zone) == 14 * HOUR


# --- the chain of what is to come

GONE = {"name": "gone", "from": ["lost"], "inactive": "10d"}
CHAINED = definition({"awareness": STAGES["awareness"], "lost": [FROM_AWARENESS], "churned": [GONE]})


def test_the_outlook_holds_the_whole_chain_in_order() -> None:
    rules = by(FROM_AWARENESS, handoff={"starts": ["created"], "limit": "4h", "expire_after": "2d", "business_time": False})
    _, facts = derived(touch("page_view"), by=CHAINED)
    assert [(one.stage, one.left_stage, one.at) for one in strikes(facts)] == [
        ("lost", "awareness", LIMIT),
        ("churned", "lost", LIMIT + 10 * DAY),
    ]
    _, facts = derived(touch("page_view", id="1"), touch("lead_created", id="2"), by=rules)
    assert ahead(facts) == [("breached", MONDAY + 4 * HOUR), ("expired", MONDAY + 2 * DAY), ("lost", LIMIT)]
    assert [(one.cycle, one.basis, one.rule) for one in strikes(facts) if isinstance(one, LeadMoved)] == [
        (1, "created", "breached"),
        (1, "created", "expired"),
    ]


def test_a_chain_struck_by_a_later_touchpoint_is_the_one_that_was_asserted() -> None:
    _, asserted = derived(touch("page_view"), by=CHAINED)
    _, struck = derived(touch("page_view"), touch("email_sent", at=MONDAY + 90 * DAY), by=CHAINED)
    assert [(one.stage, one.at, one.nth, one.left_stage, one.rule) for one in strikes(asserted) if isinstance(one, StageEntered)] == [
        (move.stage, move.at, move.nth, move.left_stage, move.rule) for move in moves(struck)[1:]
    ]
    assert moves(struck)[2].because == moves(struck)[1].because == keys(touch("page_view"))


EACH_AT_ONCE: dict[str, Any] = {
    "scoring": [{"name": "form", "when": {"types": "form_submitted"}, "points": 10, "expires": "30d"}],
    "handoff": {"starts": ["created"], "limit": "30d", "business_time": False},
    "lead": {"created_by": {"types": "form_submitted"}, "mql": {"score": {"at_least": 99}}, "sql": {"types": "lead_qualified"}},
}


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (["score_expiry", "sla", "inactivity"], ["lost", "breached"]),
        (["sla", "inactivity", "score_expiry"], ["breached", "churned"]),
        (["inactivity", "sla", "score_expiry"], ["churned", "breached"]),
    ],
)
def test_deadlines_of_one_instant_strike_in_the_order_of_the_definition(order: list[str], names: list[str]) -> None:
    rules = definition(
        {
            "awareness": STAGES["awareness"],
            "lost": [{"name": "cooled", "from": ["awareness"], "score_below": 10}],
            "churned": [{"name": "silent", "from": ["awareness", "lost"], "inactive": "30d"}],
        },
        deadline_order=order,
        **EACH_AT_ONCE,
    )
    _, facts = derived(touch("form_submitted"), by=rules)
    at_once = [one for one in strikes(facts) if one.at == LIMIT]
    assert [one.stage if isinstance(one, StageEntered) else one.step for one in at_once] == names
    assert [one.nth for one in at_once] == list(range(len(at_once)))


def test_rules_that_strike_at_once_are_tried_from_the_last_stage_on() -> None:
    ways = {**STAGES, "churned": [{"name": "gone", "from": ["awareness"], "inactive": "30d"}]}
    assert ahead(derived(touch("page_view"), by=definition(ways))[1]) == [("churned", LIMIT)]


def test_the_place_of_a_strike_follows_the_transitions_of_its_instant() -> None:
    history = [
        touch("page_view"),
        touch("demo", at=LIMIT, id="1"),
        touch("lead_created", at=LIMIT, id="2"),
        touch("email_sent", at=LIMIT + DAY),
    ]
    _, facts = derived(*history)
    assert [(cycle, step) for cycle, step, _ in steps(facts)] == [(1, "created"), (1, "breached")]
    assert [(move.stage, move.nth) for move in moves(facts) if move.at == LIMIT] == [("consideration", 0)]


# --- points that expire


def test_a_score_falls_below_when_points_expire_because_of_all_that_had_counted_until_then() -> None:
    views = [touch("page_view", at=MONDAY + n * DAY) for n in range(3)]
    _, facts = derived(*views, touch("email_sent", at=MONDAY + 90 * DAY), by=by(COOLED, scoring=VIEWS))
    lost = moves(facts)[-1]
    assert (lost.at, lost.rule, lost.because) == (TUESDAY + 20 * DAY, "cooled", keys(*views[1:]))


def test_a_score_falls_below_when_points_are_taken_away_after_all_touchpoints_of_that_instant() -> None:
    scoring = [*VIEWS, {"name": "gone", "when": {"types": "email_unsubscribed"}, "points": -5}]
    views, gone = [touch("page_view", at=MONDAY + n) for n in range(2)], touch("email_unsubscribed", at=TUESDAY, id="a")
    _, facts = derived(*views, gone, by=by(COOLED, scoring=scoring))
    assert ahead(facts) == [("lost", TUESDAY)]
    seen_again = touch("page_view", at=TUESDAY, id="b")
    assert ahead(derived(*views, gone, seen_again, by=by(COOLED, scoring=scoring))[1]) == [("lost", MONDAY + 20 * DAY)]
    _, facts = derived(*views, gone, touch("email_sent", at=WEDNESDAY), by=by(COOLED, scoring=scoring))
    assert (moves(facts)[-1].at, moves(facts)[-1].because) == (TUESDAY, keys(*views, gone))


def test_a_score_that_was_low_on_entry_does_not_fall() -> None:
    assert ahead(derived(touch("page_view"), by=by(COOLED, scoring=VIEWS))[1]) == []


def test_a_fall_that_an_open_deal_held_off_strikes_when_it_closes_unless_the_score_rose_again() -> None:
    rules = by({**COOLED, "unless_deal_open": True}, scoring=VIEWS)
    start = [touch("page_view", at=MONDAY + n) for n in range(2)] + [opened(at=TUESDAY)]
    close = closed(at=MONDAY + 60 * DAY)
    assert ahead(derived(*start, by=rules)[1]) == []
    assert ahead(derived(*start, touch("email_sent", at=MONDAY + 50 * DAY), close, by=rules)[1]) == [("lost", MONDAY + 60 * DAY)]
    risen = [touch("page_view", at=MONDAY + 59 * DAY + n) for n in range(2)]
    assert ahead(derived(*start, *risen, close, by=rules)[1]) == [("lost", MONDAY + 79 * DAY)]


# --- what a touchpoint withdraws and puts off


def test_the_next_activity_takes_the_outlook_back_and_asserts_it_anew() -> None:
    journey, first = derived(touch("page_view"))
    _, changed = person_fold.advance(definition(), journey, [touch("page_view", at=TUESDAY)], {})
    assert changed[only(Outlook, first)[0]] == -1
    assert [fact.ahead[0].at for fact, count in changed.items() if isinstance(fact, Outlook) and count == 1] == [TUESDAY + 30 * DAY]


def test_what_struck_before_the_next_touchpoint_stays() -> None:
    journey, _ = derived(touch("page_view"))
    _, changed = person_fold.advance(definition(), journey, [touch("page_view", at=LIMIT + DAY)], {})
    assert {(fact.stage, fact.at): count for fact, count in changed.items() if isinstance(fact, StageEntered)} == {("lost", LIMIT): 1}


def test_a_touchpoint_that_comes_late_withdraws_what_would_not_have_struck() -> None:
    early, late = touch("page_view"), touch("page_view", at=MONDAY + 50 * DAY)
    _, without = derived(early, late)
    _, within = derived(early, touch("page_view", at=MONDAY + 25 * DAY), late)
    changed = subtract(within, without)
    assert [(fact.stage, fact.at, count) for fact, count in changed.items() if isinstance(fact, StageEntered)] == [("lost", LIMIT, -1)]
    assert ("lost", LIMIT) in stages(without)


# --- the example of DESIGN.md, all the way


def test_the_example_all_the_way() -> None:
    lead = {"created_by": {"types": "form_submitted"}, "mql": {"score": {"at_least": 99}}, "sql": {"types": "lead_qualified"}}
    rules = definition(lead=lead, handoff={"starts": ["created"], "limit": "400d", "business_time": False})
    click = touch("ad_click", at=at("2026-03-01T10:00"), subject="anon:a")
    form = touch("form_submitted", at=at("2026-03-02T09:00"), subject="anon:a", intent="demo")
    demo = touch("demo", at=at("2026-03-09T15:00"))
    view = touch("content_view", at=at("2026-02-01T08:00"), subject="anon:a")

    def lost(facts: Facts) -> Instant:
        return next(when for name, when in ahead(facts) if name == "lost")

    journey, unit_1 = derived(click, by=rules, name="anon:a", ids=("anon:a",))
    assert (stages(unit_1), lost(unit_1)) == ([("awareness", click.occurred_at)], click.occurred_at + 30 * DAY)
    _, more = person_fold.advance(rules, journey, [form], {})
    unit_1.update(more)
    assert (steps(unit_1), lost(+unit_1)) == ([(1, "created", form.occurred_at)], at("2026-04-01T09:00"))

    _, unit_2 = derived(demo, by=rules)
    assert (stages(unit_2), lost(unit_2)) == ([("consideration", demo.occurred_at)], at("2026-04-08T15:00"))

    _, unit_3 = derived(click, form, demo, by=rules, ids=(ME, "anon:a"))
    assert stages(unit_3) == [("awareness", click.occurred_at), ("consideration", demo.occurred_at)]
    assert (steps(unit_3), lost(unit_3)) == ([(1, "created", form.occurred_at)], at("2026-04-08T15:00"))
    assert {fact[0] for fact in unit_3} == {ME}

    _, unit_4 = derived(view, click, form, demo, by=rules, ids=(ME, "anon:a"))
    assert stages(unit_4) == [("awareness", view.occurred_at), ("consideration", demo.occurred_at)]
    assert lost(unit_4) == lost(unit_3)

    later = touch("page_view", at=at("2026-04-20T00:00"))
    struck = moves(derived(view, click, form, demo, later, by=rules, ids=(ME, "anon:a"))[1])[-1]
    assert (struck.stage, struck.at, struck.rule, struck.because) == ("lost", at("2026-04-08T15:00"), "silent", keys(demo))
