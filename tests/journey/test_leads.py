"""Lead cycles: when one opens and ends, which one a touchpoint belongs to, and the clock of the handoff."""

from collections.abc import Sequence
from typing import Any

import pytest

from journey.facts import LeadMoved, LeadStood
from journey.instants import DAY, HOUR, Instant
from tests.journey.builders import (
    FRIDAY,
    ME,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    ahead,
    at,
    closed,
    definition,
    derived,
    keys,
    lead_moves,
    only,
    opened,
    steps,
    touch,
)

NEVER_MQL = {"score": {"at_least": 1000}}
VIEWS = [{"name": "view", "when": {"types": "page_view"}, "points": 10, "expires": "30d"}]
OFFICE = {"zone": "Europe/Berlin", "hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:00")}


def by(
    *,
    starts: Sequence[str] = ("assigned", "mql", "created"),
    limit: str = "4h",
    expire_after: str | None = None,
    scoring: Any = (),
    calendars: Any = None,
    **lead: Any,
) -> Any:
    rules = {"mql": NEVER_MQL, "sql": {"types": "lead_qualified"}} | lead
    handoff = {
        "starts": starts,
        "limit": limit,
        "expire_after": expire_after,
        "business_time": calendars is not None,
    }
    handoff = {key: value for key, value in handoff.items() if value is not None}
    return definition(lead=rules, handoff=handoff, scoring=list(scoring), calendars=calendars or {})


PLAIN = by(limit="500d")
"""Whose clocks do not strike while a test looks."""


def lead(type: str, when: Instant = MONDAY, name: str | None = None, **data: Any) -> Any:
    """A touchpoint about a lead, which it names only where the test says so."""
    return touch(f"lead_{type}", at=when, **({} if name is None and type == "created" else {"lead": name}), **data)


def told(*history: Any, definition: Any = PLAIN) -> list[tuple[int, str]]:
    """The cycles and steps of a history, in order."""
    return [(cycle, step) for cycle, step, _ in steps(derived(*history, by=definition)[1])]


# --- opening


@pytest.mark.parametrize(
    ("type", "expected"), [("created", ["created"]), ("assigned", ["created", "assigned"]), ("accepted", ["created", "accepted"])]
)
def test_a_cycle_opens_with_these_when_none_is_open(type: str, expected: list[str]) -> None:
    assert told(lead(type)) == [(1, step) for step in expected]


@pytest.mark.parametrize("type", ["rejected", "recycled", "disqualified", "scored", "qualified"])
def test_nothing_else_opens_one(type: str) -> None:
    assert told(lead(type)) == []


def test_the_definition_may_name_what_opens_a_cycle_where_none_is_open() -> None:
    rules = by(limit="500d", created_by={"types": "form_submitted", "where": {"intent": "demo"}})
    forms = [touch("form_submitted", at=when) for when in (MONDAY, TUESDAY)]
    assert told(*forms, definition=rules) == [(1, "created")]
    assert told(touch("form_submitted", intent="newsletter"), definition=rules) == []
    (created,) = only(LeadMoved, derived(*forms, by=rules)[1])
    assert (created.lead_source, created.lead, created.because) == ("form_submitted", "", keys(forms[0]))


def test_a_second_creation_joins_the_open_cycle_and_names_it_if_it_has_no_name() -> None:
    rules = by(limit="500d", created_by={"types": "form_submitted"})
    history = [touch("form_submitted"), lead("created", TUESDAY, "L1"), lead("accepted", WEDNESDAY, "L1")]
    assert told(*history, definition=rules) == [(1, "created"), (1, "accepted")]
    assert [move.lead for move in lead_moves(derived(*history, by=rules)[1])] == ["", "L1"]


@pytest.mark.parametrize("end", ["rejected", "recycled", "disqualified"])
def test_a_person_can_be_a_lead_again_and_cycles_are_numbered(end: str) -> None:
    history = [lead("created", MONDAY), lead(end, TUESDAY), lead("created", WEDNESDAY)]
    assert told(*history) == [(1, "created"), (1, end), (2, "created")]


def test_a_lead_that_ended_comes_back_under_the_id_it_had() -> None:
    history = [lead("created", MONDAY, "L1"), lead("recycled", TUESDAY, "L1"), lead("assigned", WEDNESDAY, "L1")]
    assert told(*history, lead("accepted", THURSDAY, "L1"))[2:] == [(2, "created"), (2, "assigned"), (2, "accepted")]


