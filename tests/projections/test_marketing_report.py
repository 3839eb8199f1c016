"""Marketing's report on histories small enough to count by hand."""

from typing import Any

from journey.instants import iso
from tests.projections.conftest import AskMarketing, end_of
from tests.projections.marketing_by_hand import NO_TOUCH, Audience, MarketingReport
from tests.streams.builders import Bench, at, deal_opened, link, retraction, sent, unlink

EMAIL, ADS, DIRECT = "Email", "Paid Search", "Direct"


def ad(subject: str, when: int, **data: Any) -> bytes:
    data = {"utm_source": "google", "utm_medium": "cpc", "campaign": "ads", "click_id": None} | data
    return sent("ad_click", subject, when, **data)


def mail(subject: str, when: int, **data: Any) -> bytes:
    return sent("email_clicked", subject, when, **{"campaign": "mail"} | data)


def view(subject: str, when: int, **data: Any) -> bytes:
    return sent("page_view", subject, when, **data)


def order(subject: str, when: int, **data: Any) -> bytes:
    return sent("order_placed", subject, when, **data)


def asked_for_a_demo(subject: str, when: int) -> bytes:
    return sent("form_submitted", subject, when, intent="demo")


def channel(report: MarketingReport, name: str) -> Audience:
    (found,) = [one for one in report.channels if one.name == name]
    return found


def campaign(report: MarketingReport, name: str) -> Audience:
    (found,) = [one for one in report.campaigns if one.name == name]
    return found


def stage(report: MarketingReport, name: str) -> tuple[int, int]:
    (found,) = [(one.entered, one.people) for one in report.stages if one.stage == name]
    return found


def conversion(report: MarketingReport, name: str) -> tuple[int, int, dict[str, int]]:
    (found,) = [(one.number, one.people, one.value) for one in report.conversions if one.conversion == name]
    return found


# --- audience


async def test_of_nothing_there_is_nothing_and_no_share(marketing: AskMarketing) -> None:
    report = await marketing()
    assert (report.people, report.touchpoints, report.new_leads, report.buyers) == (0, 0, 0, 0)
    assert report.visit_to_lead is None
    assert report.channels == report.campaigns == report.days == []


async def test_people_are_distinct_and_do_not_add_up_over_channels_and_days(marketing: AskMarketing) -> None:
    report = await marketing(mail("user:1", at(0)), mail("user:1", at(1)), view("user:1", at(2)), view("user:2", at(2)))
    assert (report.people, report.touchpoints) == (2, 4)
    assert [(one.name, one.touchpoints, one.people) for one in report.channels] == [(DIRECT, 2, 2), (EMAIL, 2, 1)]
    assert [(one.day, one.touchpoints, one.people) for one in report.days] == [
        ("2026-03-02", 1, 1),
        ("2026-03-03", 1, 1),
        ("2026-03-04", 2, 2),
    ]


async def test_two_ids_that_are_linked_are_one_person_and_two_again_when_unlinked(marketing: AskMarketing) -> None:
    report = await marketing(view("anon:a", at(0)), view("user:1", at(1)))
    assert (report.people, report.touchpoints) == (2, 2)
    report = await marketing(link("anon:a", "user:1", at(2)))
    assert (report.people, report.touchpoints) == (1, 2)
    report = await marketing(unlink("anon:a", "user:1", at(3)))
    assert (report.people, report.touchpoints) == (2, 2)


async def test_a_campaign_and_its_aliases_are_one_under_its_name_and_a_person_of_both_is_one(marketing: AskMarketing) -> None:
    report = await marketing(
        sent("campaign_launched", "campaign:spring", at(0), campaign="spring", name="Spring 2026", aliases=["spring_26"]),
        mail("user:1", at(1), campaign="spring"),
        mail("user:1", at(2), campaign="Spring_26"),
        mail("user:2", at(2), campaign="SPRING_26"),
        mail("user:2", at(3), campaign="autumn"),
        order("user:2", at(2, 1)),
    )
    assert [(one.name, one.touchpoints, one.people) for one in report.campaigns if one.touchpoints] == [
        ("Spring 2026", 3, 2),
        ("autumn", 1, 1),
    ]
    assert campaign(report, "Spring 2026").credit.last == {"order": 1}


async def test_what_a_campaign_is_called_is_as_of_until(marketing: AskMarketing) -> None:
    launch = sent("campaign_launched", "campaign:spring", at(5), campaign="spring", name="Spring 2026", aliases=["s"])
    report = await marketing(launch, mail("user:1", at(1), campaign="s"), until=end_of(4))
    assert [one.name for one in report.campaigns] == ["s"]
    assert [one.name for one in (await marketing(until=end_of(5))).campaigns] == ["Spring 2026"]


