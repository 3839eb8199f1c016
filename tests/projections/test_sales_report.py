"""Sales' report on histories small enough to count by hand."""

from itertools import permutations
from typing import Any

import pytest

from journey.instants import iso
from tests.projections.conftest import AskSales, end_of
from tests.projections.sales_by_hand import Lead, SalesReport
from tests.streams.builders import Bench, at, deal_opened, link, sent

NONE_ANSWERED = {"not_handed_over": 0, "waiting": 0, "accepted": 0, "rejected": 0, "expired": 0, "withdrawn": 0}
NO_STATES = {"working": 0, "qualified": 0, "recycled": 0, "disqualified": 0}


def lead(step: str, subject: str, when: int, **data: Any) -> bytes:
    return sent(f"lead_{step}", subject, when, **{"lead": f"lead-of-{subject}"} | data)


def asked_for_a_demo(subject: str, when: int) -> bytes:
    """Makes a lead, and an MQL of it."""
    return sent("form_submitted", subject, when, intent="demo")


def close(deal: str, when: int, outcome: str = "won", **data: Any) -> bytes:
    return sent("close", f"deal:{deal}", when, **{"outcome": outcome, "reason": None if outcome == "won" else "price"} | data)


def answers(report: SalesReport) -> dict[str, int]:
    return {answer: number for answer, number in report.answers.items() if number}


def states(report: SalesReport) -> dict[str, int]:
    return {state: number for state, number in report.states.items() if number}


def outcome(report: SalesReport, name: str) -> tuple[int, dict[str, int]]:
    (found,) = [(one.number, one.value) for one in report.outcomes if one.outcome == name]
    return found


# --- leads


async def test_of_nothing_there_is_nothing_and_no_share(sales: AskSales) -> None:
    report = await sales()
    assert (report.leads, report.mql, report.qualified, report.breached, report.opened) == (0, 0, 0, 0, 0)
    assert (report.answers, report.states) == (NONE_ANSWERED, NO_STATES)
    assert (report.win_rate, report.mql_accepted, report.mql_to_sql, report.cycle_days_median, report.cycle_days_p90) == (None,) * 5
    assert report.top_leads == []
    assert report.won_by_month == {}


@pytest.mark.parametrize(
    ("steps", "answer", "state"),
    [
        ([], "not_handed_over", None),
        (["accepted"], "accepted", "working"),
        (["accepted", "qualified"], "accepted", "qualified"),
        (["qualified"], "accepted", "qualified"),
        (["qualified", "accepted"], "accepted", "qualified"),
        (["accepted", "recycled"], "accepted", "recycled"),
        (["accepted", "disqualified"], "accepted", "disqualified"),
        (["accepted", "qualified", "recycled"], "accepted", "recycled"),
        (["rejected"], "rejected", None),
        (["recycled"], "rejected", None),
        (["disqualified"], "rejected", None),
        (["accepted", "rejected"], "rejected", None),
        (["rejected", "recycled"], "rejected", None),
        (["assigned"], "waiting", None),
        (["assigned", "accepted"], "accepted", "working"),
    ],
)
async def test_what_became_of_a_lead(sales: AskSales, steps: list[str], answer: str, state: str | None) -> None:
    report = await sales(lead("created", "user:1", at(0)), *(lead(step, "user:1", at(1 + nth)) for nth, step in enumerate(steps)))
    assert answers(report) == {answer: 1}
    assert states(report) == ({state: 1} if state else {})


async def test_each_cycle_has_one_answer_whatever_happens_to_it(sales: AskSales, bench: Bench) -> None:
    steps = ["accepted", "rejected", "recycled", "qualified"]
    for number, order in enumerate(permutations(steps), start=1):
        await bench.take(
            lead("created", f"user:{number}", at(0)), *(lead(step, f"user:{number}", at(1, nth)) for nth, step in enumerate(order))
        )
    for until in (end_of(0), end_of(1), end_of(400)):
        report = await sales(until=until)
        assert sum(report.answers.values()) == report.leads >= 24
        assert sum(report.states.values()) == report.answers["accepted"]


async def test_who_comes_back_is_a_lead_again(sales: AskSales) -> None:
    report = await sales(
        lead("created", "user:1", at(0)), lead("rejected", "user:1", at(1)), lead("created", "user:1", at(9)), until=end_of(5)
    )
    assert answers(report) == {"rejected": 1}
    report = await sales(until=end_of(9))
    assert answers(report) == {"rejected": 1, "not_handed_over": 1}
    assert [(one.person, one.cycle, one.created_on) for one in report.top_leads] == [("user:1", 2, "2026-03-11")]


