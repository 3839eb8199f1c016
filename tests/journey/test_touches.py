"""Sessions, the touches of a path, and the conversions that they are credited with."""

from typing import Any

import pytest

from journey.facts import Converted, DealPerson, Facts, LeadMoved, Touched, TouchNoted
from journey.instants import DAY, MINUTE, Instant
from journey.touchpoints import EmailDelivered, EmailSent
from tests.journey.builders import (
    FRIDAY,
    ME,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    closed,
    definition,
    derived,
    only,
    opened,
    touch,
)

CHANNELS = [
    {"channel": "Paid Search", "when": {"medium": "cpc"}},
    {"channel": "Email", "when": {"medium": "email"}},
    {"channel": "Email", "when": {"type": "email_clicked"}},
    {"channel": "Referral", "when": {"referrer": {"filled": True}}},
]
ATTRIBUTION: dict[str, Any] = {
    "touches": ["ad_click", "content_download"],
    "look_back": "90d",
    "conversions": [
        {"name": "lead", "lead": "created"},
        {"name": "sql", "lead": "qualified"},
        {"name": "won", "deal": "won"},
        {"name": "order", "when": {"types": "order_placed"}},
        {"name": "quiz", "when": {"types": "custom", "where": {"name": "quiz"}}},
    ],
}


def attributing(**more: Any) -> Any:
    return definition(channels=CHANNELS, attribution=ATTRIBUTION | more)


BY = attributing()


def path(facts: Facts) -> list[tuple[str, Instant]]:
    """The touches of the only conversion."""
    (conversion,) = only(Converted, facts)
    return [(one.type, one.touched_at) for one in conversion.path]


def channels(facts: Facts) -> list[tuple[str, str]]:
    return [(fact.channel, fact.campaign) for fact in only(Touched, facts)]


def ad(at: Instant = MONDAY, **data: Any) -> Any:
    return touch("ad_click", at=at, **{"click_id": None, "campaign": None, "utm_medium": "cpc"} | data)


def order(at: Instant) -> Any:
    return touch("order_placed", at=at, order=f"o-{at}")


# --- sessions


@pytest.mark.parametrize(("gap", "sessions"), [(30 * MINUTE, 1), (30 * MINUTE + 1, 2)])
def test_a_gap_of_exactly_the_limit_does_not_end_a_session(gap: int, sessions: int) -> None:
    _, facts = derived(touch("page_view"), touch("page_view", at=MONDAY + gap), order(FRIDAY), by=BY)
    assert len(path(facts)) == sessions


def test_the_first_web_touchpoint_of_a_session_is_a_touch_and_the_others_are_not() -> None:
    views = [touch("page_view", at=MONDAY + n * 30 * MINUTE) for n in range(5)]
    _, facts = derived(*views, order(FRIDAY), by=BY)
    assert path(facts) == [("page_view", MONDAY)]


def test_an_ad_that_starts_a_session_is_one_touch() -> None:
    _, facts = derived(ad(), touch("page_view", at=MONDAY + MINUTE), order(FRIDAY), by=BY)
    assert path(facts) == [("ad_click", MONDAY)]


def test_what_says_nothing_of_its_origin_has_that_of_its_session() -> None:
    _, facts = derived(ad(campaign="spring"), touch("page_view", at=MONDAY + MINUTE), by=BY)
    assert channels(facts) == [("Paid Search", "spring")] * 2


def test_what_names_its_own_origin_keeps_it_and_the_session_keeps_its_first() -> None:
    mailed = touch("page_view", at=MONDAY + MINUTE, utm_source="news", utm_medium="email", utm_campaign="may")
    _, facts = derived(ad(campaign="spring"), mailed, touch("page_view", at=MONDAY + 2 * MINUTE), by=BY)
    assert sorted(channels(facts)) == [("Email", "may"), ("Paid Search", "spring"), ("Paid Search", "spring")]


