"""What makes marketing's figures wrong elsewhere, through all of the machine: sent twice, merged and parted after the fact, late people of
a deal, the last hour before a clock changes. Each number is worked out beside it."""

from fractions import Fraction
from typing import Any

from projections.figures.answering import answer
from projections.figures.defined import options
from projections.figures.figure import Asked
from projections.figures.sections import FIGURES
from tests.projections.conftest import AT_LAST, end_of, taken
from tests.projections.test_marketing_report import ad, mail, order, view
from tests.streams.builders import Bench, at, deal_opened, link, sent, unlink

MERGED, PARTED = link("anon:a", "user:1", at(20)), unlink("anon:a", "user:1", at(21))


async def cells(bench: Bench, name: str, *lines: bytes, by: str = "", until: int = AT_LAST) -> dict[str, Any]:
    """What the figure comes to once `lines` have been taken as well, by a dimension; without groups of nothing."""
    await taken(bench, lines)
    asked = Asked(until, bench.definition.zone, by=(by,) if by else (), options=options(bench.definition))
    async with bench.stores[0].snapshot() as ask:
        (figure,) = (await answer(ask, [FIGURES[name]], asked)).figures
    return {cell.group.get(by, ""): cell.value for cell in figure.cells if cell.value}


async def value(bench: Bench, name: str, *lines: bytes) -> Any:
    return (await cells(bench, name, *lines)).get("")


async def test_reach_falls_when_two_ids_turn_out_to_be_one_and_rises_when_they_are_parted(bench: Bench) -> None:
    shown = sent("ad_impression", "anon:a", at(0)), sent("ad_impression", "user:1", at(1)), sent("ad_impression", "user:1", at(2))
    assert await value(bench, "reach", *shown) == 2
    # Sent twice it was shown once; of the same content under another id once more: 4 / 2.
    again = sent("ad_impression", "user:1", at(2), id="another")
    assert await value(bench, "frequency", *shown, again) == Fraction(4, 2)
    assert await value(bench, "reach", MERGED) == 1
    assert await value(bench, "frequency") == 4
    assert await value(bench, "reach", PARTED) == 2


async def test_a_merge_after_the_conversion_credits_it_anew_also_under_a_chain(bench: Bench) -> None:
    await taken(bench, [ad("anon:a", at(0)), mail("user:1", at(1)), order("user:1", at(2), amount="100.01")])
    for model in ("linear", "markov_1", "shapley"):
        assert await cells(bench, f"conversion_value_{model}", by="channel") == {"Email": 10_001}
    await taken(bench, [MERGED])
    # Half of 100.01 each: what rounding leaves goes to the first of the path.
    assert await cells(bench, "conversion_value_linear", by="channel") == {"Paid Search": 5_001, "Email": 5_000}
    assert await cells(bench, "conversions_shapley", by="channel") == {"Email": Fraction(1, 2), "Paid Search": Fraction(1, 2)}
    assert sum((await cells(bench, "conversion_value_markov_1", by="channel")).values()) == 10_001
    assert await cells(bench, "conversion_value_linear", PARTED, by="channel") == {"Email": 10_001}


async def test_a_third_person_of_a_deal_who_comes_late_takes_a_part_of_it(bench: Bench) -> None:
    lines = ad("user:1", at(0)), mail("user:2", at(1)), deal_opened("1", at(2), "user:1", "user:2")
    won = sent("close", "deal:1", at(5), amount="100.00")
    assert await cells(bench, "conversion_value_linear", *lines, won, by="channel") == {"Email": 5_000, "Paid Search": 5_000}
    late = mail("user:3", at(1, 1)), sent("deal_updated", "deal:1", at(3), people=[{"person": "user:3"}], stage=None, amount=None)
    # Three touches share 100.00: 33.34 is that of the first, and e-mail has the two others.
    assert await cells(bench, "conversion_value_linear", *late, by="channel") == {"Email": 6_666, "Paid Search": 3_334}
    assert await value(bench, "conversions") == 1
    assert await value(bench, "converting_people") == 3