async def test_what_tests_and_robots_do_is_not_counted(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", at(0), test=True), view("user:2", at(0), bot=True), view("user:3", at(0), network="internal"))
    assert (report.people, report.touchpoints) == (0, 0)


async def test_what_was_taken_back_is_not_counted(marketing: AskMarketing) -> None:
    click = mail("user:1", at(0))
    report = await marketing(click, retraction(click, at(1)))
    assert (report.people, report.touchpoints, report.channels) == (0, 0, [])


# --- leads


async def test_a_lead_counts_on_its_day_where_its_last_touch_came_from(marketing: AskMarketing) -> None:
    report = await marketing(mail("user:1", at(0)), sent("lead_created", "user:1", at(3)))
    assert report.new_leads == channel(report, EMAIL).new_leads == campaign(report, "mail").new_leads == 1
    assert [(one.day, one.new_leads) for one in report.days] == [("2026-03-02", 0), ("2026-03-05", 1)]


async def test_who_is_a_lead_twice_is_two_new_leads_and_one_of_the_visitors(marketing: AskMarketing) -> None:
    again = [
        sent("lead_created", "user:1", at(1), lead="a"),
        sent("lead_rejected", "user:1", at(2), lead="a"),
        sent("lead_created", "user:1", at(3), lead="b"),
    ]
    report = await marketing(view("user:1", at(0)), view("user:2", at(0)), *again)
    assert (report.new_leads, report.visit_to_lead) == (2, 0.5)


async def test_leads_that_never_visited_are_no_share_of_the_visitors(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", at(0)), *(sent("lead_created", f"user:{number}", at(1)) for number in (2, 3, 4)))
    assert (report.new_leads, report.visit_to_lead) == (3, 0.0)


# --- conversions and credit


async def test_a_conversion_is_credited_to_the_first_and_to_the_last_touch_before_it(marketing: AskMarketing) -> None:
    report = await marketing(ad("user:1", at(0)), mail("user:1", at(5)), order("user:1", at(6)), ad("user:1", at(7)))
    assert (channel(report, ADS).credit.first, channel(report, ADS).credit.last) == ({"order": 1}, {})
    assert (channel(report, EMAIL).credit.first, channel(report, EMAIL).credit.last) == ({}, {"order": 1})
    assert campaign(report, "ads").credit.first == campaign(report, "mail").credit.last == {"order": 1}
    assert conversion(report, "order") == (1, 1, {"EUR": 90000})
    assert report.buyers == 1


async def test_a_touch_longer_ago_than_the_look_back_gets_no_credit(marketing: AskMarketing) -> None:
    report = await marketing(ad("user:1", at(0)), mail("user:1", at(0) + 1), order("user:1", at(90) + 1))
    assert channel(report, EMAIL).credit.first == channel(report, EMAIL).credit.last == {"order": 1}


async def test_a_conversion_that_no_touch_came_before_is_credited_to_none(marketing: AskMarketing) -> None:
    report = await marketing(order("user:1", at(0)))
    assert channel(report, NO_TOUCH).credit.first == channel(report, NO_TOUCH).credit.last == {"order": 1}
    assert campaign(report, NO_TOUCH).credit.last == {"order": 1}


async def test_credits_of_each_kind_add_up_to_its_conversions(marketing: AskMarketing) -> None:
    report = await marketing(
        ad("user:1", at(0)), mail("user:1", at(1)), order("user:1", at(2)), order("user:1", at(3), order="o-2"), order("user:2", at(1)),
        asked_for_a_demo("user:3", at(0)), deal_opened("1", at(4), "user:1", "user:3"), sent("close", "deal:1", at(5)),
    )  # fmt: skip
    for audiences in (report.channels, report.campaigns):
        for kind in ("order", "lead", "won"):
            number = conversion(report, kind)[0]
            assert (
                sum(one.credit.first.get(kind, 0) for one in audiences) == sum(one.credit.last.get(kind, 0) for one in audiences) == number
            )
    assert conversion(report, "order")[0] == 3
    assert conversion(report, "lead")[0] == conversion(report, "won")[0] == 1


async def test_two_orders_of_one_second_are_two(marketing: AskMarketing) -> None:
    report = await marketing(order("user:1", at(0), id="a", order="o-1"), order("user:1", at(0), id="b", order="o-2"))
    assert conversion(report, "order") == (2, 1, {"EUR": 180000})


async def test_a_deal_with_several_people_counts_once_with_the_touches_of_all_of_them(marketing: AskMarketing) -> None:
    report = await marketing(
        ad("user:2", at(0)), mail("user:1", at(1)), deal_opened("1", at(2), "user:1", "user:2", "user:3"),
        sent("close", "deal:1", at(3), amount="500.00"),
    )  # fmt: skip
    assert conversion(report, "won") == (1, 3, {"EUR": 50000})
    assert (channel(report, ADS).credit.first, channel(report, EMAIL).credit.last) == ({"won": 1}, {"won": 1})
    assert report.buyers == 3


async def test_touches_of_one_instant_are_credited_in_the_order_of_the_history(marketing: AskMarketing) -> None:
    touches = mail("user:1", at(0), id="1"), ad("user:1", at(0), id="2")
    report = await marketing(*touches, order("user:1", at(2)), deal_opened("1", at(1), "user:1"), sent("close", "deal:1", at(2)))
    assert channel(report, EMAIL).credit.first == channel(report, ADS).credit.last == {"order": 1, "won": 1}


async def test_a_deal_that_names_nobody_is_won_all_the_same(marketing: AskMarketing) -> None:
    report = await marketing(deal_opened("1", at(2)), sent("close", "deal:1", at(3), amount="500.00"))
    assert conversion(report, "won") == (1, 0, {"EUR": 50000})
    assert channel(report, NO_TOUCH).credit.last == {"won": 1}


async def test_credit_may_go_to_the_touches_of_the_primary_person_alone(bench: Bench, marketing: AskMarketing) -> None:
    attribution = bench.definition.attribution.model_copy(update={"people": "primary"})
    bench.definition = bench.definition.model_copy(update={"attribution": attribution})
    bench.restart()
    lines = ad("user:2", at(0)), mail("user:1", at(1)), deal_opened("1", at(2), "user:1", "user:2"), sent("close", "deal:1", at(3))
    report = await marketing(*lines)
    assert channel(report, EMAIL).credit.first == {"won": 1}
    assert channel(report, ADS).credit.first == {}
    assert conversion(report, "won")[:2] == (1, 2)


async def test_a_deal_that_was_reopened_is_not_won_until_it_is_won_again(marketing: AskMarketing) -> None:
    report = await marketing(
        mail("user:1", at(0)), deal_opened("1", at(1), "user:1"), sent("close", "deal:1", at(2), amount="500.00"),
        sent("deal_reopened", "deal:1", at(4)), ad("user:1", at(5)), sent("close", "deal:1", at(6), amount="700.00"),
        until=end_of(3),
    )  # fmt: skip
    assert conversion(report, "won") == (1, 1, {"EUR": 50000})
    report = await marketing(until=end_of(4))
    assert (conversion(report, "won"), report.buyers) == ((0, 0, {}), 0)
    assert channel(report, EMAIL).credit.last == {}
    report = await marketing(until=end_of(6))
    assert conversion(report, "won") == (1, 1, {"EUR": 70000})
    assert channel(report, ADS).credit.last == {"won": 1}


async def test_a_deals_value_is_its_last_amount_also_when_that_was_changed_after_the_close(marketing: AskMarketing) -> None:
    changed = sent("deal_updated", "deal:1", at(4), amount="650.00", stage=None)
    report = await marketing(deal_opened("1", at(1), "user:1"), sent("close", "deal:1", at(2), amount="500.00"), changed, until=end_of(3))
    assert conversion(report, "won")[2] == {"EUR": 50000}
    assert conversion(await marketing(until=end_of(4)), "won")[2] == {"EUR": 65000}


async def test_values_are_by_currency_and_never_mixed(marketing: AskMarketing) -> None:
    report = await marketing(order("user:1", at(0)), order("user:2", at(0), amount="5000", currency="JPY"))
    assert conversion(report, "order")[2] == {"EUR": 90000, "JPY": 5000}


# --- spend


async def test_spend_is_spread_over_its_days_and_cut_with_them(marketing: AskMarketing) -> None:
    spent = sent(
        "spend_recorded", "campaign:ads", at(9), campaign="ads", amount="10.00", period_start="2026-03-02", period_end="2026-03-04"
    )
    report = await marketing(spent, until=end_of(0))
    assert report.spend == campaign(report, "ads").spend == {"EUR": 334}
    assert (await marketing(until=end_of(1))).spend == {"EUR": 667}
    assert (await marketing(until=end_of(2))).spend == (await marketing(until=end_of(90))).spend == {"EUR": 1000}


async def test_spend_that_is_stated_again_counts_as_stated_last(marketing: AskMarketing) -> None:
    def spent(amount: str, when: int) -> bytes:
        return sent(
            "spend_recorded", "campaign:ads", when, campaign="ads", amount=amount, period_start="2026-03-02", period_end="2026-03-02"
        )

    assert (await marketing(spent("10.00", at(1)), spent("12.50", at(2)))).spend == {"EUR": 1250}
    assert (await marketing(spent("99.00", at(0)))).spend == {"EUR": 1250}, "it was stated before, and came late"


async def test_spend_is_the_channels_that_it_states(marketing: AskMarketing) -> None:
    spent = sent("spend_recorded", "campaign:ads", at(1), campaign="ads", channel="Display", amount="10.00")
    other = sent("spend_recorded", "campaign:fair", at(1), campaign="fair", channel=None, amount="5.00")
    report = await marketing(spent, other, until=end_of(90))
    assert {one.name: one.spend for one in report.channels} == {"Display": {"EUR": 1000}}
    assert report.spend == {"EUR": 1500}


async def test_spend_under_an_alias_is_the_campaigns(marketing: AskMarketing) -> None:
    report = await marketing(
        sent("campaign_launched", "campaign:spring", at(0), campaign="spring", name="Spring", aliases=["s"]),
        sent("spend_recorded", "campaign:s", at(1), campaign="s"),
        sent("spend_recorded", "campaign:spring", at(1), campaign="spring"),
    )
    assert campaign(report, "Spring").spend == report.spend == {"EUR": 180000}


# --- until


async def test_until_is_cut_to_the_last_end_of_a_day_and_the_answer_says_so(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", at(0, 8)), view("user:1", at(1, 8)), until=at(1, 20))
    assert report.touchpoints == 1
    assert (report.asked.until, report.asked.zone, report.asked.position) == (iso(end_of(0)), "UTC", 1)
    assert (await marketing(until=end_of(1))).touchpoints == 2
    assert (await marketing(until=end_of(1) - 1)).touchpoints == 1


async def test_one_microsecond_decides_which_day_a_touchpoint_is_on(marketing: AskMarketing) -> None:
    lines = view("user:1", end_of(0)), view("user:2", end_of(0) + 1)
    report = await marketing(*lines, until=end_of(0))
    assert (report.people, stage(report, "awareness")) == (1, (1, 1))
    report = await marketing(until=end_of(1))
    assert (report.people, stage(report, "awareness")) == (2, (2, 2))


async def test_days_are_those_of_the_reporting_zone(bench: Bench, marketing: AskMarketing) -> None:
    bench.definition = bench.definition.model_copy(update={"zone": "America/New_York"})
    bench.restart()
    report = await marketing(view("user:1", at(0, 4)), view("user:2", at(0, 5)), until=end_of(5))
    assert [(one.day, one.people) for one in report.days] == [("2026-03-01", 1), ("2026-03-02", 1)]
    assert report.asked.until == iso(at(5, 5) - 1)


# --- stages


async def test_how_many_are_in_a_stage_is_entries_less_exits(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", at(0)), view("user:2", at(0)), sent("demo", "user:1", at(3)), until=end_of(1))
    assert (stage(report, "awareness"), stage(report, "consideration")) == ((2, 2), (0, 0))
    report = await marketing(until=end_of(3))
    assert (stage(report, "awareness"), stage(report, "consideration")) == ((2, 1), (1, 1))


async def test_a_deadline_moves_people_once_it_has_struck(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", at(0)), until=end_of(89))
    assert (stage(report, "awareness"), stage(report, "lost")) == ((1, 1), (0, 0))
    report = await marketing(until=end_of(90))
    assert (stage(report, "awareness"), stage(report, "lost")) == ((1, 0), (1, 1))


async def test_a_deadline_at_the_last_microsecond_asked_for_has_struck(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", end_of(0)), view("user:2", end_of(0) + 1), until=end_of(90))
    assert (stage(report, "awareness"), stage(report, "lost")) == ((2, 1), (1, 1))


async def test_a_touchpoint_in_time_puts_a_deadline_off_and_one_that_comes_late_takes_it_back(marketing: AskMarketing) -> None:
    report = await marketing(view("user:1", at(0)), view("user:1", at(100)), until=end_of(95))
    assert stage(report, "lost") == (1, 1)
    report = await marketing(view("user:1", at(80)), until=end_of(95))
    assert stage(report, "lost") == (0, 0)


async def test_everybody_with_a_stage_is_in_exactly_one(marketing: AskMarketing) -> None:
    await marketing(
        view("user:1", at(0)), sent("demo", "user:2", at(1)), order("user:3", at(2)), asked_for_a_demo("user:4", at(3)),
        sent("lead_disqualified", "user:4", at(4)), view("user:4", at(50)), deal_opened("1", at(5), "user:5"),
        sent("close", "deal:1", at(40), outcome="lost", reason="price"), sent("call", "user:6", at(2), outcome="no_answer"),
    )  # fmt: skip
    for day in range(0, 500, 7):
        report = await marketing(until=end_of(day))
        in_some = {1: 0, 2: 1, 3: 2, 4: 3, 5: 5}
        assert sum(one.people for one in report.stages) == sum(since <= day for since in in_some.values()), day
        assert all(one.people >= 0 for one in report.stages)