def test_a_deals_close_ends_its_cycle_for_everyone_in_it() -> None:
    for outcome in ("won", "lost"):
        history = [lead("created", MONDAY), lead("accepted", TUESDAY), opened(at=WEDNESDAY), closed(at=THURSDAY, outcome=outcome)]
        assert told(*history, lead("created", FRIDAY)) == [(1, "created"), (1, "accepted"), (1, "closed"), (2, "created")]


def test_a_deal_belongs_to_the_cycle_that_it_names_else_to_the_last_one_opened_before_it() -> None:
    first = [lead("created", MONDAY, "L1"), lead("rejected", MONDAY + 1, "L1"), lead("created", TUESDAY, "L2")]
    assert told(*first, opened(at=WEDNESDAY, lead=None), closed())[3:] == [(2, "closed")]
    assert told(*first, opened(at=WEDNESDAY, lead="L2"), closed())[3:] == [(2, "closed")]
    assert told(*first, opened(at=WEDNESDAY, lead="L1"), closed())[3:] == []
    assert told(*first, opened(at=WEDNESDAY, lead="of somebody else"), closed())[3:] == []
    assert told(opened(), *first[-1:], closed()) == [(1, "created")]


def test_only_its_opening_ties_a_deal_to_a_lead_before_its_close() -> None:
    """What else was said of it before the lead keeps its close from none, so nothing hangs on it that does not name it."""
    update, close = touch("deal_updated", at=MONDAY), closed(at=THURSDAY, outcome="lost")
    first = [lead("created", MONDAY, "L1"), lead("rejected", MONDAY + 1, "L1")]
    for before in ([], first):
        history = [*before, lead("created", TUESDAY, "L2"), close]
        (*_, last) = lead_moves(derived(*history, by=PLAIN)[1])
        assert (last.step, last.because) == ("closed", keys(close))
        assert lead_moves(derived(update, *history, by=PLAIN)[1])[-1] == last
    assert told(update, opened(at=MONDAY + 1), lead("created", TUESDAY, "L2"), close) == [(1, "created")]


# --- which cycle a touchpoint belongs to


def test_what_names_no_lead_belongs_to_the_open_cycle_else_to_the_last_before_it() -> None:
    history = [lead("created", MONDAY), lead("rejected", TUESDAY), lead("disqualified", WEDNESDAY)]
    assert told(*history) == [(1, "created"), (1, "rejected"), (1, "disqualified")]


def test_what_names_a_lead_belongs_to_the_last_cycle_of_that_name() -> None:
    history = [lead("created", MONDAY, "L1"), lead("recycled", TUESDAY, "L1"), lead("created", WEDNESDAY, "L2")]
    assert told(*history, lead("disqualified", THURSDAY, "L1"))[3:] == [(1, "disqualified")]
    assert told(*history, lead("disqualified", THURSDAY, "L2"))[3:] == [(2, "disqualified")]
    assert told(*history, lead("disqualified", THURSDAY, "unheard of"))[3:] == [(2, "disqualified")]


def test_an_open_cycle_without_a_name_is_about_the_lead_that_came_back() -> None:
    rules = by(limit="500d", created_by={"types": "form_submitted"})
    history = [lead("created", MONDAY, "L1"), lead("rejected", TUESDAY, "L1"), touch("form_submitted", at=WEDNESDAY)]
    assert told(*history, lead("accepted", THURSDAY, "L1"), definition=rules)[2:] == [(2, "created"), (2, "accepted")]


def test_what_ended_is_not_opened_by_a_word_about_it() -> None:
    history = [lead("created", MONDAY, "L1"), lead("rejected", TUESDAY, "L1"), lead("created", WEDNESDAY, "L2")]
    journey, _ = derived(*history, lead("accepted", THURSDAY, "L1"), lead("qualified", FRIDAY, "L1"), by=PLAIN)
    assert [cycle.status for cycle in journey.cycles] == ["rejected", "created"]


def test_who_is_qualified_stays_so_and_is_qualified_once() -> None:
    history = [lead("created", MONDAY), lead("qualified", TUESDAY), lead("accepted", WEDNESDAY), lead("qualified", THURSDAY)]
    assert told(*history) == [(1, "created"), (1, "qualified"), (1, "accepted")]
    assert derived(*history, by=PLAIN)[0].cycles[0].status == "qualified"