def test_a_new_session_asks_again_where_it_came_from() -> None:
    _, facts = derived(ad(campaign="spring"), touch("page_view", at=TUESDAY), by=BY)
    assert sorted(channels(facts)) == [("Direct", ""), ("Paid Search", "spring")]


PAYING = {"referrer": "https://www.paypal.com/checkoutnow", "url": "https://we.example/thanks"}


@pytest.mark.parametrize(("away", "sessions"), [(45 * MINUTE, 1), (DAY, 1), (DAY + 1, 2)])
def test_who_comes_back_from_paying_within_a_day_goes_on_with_the_session(away: int, sessions: int) -> None:
    by = definition(channels=CHANNELS, attribution=ATTRIBUTION, referrers={"payment": ["paypal"]})
    history = [ad(), touch("page_view", at=MONDAY + away, **PAYING), order(MONDAY + away + 1)]
    _, facts = derived(*history, by=by)
    assert len(path(facts)) == sessions
    assert {channel for channel, _ in channels(facts)} == ({"Paid Search"} if sessions == 1 else {"Paid Search", "Direct"})


def test_a_link_with_a_source_alone_does_not_part_with_its_session() -> None:
    landed = touch("page_view", at=MONDAY + MINUTE, url="https://we.example/?utm_source=google")
    tagged = touch("page_view", at=MONDAY + 2 * MINUTE, url="https://we.example/?utm_source=news&utm_medium=email")
    _, facts = derived(ad(), landed, tagged, by=BY)
    assert sorted(channel for channel, _ in channels(facts)) == ["Email", "Paid Search", "Paid Search"]


def test_a_lead_without_a_touch_has_the_channel_of_what_a_crm_says() -> None:
    by = definition(channels=[*CHANNELS, {"channel": "Events", "when": {"lead_source": "trade show"}}], attribution=ATTRIBUTION)
    lead = touch("lead_created", at=TUESDAY, lead_source="Trade Show")
    assert only(LeadMoved, derived(lead, by=by)[1])[0].channel == "Events"
    assert only(LeadMoved, derived(ad(), lead, by=by)[1])[0].channel == "Paid Search"


def test_a_session_runs_over_midnight_and_over_all_ids_of_the_person() -> None:
    late = MONDAY + 14 * 60 * MINUTE - MINUTE
    _, facts = derived(ad(late, subject="anon:a"), touch("page_view", at=late + 2 * MINUTE), by=BY, ids=(ME, "anon:a"))
    assert [(fact.day, fact.channel) for fact in only(Touched, facts)] == [("2026-03-02", "Paid Search"), ("2026-03-03", "Paid Search")]


def test_a_mail_click_is_a_touchpoint_of_its_own_channel_and_no_part_of_a_session() -> None:
    by = definition(channels=CHANNELS, traffic=["page_view", "email_clicked", "ad_click"])
    _, facts = derived(ad(), touch("email_clicked", at=MONDAY + MINUTE), by=by)
    assert sorted(channels(facts)) == [("Email", ""), ("Paid Search", "")]


def test_a_channel_that_the_sender_states_is_kept() -> None:
    _, facts = derived(ad(), touch("page_view", at=MONDAY + MINUTE, channel="Stand"), by=BY)
    assert sorted(channels(facts)) == [("Paid Search", ""), ("Stand", "")]


# --- the path


def test_a_touch_exactly_the_look_back_before_counts_and_one_before_that_does_not() -> None:
    for early, number in ((0, 2), (1, 1)):
        _, facts = derived(ad(MONDAY - early), ad(TUESDAY), order(MONDAY + 90 * DAY), by=BY)
        assert len(path(facts)) == number


def test_the_touchpoint_that_converts_is_itself_the_last_touch() -> None:
    lead = {"created_by": {"types": "form_submitted"}, "mql": {"score": {"at_least": 99}}, "sql": {"types": "lead_qualified"}}
    _, facts = derived(ad(), touch("form_submitted", at=TUESDAY), by=definition(lead=lead))
    assert path(facts) == [("ad_click", MONDAY), ("form_submitted", TUESDAY)]