async def test_a_message_to_two_ids_that_are_one_arrived_once_and_a_machine_opened_it_for_nobody(bench: Bench) -> None:
    to = [sent("email_delivered", who, at(day), message="m") for who, day in (("anon:a", 0), ("user:1", 1))]
    opened = sent("email_opened", "anon:a", at(2), message="m", machine=True)
    assert await value(bench, "emails_delivered", *to, *to, opened) == 2
    assert await value(bench, "email_machine_open_rate") == Fraction(1, 2)
    assert await value(bench, "email_open_rate") is None
    assert await value(bench, "emails_delivered", MERGED) == 1
    assert await value(bench, "email_machine_open_rate") == 1
    # A person opened it too: it is no longer one that only machines opened.
    assert await value(bench, "email_open_rate", sent("email_opened", "user:1", at(3), message="m", machine=False)) == 1


async def test_who_answered_under_two_ids_answered_once_as_last_said(bench: Bench) -> None:
    def said(who: str, day: int, score: int) -> bytes:
        return sent("survey_answered", who, at(day), survey="s", wave="w", question="q", kind="nps", score=score, scale_min=0, scale_max=10)

    # 10, 6 and 5: one for us and two against, of three; then 6 and 5 alone.
    assert await value(bench, "nps", said("anon:a", 0, 10), said("user:1", 1, 6), said("user:2", 1, 5)) == Fraction(-100, 3)
    assert await value(bench, "nps", MERGED) == -100
    assert await value(bench, "survey_answers") == 2
    assert await value(bench, "nps", PARTED) == Fraction(-100, 3)


async def test_a_month_of_two_ids_is_one_persons_who_returns(bench: Bench) -> None:
    assert await value(bench, "new_in_month", view("anon:a", at(0)), view("user:1", at(30))) == 2
    assert await value(bench, "returning_in_month") is None
    assert await value(bench, "new_in_month", MERGED) == 1
    assert await cells(bench, "returning_in_month", by="month") == {"2026-04": 1}


async def test_of_one_persons_ids_the_withdrawn_consent_wins(bench: Bench) -> None:
    given = [sent("consent_given", who, at(0), id=who, purpose="newsletter") for who in ("anon:a", "user:1")]
    withdrawn = sent("consent_withdrawn", "anon:a", at(1), purpose="newsletter")
    assert await cells(bench, "contactable_people", *given, withdrawn, by="purpose") == {"newsletter": 1}
    assert await cells(bench, "contactable_people", MERGED, by="purpose") == {}
    assert await cells(bench, "contactable_people", PARTED, by="purpose") == {"newsletter": 1}


async def test_a_session_over_the_hour_that_is_left_out_in_spring_is_one_of_its_first_day(bench: Bench) -> None:
    bench.definition = bench.definition.model_copy(update={"zone": "Europe/Berlin"})
    bench.restart()
    # 28 March 2026 is day 26. 23:50 in Berlin is 22:50 in UTC; 01:50 and, 20 minutes later, 03:10 of 29 March are 00:50 and 01:10.
    midnight = view("user:1", at(26, 22 + 50 / 60)), view("user:1", at(26, 23 + 10 / 60))
    spring = view("user:2", at(27, 50 / 60)), view("user:2", at(27, 70 / 60))
    assert await cells(bench, "sessions", *midnight, *spring, by="day") == {"2026-03-28": 1, "2026-03-29": 1}
    # The day of 23 hours ends at 22:00 in UTC.
    assert await cells(bench, "sessions", view("user:3", at(27, 22)), by="day") == {"2026-03-28": 1, "2026-03-29": 1, "2026-03-30": 1}


async def test_a_refund_lowers_what_its_order_is_credited_with_in_its_own_currency(bench: Bench) -> None:
    lines = mail("user:1", at(0)), order("user:1", at(1), order="o-1", amount="100.00", currency="EUR")
    dollars = order("user:1", at(2), order="o-2", amount="50.00", currency="USD")
    back = sent("refund", "user:1", at(9), order="o-1", amount="30.01", currency="EUR")
    found = await cells(bench, "conversion_value_last_non_direct", *lines, dollars, back, by="currency")
    # 100.00 - 30.01, and dollars by themselves.
    assert found == {"EUR": 6_999, "USD": 5_000}
    # Revenue has the refund on the day of it, value has it on the order's.
    assert await cells(bench, "net_revenue", by="currency", until=end_of(8)) == {"EUR": 10_000, "USD": 5_000}
    assert await cells(bench, "net_revenue", by="currency", until=end_of(9)) == {"EUR": 6_999, "USD": 5_000}