# --- MQL


def test_a_score_makes_an_mql_because_of_all_points() -> None:
    views = [touch("page_view", at=MONDAY + n * HOUR) for n in (1, 2)]
    _, facts = derived(lead("created"), *views, by=by(limit="500d", mql={"score": {"at_least": 20}}, scoring=VIEWS))
    assert [(move.step, move.at, move.because) for move in lead_moves(facts)[1:]] == [("mql", MONDAY + 2 * HOUR, keys(*views))]


def test_who_scores_enough_already_is_an_mql_when_the_lead_is_created_which_is_a_reason_too() -> None:
    views, created = [touch("page_view", at=MONDAY + n) for n in (1, 2)], lead("created", TUESDAY)
    _, facts = derived(*views, created, by=by(limit="500d", mql={"score": {"at_least": 20}}, scoring=VIEWS))
    assert [(move.step, move.at, move.nth) for move in lead_moves(facts)] == [("created", TUESDAY, 0), ("mql", TUESDAY, 1)]
    assert lead_moves(facts)[1].because == keys(*views, created)


def test_nobody_is_an_mql_without_a_lead_nor_twice_in_one_cycle() -> None:
    rules = by(limit="500d", mql={"types": "form_submitted"})
    forms = [touch("form_submitted", at=when) for when in (MONDAY, WEDNESDAY, THURSDAY)]
    assert told(*forms, lead("created", TUESDAY), definition=rules) == [(1, "created"), (1, "mql")]


@pytest.mark.parametrize(("stated", "grade", "is_mql"), [(True, "mql", True), (True, "none", False), (False, "mql", False)])
def test_another_system_may_state_an_mql_where_the_definition_says_so(stated: bool, grade: str, is_mql: bool) -> None:
    rules = by(limit="500d", mql_stated=stated)
    assert ((1, "mql") in told(lead("created"), lead("scored", TUESDAY, grade=grade), definition=rules)) is is_mql


def test_a_cycle_that_ended_makes_no_mql() -> None:
    assert told(lead("created"), lead("rejected", TUESDAY), lead("scored", WEDNESDAY))[2:] == []


# --- the handoff's clock


def clock(*history: Any, definition: Any) -> list[tuple[str, str, Instant]]:
    """What of the clock has struck: the step, what it was counted from, and when."""
    late = touch("lead_scored", at=MONDAY + 400 * DAY, grade="none", lead=None)
    moved = lead_moves(derived(*history, late, by=definition)[1])
    return [(move.step, move.basis, move.at) for move in moved if move.step in ("breached", "expired", "withdrawn")]


def test_the_clock_runs_from_the_creation_then_from_the_mql_then_from_the_first_assignment() -> None:
    created, mql = lead("created"), lead("scored", MONDAY + HOUR)
    assigned, again = lead("assigned", MONDAY + 2 * HOUR), lead("assigned", MONDAY + 3 * HOUR, owner="bob")
    assert clock(created, definition=by()) == [("breached", "created", MONDAY + 4 * HOUR)]
    assert clock(created, mql, definition=by()) == [("breached", "mql", MONDAY + 5 * HOUR)]
    assert clock(created, mql, assigned, definition=by()) == [("breached", "assigned", MONDAY + 6 * HOUR)]
    assert clock(created, assigned, again, definition=by()) == [("breached", "assigned", MONDAY + 6 * HOUR)]
    assert clock(created, assigned, lead("scored", MONDAY + 3 * HOUR), definition=by()) == [("breached", "assigned", MONDAY + 6 * HOUR)]


def test_a_lead_that_nobody_handed_over_has_no_clock() -> None:
    usual = by(starts=("assigned", "mql"))
    created, mql, assigned = lead("created"), lead("scored", MONDAY + HOUR), lead("assigned", MONDAY + 2 * HOUR)
    assert clock(created, definition=usual) == []
    assert clock(created, mql, definition=usual) == [("breached", "mql", MONDAY + 5 * HOUR)]
    assert clock(created, assigned, definition=usual) == [("breached", "assigned", MONDAY + 6 * HOUR)]