def test_a_touch_of_the_same_instant_counts_if_it_comes_before_in_order() -> None:
    for id, number in (("a", 1), ("z", 0)):
        _, facts = derived(ad(FRIDAY, id=id), touch("order_placed", at=FRIDAY, id="o"), by=BY)
        assert len(path(facts)) == number


def test_a_touch_is_noted_whether_or_not_anything_comes_of_it_and_told_apart_from_others_of_its_instant() -> None:
    _, facts = derived(
        ad(id="a"), touch("page_view", at=MONDAY, id="b", utm_medium="email"), ad(TUESDAY), touch("page_engaged", at=TUESDAY), by=BY
    )
    assert [(fact.touched_at, fact.place, fact.type, fact.channel) for fact in only(TouchNoted, facts)] == [
        (MONDAY, 0, "ad_click", "Paid Search"),
        (TUESDAY, 0, "ad_click", "Paid Search"),
    ]
    _, facts = derived(ad(id="a"), touch("content_download", at=MONDAY, id="b"), order(FRIDAY), by=BY)
    assert [(fact.place, fact.type) for fact in only(TouchNoted, facts)] == [(0, "ad_click"), (1, "content_download")]


def test_of_many_touches_the_first_and_the_last_are_kept_and_the_path_says_that_it_was_cut() -> None:
    clicks = [ad(MONDAY + n * DAY) for n in range(6)]
    _, facts = derived(*clicks, order(MONDAY + 10 * DAY), by=attributing(touches_max=4))
    (conversion,) = only(Converted, facts)
    assert [one.touched_at for one in conversion.path] == [clicks[n].occurred_at for n in (0, 3, 4, 5)]
    assert conversion.cut == 1


def test_a_path_is_whole_if_what_was_dropped_lies_before_its_look_back() -> None:
    clicks = [ad(MONDAY + n * DAY) for n in range(6)]
    later = [ad(MONDAY + n * DAY) for n in (100, 101, 102)]
    _, facts = derived(*clicks, *later, order(MONDAY + 110 * DAY), by=attributing(touches_max=4))
    (conversion,) = only(Converted, facts)
    assert (conversion.cut, len(conversion.path)) == (0, 3)
    for late, cut in ((0, 1), (1, 0)):  # The third was the last that was dropped.
        _, facts = derived(*clicks, order(clicks[2].occurred_at + 90 * DAY + late), by=attributing(touches_max=4))
        assert only(Converted, facts)[0].cut == cut


def test_as_many_touches_as_are_kept_are_not_cut() -> None:
    clicks = [ad(MONDAY + n * DAY) for n in range(4)]
    _, facts = derived(*clicks, order(MONDAY + 10 * DAY), by=attributing(touches_max=4))
    (conversion,) = only(Converted, facts)
    assert (conversion.cut, len(conversion.path)) == (0, 4)


# --- conversions


def test_a_conversion_by_touchpoint_names_it_and_its_worth() -> None:
    paid = touch("custom", source="crm", id="c-1", name="quiz", value="12.50", currency="EUR", properties=None)
    _, facts = derived(paid, touch("custom", at=TUESDAY, id="c-2", name="quiz", value="7", properties=None), by=BY)
    assert [(one.of_what, one.amount_minor, one.currency) for one in only(Converted, facts)] == [
        ("crm#c-1", 1250, "EUR"),
        ("urn:test#c-2", 0, ""),
    ]


def test_a_win_counts_for_everyone_in_the_deal_and_says_who_is_primary() -> None:
    for id, primary in ((ME, 1), ("user:8", 0)):
        _, facts = derived(opened(people=[ME, "user:8"]), closed(), by=BY, name=id, ids=(id,))
        (conversion,) = only(Converted, facts)
        assert (conversion.of_what, conversion.at, conversion.is_primary, conversion.opened_at) == ("12", FRIDAY, primary, MONDAY)