async def test_a_lead_ends_when_its_deal_closes(sales: AskSales) -> None:
    report = await sales(lead("created", "user:1", at(0)), deal_opened("1", at(1), "user:1"), close("1", at(2)))
    assert (answers(report), states(report), report.top_leads) == ({"accepted": 1}, {"working": 1}, [])


async def test_of_the_mqls_so_many_were_accepted_and_so_many_qualified(sales: AskSales) -> None:
    report = await sales(
        *(asked_for_a_demo(f"user:{number}", at(0)) for number in (1, 2, 3, 4)), lead("created", "user:5", at(0)),
        lead("accepted", "user:1", at(0, 1)), lead("qualified", "user:1", at(1)), lead("accepted", "user:2", at(0, 1)),
        lead("rejected", "user:3", at(0, 1)), lead("accepted", "user:5", at(0, 1)), lead("qualified", "user:5", at(1)),
    )  # fmt: skip
    assert (report.leads, report.mql, report.qualified) == (5, 4, 2)
    assert (report.mql_accepted, report.mql_to_sql) == (0.5, 0.25)


async def test_a_lead_that_was_not_answered_within_business_hours_is_breached(sales: AskSales) -> None:
    """The default's limit is four hours of business time in Berlin, 9 to 17; START is a Monday, and Berlin is an hour ahead."""
    report = await sales(asked_for_a_demo("user:1", at(0, 14)), asked_for_a_demo("user:2", at(0, 10)), until=end_of(0))
    assert (report.leads, report.breached) == (2, 1), "user:2 by 15:00 in Berlin; user:1 by 11:00 of Tuesday"
    report = await sales(lead("accepted", "user:1", at(1, 9, )), until=end_of(1))  # fmt: skip
    assert report.breached == 1


async def test_an_answer_at_the_limit_is_in_time(sales: AskSales) -> None:
    report = await sales(asked_for_a_demo("user:1", at(0, 10)), lead("accepted", "user:1", at(0, 14)))
    assert report.breached == 0
    report = await sales(asked_for_a_demo("user:2", at(0, 10)), lead("accepted", "user:2", at(0, 14) + 1))
    assert report.breached == 1


async def test_a_breach_is_known_once_the_limit_has_passed_also_when_nothing_more_happens(sales: AskSales) -> None:
    await sales(asked_for_a_demo("user:1", at(4, 15)))
    assert (await sales(until=end_of(6))).breached == 0, "a weekend is no business time"
    assert (await sales(until=end_of(7))).breached == 1


async def test_a_lead_waits_once_it_is_handed_over_and_a_breach_stays(sales: AskSales) -> None:
    report = await sales(lead("created", "user:1", at(0, 8)), until=end_of(9))
    assert (answers(report), report.breached) == ({"not_handed_over": 1}, 0)
    report = await sales(asked_for_a_demo("user:2", at(0, 8)), until=end_of(9))
    assert (answers(report), report.breached) == ({"not_handed_over": 1, "waiting": 1}, 1), "a demo makes an MQL"
    report = await sales(lead("assigned", "user:2", at(2, 8)), lead("accepted", "user:2", at(2, 9)), until=end_of(9))
    assert (answers(report), report.breached) == ({"not_handed_over": 1, "accepted": 1}, 1)


async def test_a_deal_of_which_only_an_update_is_known_is_worth_nothing(sales: AskSales) -> None:
    report = await sales(sent("deal_updated", "deal:1", at(0), amount=None, currency=None, pipeline=None, stage=None), until=end_of(1))
    assert [(one.number, one.value) for one in report.open_deals if one.number] == [(1, {})]


async def test_open_leads_are_listed_by_score_with_their_stage_and_owner(sales: AskSales) -> None:
    report = await sales(
        lead("created", "user:1", at(0)), lead("assigned", "user:1", at(0, 1), owner="bob"),
        asked_for_a_demo("user:2", at(0)), sent("content_view", "user:2", at(0)), sent("content_view", "user:2", at(0), id="again"),
        lead("created", "user:3", at(0)), lead("rejected", "user:3", at(1)),
        until=end_of(1),
    )  # fmt: skip
    found = [(one.person, one.score, one.stage, one.owner) for one in report.top_leads]
    assert found == [("user:2", 34, "consideration", ""), ("user:1", 0, "awareness", "bob")]


async def test_a_score_is_of_the_points_that_still_count(sales: AskSales) -> None:
    def score(report: SalesReport) -> int:
        (one,) = report.top_leads
        assert isinstance(one, Lead)
        return one.score

    await sales(lead("created", "user:1", at(0)), sent("content_view", "user:1", at(0)), sent("content_download", "user:1", at(10)))
    assert [score(await sales(until=end_of(day))) for day in (9, 10, 29, 30, 69, 70)] == [2, 12, 12, 10, 10, 0]