def test_what_the_definition_prefers_starts_the_clock_and_a_breach_that_struck_stays() -> None:
    by_mql = by(starts=("mql", "assigned"))
    created, assigned, mql = lead("created"), lead("assigned", MONDAY + HOUR), lead("scored", MONDAY + 6 * HOUR)
    assert clock(created, assigned, mql, definition=by_mql) == [
        ("breached", "assigned", MONDAY + 5 * HOUR),
        ("breached", "mql", MONDAY + 10 * HOUR),
    ]
    assert clock(created, lead("scored", MONDAY + HOUR), lead("assigned", MONDAY + 2 * HOUR), definition=by_mql) == [
        ("breached", "mql", MONDAY + 5 * HOUR)
    ]


def test_what_took_a_weekend_took_two_hours_of_business() -> None:
    """On Friday evening it is an MQL; on Monday at 10 it is assigned, at 12 accepted."""
    mql, assigned, accepted = (at(when) for when in ("2026-03-06T18:00", "2026-03-09T10:00", "2026-03-09T12:00"))
    history = [lead("created", MONDAY), lead("scored", mql), lead("assigned", assigned), lead("accepted", accepted)]
    for rules, business in ((by(calendars={"default": OFFICE}), 2), (by(), 64)):
        stood = [fact for fact in derived(*history, by=rules)[1] if isinstance(fact, LeadStood)][-1]
        took = (stood.to_assign, stood.to_assign_business, stood.to_accept, stood.to_accept_business)
        assert took == (64 * HOUR, business * HOUR, 2 * HOUR, 2 * HOUR)


def test_a_breach_is_because_of_what_started_its_clock() -> None:
    assigned = lead("assigned", TUESDAY)
    _, facts = derived(lead("created", TUESDAY - HOUR), assigned, lead("accepted", WEDNESDAY), by=by())
    (breach,) = (move for move in lead_moves(facts) if move.step == "breached")
    assert (breach.because, breach.owner, breach.team) == (keys(assigned), "ann", "north")


def test_a_breach_is_because_of_all_that_would_have_started_its_clock_alike() -> None:
    """Out of hours, whatever starts a clock starts it in the morning."""
    friday, saturday, monday = (lead("assigned", at(when)) for when in ("2026-03-06T18:00", "2026-03-07T10:00", "2026-03-09T08:30"))
    rules = by(calendars={"default": OFFICE})
    _, facts = derived(lead("created", MONDAY), friday, saturday, monday, lead("accepted", at("2026-03-10T10:00")), by=rules)
    (breach,) = (move for move in lead_moves(facts) if move.step == "breached" and move.basis == "assigned")
    assert (breach.at, breach.because) == (at("2026-03-09T12:00"), keys(friday, saturday))


@pytest.mark.parametrize("answer", ["accepted", "rejected", "recycled", "disqualified", "qualified"])
@pytest.mark.parametrize(("late", "breached"), [(-1, False), (0, False), (1, True)])
def test_an_answer_at_the_limit_is_in_time(answer: str, late: int, breached: bool) -> None:
    history = [lead("created"), lead(answer, MONDAY + 4 * HOUR + late)]
    assert clock(*history, definition=by()) == ([("breached", "created", MONDAY + 4 * HOUR)] if breached else [])


def test_the_limit_is_in_the_business_time_of_the_team_that_the_lead_was_assigned_to() -> None:
    calendars = {"default": OFFICE, "night": {"zone": "Europe/Berlin", "hours": {"mon": "18:00-24:00", "tue": "00:00-06:00"}}}
    rules = by(limit="2h", calendars=calendars)
    created = lead("created", at("2026-03-06T15:00"))  # A Friday, 16:00 in Berlin: an hour is left, the other is on Monday.
    assert clock(created, definition=rules) == [("breached", "created", at("2026-03-09T09:00"))]
    assigned = lead("assigned", at("2026-03-06T15:30"), team="night")
    assert clock(created, assigned, definition=rules) == [("breached", "assigned", at("2026-03-09T19:00"))]


# --- expiry and withdrawal


def test_unanswered_at_the_second_limit_a_lead_expires_and_a_cycle_that_expired_has_ended() -> None:
    rules = by(expire_after="10h")
    history = [lead("created"), lead("created", TUESDAY, "L2")]
    assert clock(*history[:1], definition=rules) == [
        ("breached", "created", MONDAY + 4 * HOUR), ("expired", "created", MONDAY + 10 * HOUR),
    ]  # fmt: skip
    assert told(*history, definition=rules)[-1] == (2, "created")


