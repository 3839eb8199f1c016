"""Sessions and what engages them, first times, milestones, and how campaigns are spelled."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings

from journey import sessions
from journey.channels import excluded
from journey.definition import Definition
from journey.facts import Facts, FirstTouched, Milestone, SessionEngaged, SessionStarted, Spelled, StageEntered, Touched
from journey.instants import DAY, MINUTE, SECOND, Instant, day
from journey.orders import sent_again
from journey.touchpoints import PageEngaged, Touchpoint
from tests.journey.builders import FRIDAY, ME, MONDAY, TUESDAY, closed, definition, derived, only, opened, touch
from tests.journey.random_histories import DEFINITIONS, IDS, histories

by_any_definition = pytest.mark.parametrize("by", DEFINITIONS, ids=["rich", "otherwise", "default"])

PAID: dict[str, Any] = {"utm_source": "google", "utm_medium": "cpc"}
CHANNELS = [
    {"channel": "Paid Search", "when": {"medium": "cpc"}},
    {"channel": "Email", "when": {"medium": "email"}},
]
BY = definition(
    channels=CHANNELS,
    referrers={"payment": ["paypal"]},
    key_events=[{"types": "form_submitted", "where": {"intent": "demo"}}, {"types": "order_placed"}],
    milestones={"demo": {"types": "demo", "where": {"status": "held"}}, "asked": {"types": "form_submitted"}},
)
MIDNIGHT = MONDAY + 14 * 60 * MINUTE


def view(at: Instant = MONDAY, **data: Any) -> Touchpoint:
    return touch("page_view", at=at, **data)


def read(at: Instant, seconds: float) -> Touchpoint:
    return touch("page_engaged", at=at, id=f"read-{at}", seconds=seconds)


def started(facts: Facts) -> list[Instant]:
    return [fact.at for fact in only(SessionStarted, facts)]


def engaged(*history: Touchpoint, by: Definition = BY) -> list[tuple[Instant, Instant]]:
    """The start of each engaged session, and when it became engaged."""
    return [(fact.at, fact.engaged_at) for fact in only(SessionEngaged, derived(*history, by=by)[1])]


# --- sessions


@pytest.mark.parametrize(
    ("said", "is_brand"),
    [
        ({}, -1),
        ({"utm_term": "crm"}, 0),
        ({"utm_term": "ACME crm"}, 1),
        ({"url": "https://shop.example/?utm_source=google&utm_medium=cpc&utm_term=acme"}, 1),
        ({"utm_campaign": "acme"}, -1),
    ],
)
def test_a_session_says_whether_who_came_by_a_search_term_searched_for_the_brand(said: dict[str, Any], is_brand: int) -> None:
    _, facts = derived(view(**said), by=definition(brand_terms=["Acme"]))
    assert [one.is_brand for one in only(SessionStarted, facts)] == [is_brand]


def test_a_session_is_told_once_by_its_number_and_by_where_it_came_from() -> None:
    _, facts = derived(view(**PAID, utm_campaign="spring"), view(MONDAY + MINUTE), view(TUESDAY), by=BY)
    assert only(SessionStarted, facts) == [
        SessionStarted(ME, MONDAY, "2026-03-02", "Paid Search", "spring", 1, 1, -1),
        SessionStarted(ME, TUESDAY, "2026-03-03", "Direct", "", 2, 0, -1),
    ]


def test_a_session_over_midnight_is_one_of_the_day_on_which_it_started() -> None:
    _, facts = derived(view(MIDNIGHT - MINUTE), view(MIDNIGHT + MINUTE), by=BY)
    assert [(fact.at, fact.day) for fact in only(SessionStarted, facts)] == [(MIDNIGHT - MINUTE, "2026-03-02")]
    (fact,) = only(SessionEngaged, facts)
    assert (fact.at, fact.day, fact.engaged_at) == (MIDNIGHT - MINUTE, "2026-03-02", MIDNIGHT + MINUTE)


@pytest.mark.parametrize(("gap", "number"), [(30 * MINUTE, 1), (30 * MINUTE + 1, 2)])
def test_a_gap_of_exactly_the_limit_goes_on_and_so_does_what_engages(gap: int, number: int) -> None:
    _, facts = derived(view(), view(MONDAY + gap), by=BY)
    assert (len(started(facts)), len(only(SessionEngaged, facts))) == (number, 2 - number)


@pytest.mark.parametrize(("away", "number"), [(DAY, 1), (DAY + 1, 2)])
def test_who_returns_from_paying_within_a_day_engages_the_session_that_was_left(away: int, number: int) -> None:
    back = view(MONDAY + away, referrer="https://www.paypal.com/checkout", url="https://we.example/thanks")
    _, facts = derived(view(**PAID), back, by=BY)
    assert (len(started(facts)), len(only(SessionEngaged, facts))) == (number, 2 - number)


def test_another_campaign_or_another_session_as_sent_cuts_nothing() -> None:
    mailed = view(MONDAY + MINUTE, utm_source="news", utm_medium="email", utm_campaign="may", session="s-2")
    assert started(derived(view(**PAID), mailed, by=BY)[1]) == [MONDAY]


# --- what engages


def test_ten_seconds_in_the_foreground_engage_and_less_does_not() -> None:
    parts = [read(MONDAY + n, 0.1) for n in range(1, 101)]
    assert engaged(view(), *parts) == [(MONDAY, MONDAY + 100)]
    assert engaged(view(), *parts[1:]) == []
    assert engaged(view(), read(MONDAY + 1, 19), by=BY.model_copy(update={"engaged_seconds": 20})) == []


def test_seconds_and_views_of_another_session_do_not_engage() -> None:
    assert engaged(view(), read(MONDAY + 1, 9), view(TUESDAY), read(TUESDAY + 1, 9)) == []


def test_a_key_event_engages_while_the_session_goes_on_even_one_that_is_no_part_of_sessions() -> None:
    form = touch("form_submitted", at=MONDAY + MINUTE)
    assert engaged(form) == [(MONDAY + MINUTE, MONDAY + MINUTE)]
    assert engaged(touch("form_submitted", at=MONDAY, intent="newsletter")) == []
    for late, number in ((0, 1), (1, 0)):
        assert len(engaged(view(), touch("order_placed", at=MONDAY + 30 * MINUTE + late))) == number
    assert engaged(touch("order_placed")) == []


def test_a_key_event_that_is_no_part_of_sessions_does_not_keep_one_going() -> None:
    _, facts = derived(view(), touch("order_placed", at=MONDAY + 20 * MINUTE), view(MONDAY + 40 * MINUTE), by=BY)
    assert started(facts) == [MONDAY, MONDAY + 40 * MINUTE]


def test_a_session_is_engaged_once() -> None:
    assert engaged(view(), view(MONDAY + 1), read(MONDAY + 2, 60), view(MONDAY + 3), touch("form_submitted", at=MONDAY + 4)) == [
        (MONDAY, MONDAY + 1)
    ]


@by_any_definition
@settings(deadline=None)
@given(history=histories())
def test_sessions_are_those_that_gaps_make_and_engaged_when_their_touchpoints_have_done_enough(
    by: Definition, history: list[Touchpoint]
) -> None:
    """By lists, where the fold counts on. (Nobody returns from paying in these.)"""
    own = [one for one in history if one.subject in IDS and not excluded(by, one.about)]
    silent = sent_again(own)
    own = [one for one in own if one.key not in silent]
    _, facts = derived(*history, by=by, ids=IDS)
    parts = [one for one in own if one.type in by.session_types]
    cuts = [0, *(n for n, (one, next) in enumerate(pairwise(parts), 1) if next.occurred_at - one.occurred_at > by.session_idle)]
    runs = [parts[start:end] for start, end in zip(cuts, [*cuts[1:], len(parts)], strict=True)] if parts else []
    assert started(facts) == [run[0].occurred_at for run in runs]
    assert [fact.nth for fact in only(SessionStarted, facts)] == list(range(1, len(runs) + 1))
    keys = {name for match in by.key_events for name in match.types}
    expected = []
    for run in runs:
        ends_at = run[-1].occurred_at + by.session_idle
        within = [one for one in own if run[0].order <= one.order and one.occurred_at <= ends_at and (one in run or one.type in keys)]
        for n in range(1, len(within) + 1):
            views = sum(one.type == "page_view" for one in within[:n])
            seconds = sum(one.data.seconds for one in within[:n] if isinstance(one.data, PageEngaged))
            if views >= 2 or seconds >= by.engaged_seconds or any(is_key(by, one) for one in within[:n]):
                expected.append((run[0].occurred_at, within[n - 1].occurred_at))
                break
    assert [(fact.at, fact.engaged_at) for fact in only(SessionEngaged, facts)] == expected


def is_key(by: Definition, touch: Touchpoint) -> bool:
    """As the default definition and those of random histories have it: by type, but for forms."""
    if touch.type == "form_submitted":
        return any("form_submitted" in match.types for match in by.key_events) and touch.data.intent in ("contact", "demo", "trial")  # type: ignore[union-attr]
    return any(touch.type in match.types for match in by.key_events)


# --- first times


@by_any_definition
@settings(deadline=None)
@given(history=histories())
def test_people_by_channel_and_campaign_up_to_any_day_are_sums_of_first_times(by: Definition, history: list[Touchpoint]) -> None:
    _, facts = derived(*history, by=by, ids=IDS)
    firsts, touched = only(FirstTouched, facts), only(Touched, facts)
    assert all(fact.day == day(fact.at, by.zone) for fact in firsts)
    assert all(fact.is_first or fact.is_first_of_channel or fact.is_first_of_campaign for fact in firsts)
    for until in {fact.day for fact in touched}:
        seen = [fact for fact in touched if fact.day <= until]
        first = [fact for fact in firsts if fact.day <= until]
        assert sum(fact.is_first for fact in first) == 1
        assert sorted(fact.channel for fact in first if fact.is_first_of_channel) == sorted({fact.channel for fact in seen})
        folded = sorted(fact.campaign.casefold() for fact in first if fact.is_first_of_campaign)
        assert folded == sorted({fact.campaign.casefold() for fact in seen})


def test_who_comes_by_more_campaigns_than_are_kept_is_not_called_new_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ORIGINS_KEPT_MAX", 2)
    views = [view(MONDAY + n, **PAID, utm_campaign=name) for n, name in enumerate(["a", "b", "c", "a", "c"])]
    journey, facts = derived(*views, by=BY)
    assert [(fact.campaign, fact.is_first, fact.is_first_of_channel) for fact in only(FirstTouched, facts)] == [("a", 1, 1), ("b", 0, 0)]
    assert journey.origins.campaigns == ("a", "b")


# --- milestones and spellings


def test_a_milestone_has_the_origin_of_its_touchpoint_else_of_the_last_touch_else_none() -> None:
    form = touch("form_submitted", at=MONDAY + MINUTE)
    _, facts = derived(view(**PAID, utm_campaign="spring"), form, touch("demo", at=FRIDAY), touch("demo", at=FRIDAY + 99 * DAY), by=BY)
    assert only(Milestone, facts) == [
        Milestone(ME, "asked", MONDAY + MINUTE, "2026-03-02", 0, "Paid Search", "spring"),
        Milestone(ME, "demo", FRIDAY, "2026-03-06", 0, "Paid Search", "spring"),
        Milestone(ME, "demo", FRIDAY + 99 * DAY, "2026-06-13", 0, "Unassigned", ""),
    ]
    assert not only(Milestone, derived(touch("demo", status="no_show"), by=BY)[1])


def test_a_milestone_comes_before_the_stage_that_it_brings() -> None:
    _, facts = derived(view(), touch("demo", at=TUESDAY), by=BY)
    (milestone,) = only(Milestone, facts)
    (entered,) = (fact for fact in only(StageEntered, facts) if fact.stage == "consideration")
    assert ((milestone.at, milestone.nth), (entered.at, entered.nth)) == ((TUESDAY, 0), (TUESDAY, 1))


def test_a_touchpoint_of_a_deal_is_a_milestone_of_everyone_in_it() -> None:
    by = definition(milestones={"talk": {"types": "negotiation"}})
    history = [opened(people=[ME, "user:8"]), touch("negotiation", at=TUESDAY, deal="12", subject="deal:12"), closed()]
    for id in (ME, "user:8"):
        assert [fact.at for fact in only(Milestone, derived(*history, by=by, name=id, ids=(id,))[1])] == [TUESDAY]


def test_milestones_of_one_touchpoint_are_in_order_of_their_names_however_the_definition_lists_them() -> None:
    held, any_demo = {"types": "demo", "where": {"status": "held"}}, {"types": "demo"}
    one, other = definition(milestones={"b": held, "a": any_demo}), definition(milestones={"a": any_demo, "b": held})
    assert one.fingerprint == other.fingerprint
    for by in (one, other):
        assert [(fact.name, fact.nth) for fact in only(Milestone, derived(touch("demo"), by=by)[1])] == [("a", 0), ("b", 1)]


def test_a_campaign_that_is_not_its_own_case_folding_is_told_as_often_as_it_is_written() -> None:
    views = [view(MONDAY + n * SECOND, **PAID, utm_campaign=name) for n, name in enumerate(["Spring", "spring", "Spring"])]
    _, facts = derived(*views, touch("demo", at=TUESDAY, campaign="SPRING"), by=BY)
    assert only(Spelled, facts) == [Spelled("SPRING", "spring"), Spelled("Spring", "spring"), Spelled("Spring", "spring")]


@by_any_definition
@settings(deadline=None)
@given(history=histories())
def test_every_campaign_that_a_fact_carries_is_spelled(by: Definition, history: list[Touchpoint]) -> None:
    _, facts = derived(*history, by=by, ids=IDS)
    carried = {fact.campaign for kind in (Touched, FirstTouched, SessionStarted, SessionEngaged, Milestone) for fact in only(kind, facts)}
    assert {name for name in carried if name != name.casefold()} <= {fact.name for fact in only(Spelled, facts)}


def test_a_campaign_is_one_however_its_name_is_written_and_none_is_one_too() -> None:
    views = [view(MONDAY + n, **PAID, utm_campaign=name) for n, name in enumerate(["Spring", "spring", "SPRING", "may"])]
    _, facts = derived(*views, view(TUESDAY), by=BY)
    assert [(fact.campaign, fact.is_first_of_campaign) for fact in only(FirstTouched, facts)] == [("Spring", 1), ("may", 1), ("", 1)]


def test_so_is_one_that_only_a_milestone_carries() -> None:
    by = definition(milestones={"reading": {"types": "page_engaged"}})
    deep = touch("page_engaged", at=MONDAY + MINUTE, **PAID, utm_campaign="Summer")
    _, facts = derived(view(), deep, by=by)
    assert [fact.campaign for fact in only(Milestone, facts)] == ["Summer"]
    assert only(Spelled, facts) == [Spelled("Summer", "summer")]