def test_who_is_primary_is_as_the_people_were_last_stated_before_the_close() -> None:
    named = [{"person": "user:8", "primary": True}]
    updates = [touch("deal_updated", at=TUESDAY, people=named), touch("deal_updated", at=WEDNESDAY, people=None)]
    _, facts = derived(opened(), *updates, closed(), by=BY)
    assert only(Converted, facts)[0].is_primary == 0


def test_a_persons_part_in_a_deal_is_told_when_it_begins_and_when_it_changes() -> None:
    updates = [
        touch("deal_updated", at=TUESDAY, people=[{"person": "user:8", "primary": True}]),
        touch("deal_updated", at=WEDNESDAY, people=None),
    ]
    _, facts = derived(touch("lead_created", at=MONDAY - 1, lead="L1"), opened(lead="L1"), *updates, closed(), by=BY)
    told = [(one.deal, one.at, one.is_primary, one.cycle) for one in only(DealPerson, facts)]
    assert told == [("deal:12", MONDAY, 1, 1), ("deal:12", TUESDAY, 0, 1)]


def test_a_deal_lost_is_no_conversion_and_one_won_again_is_a_second() -> None:
    _, facts = derived(opened(), closed(outcome="lost"), by=BY)
    assert not only(Converted, facts)
    again = touch("deal_reopened", at=FRIDAY + DAY)
    _, facts = derived(opened(), closed(), again, closed(at=FRIDAY + 2 * DAY), by=BY)
    assert [one.at for one in only(Converted, facts)] == [FRIDAY, FRIDAY + 2 * DAY]


def test_the_lead_creation_of_a_deal_is_that_of_the_lead_it_names_else_the_persons_first() -> None:
    leads = [
        touch("lead_created", at=MONDAY, lead="L1"),
        touch("lead_rejected", at=MONDAY + 1, lead="L1"),
        touch("lead_created", at=TUESDAY, lead="L2"),
        touch("lead_rejected", at=TUESDAY + 1, lead="L2"),
        touch("lead_created", at=WEDNESDAY, lead="L3"),
    ]
    for lead, lead_at in (("L2", TUESDAY), ("L3", WEDNESDAY), (None, MONDAY), ("of somebody else", 0)):
        _, facts = derived(*leads, opened(at=WEDNESDAY + 1, lead=lead), closed(), by=BY)
        (won,) = (one for one in only(Converted, facts) if one.conversion == "won")
        assert won.lead_at == lead_at
    _, facts = derived(opened(), *leads, closed(), by=BY)
    (won,) = (one for one in only(Converted, facts) if one.conversion == "won")
    assert won.lead_at == 0  # None was created before the deal was opened.


def test_a_conversion_of_a_lead_is_that_of_its_cycle_whichever_is_open() -> None:
    history = [
        touch("lead_created", at=MONDAY, lead="L1"),
        touch("lead_recycled", at=MONDAY + 1, lead="L1"),
        touch("lead_created", at=TUESDAY, lead="L2"),
        touch("lead_qualified", at=WEDNESDAY, lead="L1"),
    ]
    _, facts = derived(*history, by=BY)
    (sql,) = (one for one in only(Converted, facts) if one.conversion == "sql")
    assert (sql.of_what, sql.lead_at) == ("lead:1", MONDAY)


def test_touchpoints_of_one_type_that_say_the_same_are_equal_and_of_two_types_never() -> None:
    sent, again, other = EmailSent(message="1"), EmailSent(message="1"), EmailSent(message="2")
    assert sent == again
    assert len({sent, again, other, EmailDelivered(message="1")}) == 3
    assert sent not in (other, EmailDelivered(message="1"), ("1",))