def test_at_the_second_limit_an_answer_is_in_time_still() -> None:
    for late, expired in ((0, False), (1, True)):
        accepted = lead("accepted", MONDAY + 10 * HOUR + late)
        struck = clock(lead("created"), accepted, definition=by(expire_after="10h"))
        assert ("expired" in (step for step, _, _ in struck)) is expired


@pytest.mark.parametrize("name", [None, "L1"])
@pytest.mark.parametrize("answer", ["accepted", "rejected", "qualified"])
def test_an_expired_cycle_takes_a_late_answer_and_stays_breached(answer: str, name: str | None) -> None:
    journey, facts = derived(lead("created", name="L1"), lead(answer, TUESDAY, name), by=by(expire_after="10h"))
    assert [(cycle, step) for cycle, step, _ in steps(facts)] == [(1, step) for step in ("created", "breached", "expired", answer)]
    assert [cycle.status for cycle in journey.cycles] == [answer]
    assert ahead(facts) == []


def test_an_expired_cycle_takes_no_answer_about_another_lead_and_no_assignment() -> None:
    rules = by(expire_after="10h")
    for word in (lead("accepted", TUESDAY, "L2"), lead("assigned", TUESDAY, "L1"), lead("assigned", TUESDAY)):
        assert told(lead("created", name="L1"), word, definition=rules)[3] == (2, "created")


def test_a_late_answer_may_leave_an_older_cycle_the_open_one() -> None:
    history = [lead("created", MONDAY, "L1"), lead("created", TUESDAY, "L2"), lead("accepted", TUESDAY + 1, "L1")]
    later = [
        lead("rejected", WEDNESDAY),
        lead("recycled", THURSDAY),
    ]  # The first of them is about the open cycle, the other about the last.
    assert told(*history, *later, definition=by(expire_after="10h"))[3:] == [
        (2, "created"), (1, "accepted"), (2, "breached"), (2, "expired"), (1, "rejected"), (2, "recycled"),
    ]  # fmt: skip


def test_an_mql_that_waits_is_withdrawn_when_points_expire_and_the_score_falls_below() -> None:
    rules = by(limit="500d", mql={"score": {"at_least": 20}}, withdrawn_below=20, scoring=VIEWS)
    views = [touch("page_view", at=MONDAY + n * HOUR) for n in (0, 1)]
    history = [*views, lead("created", TUESDAY)]
    assert clock(*history, definition=rules) == [("withdrawn", "mql", MONDAY + 30 * DAY)]
    assert clock(*history, lead("accepted", WEDNESDAY), definition=rules) == []
    (withdrawn,) = (
        move for move in lead_moves(derived(*history, lead("scored", FRIDAY + 90 * DAY), by=rules)[1]) if move.step == "withdrawn"
    )
    assert withdrawn.because == keys(*views)


def test_an_mql_that_waits_is_withdrawn_when_points_are_taken_away() -> None:
    scoring = [*VIEWS, {"name": "gone", "when": {"types": "email_unsubscribed"}, "points": -15}]
    rules = by(limit="500d", mql={"score": {"at_least": 20}}, withdrawn_below=20, scoring=scoring)
    views = [touch("page_view", at=MONDAY + n * HOUR) for n in (0, 1)]
    gone = touch("email_unsubscribed", at=WEDNESDAY)
    assert clock(*views, lead("created", TUESDAY), gone, definition=rules) == [("withdrawn", "mql", WEDNESDAY)]
    assert clock(*views, gone, lead("created", THURSDAY), definition=rules) == []  # Then it is no MQL to begin with.


# --- what a lead is said to come from


def test_a_lead_comes_from_the_last_touch_within_the_look_back_unless_it_says_so_itself() -> None:
    click = touch("ad_click", utm_source="x", utm_medium="y", click_id=None, campaign="spring")
    for created, expected in (
        (lead("created", TUESDAY), ("Unassigned", "spring")),
        (lead("created", MONDAY + 90 * DAY + 1), ("Unassigned", "")),
        (lead("created", TUESDAY, channel="Fair", campaign="hall-3"), ("Fair", "hall-3")),
        (lead("created", TUESDAY, channel=""), ("(blank)", "spring")),
    ):
        (move,) = lead_moves(derived(click, created, by=PLAIN)[1])
        assert (move.channel, move.campaign, move.person) == (*expected, ME)