async def test_two_leads_of_one_person_are_cycles_of_one(sales: AskSales) -> None:
    report = await sales(lead("created", "anon:a", at(0)), lead("created", "user:1", at(1)))
    assert report.leads == 2
    report = await sales(link("anon:a", "user:1", at(2)))
    assert (report.leads, answers(report)) == (1, {"not_handed_over": 1})


# --- deals


async def test_the_win_rate_is_of_the_won_and_the_lost_and_of_none_there_is_none(sales: AskSales) -> None:
    opened = [deal_opened(str(number), at(0), "user:1") for number in range(1, 7)]
    assert (await sales(*opened, close("6", at(1), "abandoned"), until=end_of(1))).win_rate is None
    report = await sales(close("1", at(2)), close("2", at(2)), close("3", at(2)), close("4", at(3), "lost"))
    assert report.win_rate == 0.75
    assert report.opened == 6
    assert [(one.outcome, one.number) for one in report.outcomes] == [("won", 3), ("lost", 1), ("abandoned", 1)]


async def test_a_deal_of_several_people_is_one_deal(sales: AskSales) -> None:
    report = await sales(deal_opened("1", at(0), "user:1", "user:2"), close("1", at(1), amount="500.00"))
    assert (report.opened, outcome(report, "won")) == (1, (1, {"EUR": 50000}))


async def test_a_deal_that_was_reopened_is_not_won(sales: AskSales) -> None:
    await sales(deal_opened("1", at(0)), close("1", at(2)), sent("deal_reopened", "deal:1", at(4)), close("1", at(6), "lost"))
    by_day = [[one.number for one in (await sales(until=end_of(day))).outcomes] for day in (1, 2, 4, 6)]
    assert by_day == [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]]


async def test_why_deals_were_lost(sales: AskSales) -> None:
    lost = [close(str(number), at(1), "lost", reason=reason) for number, reason in enumerate(["price", "timing", "price"], start=1)]
    report = await sales(*(deal_opened(str(number), at(0)) for number in range(1, 4)), *lost)
    assert [one.reasons for one in report.outcomes if one.outcome == "lost"] == [{"price": 2, "timing": 1}]


async def test_how_long_it_took_is_of_the_won_alone(sales: AskSales) -> None:
    report = await sales(
        deal_opened("1", at(0)), close("1", at(10)), deal_opened("2", at(0)), close("2", at(20)), deal_opened("3", at(0)),
        close("3", at(99), "lost"),
    )  # fmt: skip
    assert (report.cycle_days_median, report.cycle_days_p90) == (15.0, 19.0)


async def test_open_deals_are_shown_by_stage_with_their_weighted_value(sales: AskSales, bench: Bench) -> None:
    (pipeline,) = [one for one in bench.definition.pipelines if one.name == "new_business"]
    stage = pipeline.stages[1]
    stated = deal_opened("1", at(0), pipeline="new_business", stage=stage.name, amount="1000.00", probability="0.333")
    unstated = deal_opened("2", at(0), pipeline="new_business", stage=stage.name, amount="500.00", probability=None)
    report = await sales(stated, unstated, deal_opened("3", at(0), pipeline="other", stage="odd", probability=None), close("9", at(0)))
    (row,) = [one for one in report.open_deals if (one.pipeline, one.stage) == ("new_business", stage.name)]
    assert (row.number, row.value) == (2, {"EUR": 150000})
    assert row.weighted == {"EUR": 33300 + int(50000 * stage.probability)}
    (odd,) = [one for one in report.open_deals if one.pipeline == "other"]
    assert (odd.number, odd.value, odd.weighted) == (1, {"EUR": 90000}, {})


async def test_deals_are_won_in_the_month_that_they_were_closed_in_in_the_reporting_zone(sales: AskSales, bench: Bench) -> None:
    bench.definition = bench.definition.model_copy(update={"zone": "Europe/Berlin"})
    bench.restart()
    last_of_march = at(29, 22)
    report = await sales(deal_opened("1", at(0)), close("1", last_of_march - 1), deal_opened("2", at(0)), close("2", last_of_march))
    assert {month: won.number for month, won in report.won_by_month.items()} == {"2026-03": 1, "2026-04": 1}


async def test_until_cuts_deals_to_how_they_stood(sales: AskSales) -> None:
    await sales(deal_opened("1", at(1), amount="100.00"), sent("deal_updated", "deal:1", at(2), amount="300.00"), close("1", at(3)))
    report = await sales(until=at(2, 12))
    assert report.asked.until == iso(end_of(1))
    assert [one.value for one in report.open_deals if one.number] == [{"EUR": 10000}]
    assert (await sales(until=end_of(0))).opened == 0
