"""Golden cases of what was spent, what results cost, and what spending returned."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import CAMPAIGNS, Case, asked, cost, deal, lead, touch
from tests.projections.figures.cases_marketing import converted
from tests.projections.figures.tables import Rows


def media(on: str, amount_minor: int, channel: str, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return cost(on, amount_minor, currency, channel=channel, function="marketing", cost_kind="media", **more)


def lead_state(person: str, on: str, channel: str, *, mql: str = "", qualified: str = "", **more: Any) -> dict[str, Any]:
    stood: dict[str, Any] = {"person": person, "cycle": 1, "at": qualified or mql or on, "created_at": on, "channel": channel, **more}
    stood |= {"is_mql": 1, "mql_at": mql} if mql else {}
    return stood | ({"is_qualified": 1, "qualified_at": qualified} if qualified else {})


SPENT: Rows = {
    **CAMPAIGNS,
    "spend": [
        media("2026-03-01", 300, "Paid Search", campaign="fall"),
        media("2026-03-02", 100, "Paid Search", campaign="autumn"),
        media("2026-03-02", 50, "Display", "USD"),
        cost("2026-03-02", 80, function="marketing", cost_kind="agency", campaign="autumn"),
        cost("2026-03-03", 1_000, function="sales", cost_kind="people"),
        # As of the end of June it is still to come.
        media("2026-07-01", 7_777, "Paid Search", "CHF"),
    ],
    "rates": [{"base": "USD", "quote": "EUR", "day": "2026-03-01", "until_day": "2026-03-08", "num": 9, "den": 10}],
    "leads": [
        lead("user:1", "2026-03-01", "Paid Search", "fall"),
        lead("user:2", "2026-03-02", "Paid Search", "autumn"),
        lead("user:3", "2026-04-11", "Direct"),
        lead("user:4", "2026-07-02", "Direct"),
    ],
    "lead_states": [
        lead_state("user:1", "2026-03-01", "Paid Search", mql="2026-03-04", qualified="2026-03-05", campaign="fall"),
        lead_state("user:2", "2026-03-02", "Paid Search", mql="2026-03-06", campaign="autumn"),
        lead_state("user:3", "2026-04-11", "Direct"),
    ],
    "first_touched": [
        {"person": "user:1", "at": "2026-02-20", "channel": "Paid Search", "campaign": "FALL", "is_first": 1},
        {"person": "user:3", "at": "2026-04-10", "channel": "Direct", "is_first": 1},
    ],
    "deals": [
        deal("d1", "open", opened="2026-03-07"),
        deal("d1", "won", "2026-04-02", opened="2026-03-07", amount_minor=2_000),
        # Of nobody; reopened after it was won, and so it is no win.
        deal("d2", "won", "2026-03-20", opened="2026-03-08"),
        {**deal("d2", "open", opened="2026-03-08"), "at": "2026-04-20"},
    ],
    "deal_people": [
        {"person": "user:1", "deal": "deal:d1", "at": "2026-03-07", "is_primary": 1, "cycle": 1},
        # A third person who came late is one more of a deal, and not one more deal.
        {"person": "user:3", "deal": "deal:d1", "at": "2026-03-30", "is_primary": 0},
    ],
}
"""400 EUR and 50 USD of media, 80 EUR of an agency, 1,000 EUR of sales; 3 leads, 2 MQLs, 1 SQL, 2 deals opened and 1 won."""
ONE_AND_TWO_MORE: Rows = {
    **SPENT,
    "spend": [*SPENT["spend"], media("2026-04-01", 60, "Display")],
}
NOTHING_SPENT: Rows = {"leads": SPENT["leads"]}

BOUGHT: Rows = {
    "spend": [
        media("2026-03-01", 400, "Paid Search", campaign="autumn"),
        media("2026-03-10", 100, "Display", "USD"),
        cost("2026-03-15", 600, function="sales", cost_kind="people"),
        cost("2026-02-27", 90, function="marketing", cost_kind="tools"),
    ],
    "rates": [
        {"base": "USD", "quote": "EUR", "day": "2026-03-08", "until_day": "2026-03-15", "num": 9, "den": 10},
        {"base": "USD", "quote": "EUR", "day": "2026-04-01", "until_day": "2026-04-12", "num": 2, "den": 1},
    ],
    "deals": [
        deal("d1", "won", "2026-03-10", account="acme", amount_minor=1_000),
        # The same account again makes no new customer.
        deal("d2", "won", "2026-03-20", account="acme", amount_minor=500),
    ],
    "conversions": [
        converted("user:1", "won", "d1", "2026-03-10"),
        converted("user:2", "won", "d1", "2026-03-10", is_primary=0),
        converted("user:3", "order", "order:7", "2026-03-12", 300),
        converted("user:3", "order", "order:8", "2026-03-13", 200),
        converted("user:4", "order", "order:9", "2026-04-02", 70, currency="USD"),
        # A lead is no customer, and worth nothing.
        converted("user:5", "lead", "lead:1", "2026-03-12"),
    ],
    "paths": [
        touch("user:1", "2026-03-01", "Paid Search", 0, campaign="autumn"),
        touch("user:1", "2026-03-09", "Direct", 1),
        touch("user:2", "2026-03-02", "Display", 0, is_primary=0),
        touch("user:3", "2026-03-11", "Email", 0, of="order:7", closed="2026-03-12", conversion="order"),
        touch("user:3", "2026-03-11", "Email", 0, of="order:8", closed="2026-03-13", conversion="order"),
        touch("user:4", "2026-04-01", "Direct", 0, of="order:9", closed="2026-04-02", conversion="order"),
    ],
    # 50 of the order of 300 were paid back.
    "lowered": [{"subject": "user:3", "order_id": "7", "at": "2026-04-01", "amount_minor": -50}],
}
"""Three customers: acme, by Display, since that is the last touch of its people that is not direct; user:3 by Email; user:4 by Direct."""
MARCH = {"from_on": "2026-03-01", "to_on": "2026-04-01"}
LAG = {"options": {"lag_days": 30}}

CASES = (
    Case("sales' salaries are no part of it", "marketing_spend", SPENT, {("EUR",): 480, ("USD",): 50}),
    Case(
        "of every kind",
        "marketing_spend",
        SPENT,
        {("agency",): 80, ("media",): 400 + 45, ("people",): 0},
        asked("cost_kind", currency="EUR"),
    ),
    Case("of media alone", "media_spend", SPENT, {("", "EUR"): 0, ("Display", "USD"): 50, ("Paid Search", "EUR"): 400}, asked("channel")),
    Case("sales' own", "sales_spend", SPENT, {("EUR",): 1_000, ("USD",): 0}),
    Case("each currency that was spent, by all leads", "cost_per_lead", SPENT, {("EUR",): Fraction(400, 3), ("USD",): Fraction(50, 3)}),
    Case("converted to one, leads count once", "cost_per_lead", SPENT, {(): Fraction(400 + 45, 3)}, asked(currency="EUR")),
    Case(
        "a lead counts once in each currency that is asked for",
        "cost_per_lead",
        SPENT,
        {("USD",): Fraction(50, 3)},
        asked(where=(Where("currency", ("USD",)),)),
    ),
    Case(
        "of two currencies that are converted too",
        "cost_per_lead",
        SPENT,
        {(): Fraction(400 + 45, 3)},
        asked(where=(Where("currency", ("USD", "EUR")),), currency="EUR"),
    ),
    Case(
        "without a rate it is per currency",
        "cost_per_lead",
        SPENT,
        {("EUR",): Fraction(400, 3), ("USD",): Fraction(50, 3)},
        asked(currency="GBP"),
    ),
    Case(
        "spend without a lead is null, a lead that cost nothing is 0",
        "cost_per_lead",
        SPENT,
        {("",): None, ("Direct",): 0, ("Display",): None, ("Paid Search",): Fraction(400, 2)},
        asked("channel", currency="EUR"),
    ),
    Case(
        "an alias is its campaign on both sides",
        "cost_per_lead",
        SPENT,
        {("",): 45, ("autumn",): Fraction(400, 2)},
        asked("campaign", currency="EUR"),
    ),
    Case(
        "by month: in April a lead and no spend, in May neither",
        "cost_per_lead",
        SPENT,
        {("2026-03",): Fraction(445, 2), ("2026-04",): 0, ("2026-05",): None},
        asked("month", currency="EUR", from_on="2026-03-01", to_on="2026-06-01"),
    ),
    Case(
        "only currencies that were spent in the period are told of",
        "cost_per_lead",
        ONE_AND_TWO_MORE,
        {("EUR",): 60},
        asked(from_on="2026-04-01", to_on="2026-05-01"),
    ),
    Case("where no cost is known, nothing is known of it", "cost_per_lead", NOTHING_SPENT, {}),
    Case("400 by 2 MQLs", "cost_per_mql", SPENT, {("EUR",): 200, ("USD",): 25}),
    Case("by 1 SQL", "cost_per_sql", SPENT, {("EUR",): 400, ("USD",): 50}),
    Case("by 2 deals opened, of which one was won and reopened", "cost_per_opportunity", SPENT, {("EUR",): 200, ("USD",): 25}),
    Case(
        "a deal's channel is that of its main contact",
        "cost_per_opportunity",
        SPENT,
        {("",): 0, ("Direct",): None, ("Display",): None, ("Paid Search",): 400},
        asked("channel", currency="EUR"),
    ),
    Case("by one deal that stands as won, of two people", "cost_per_win", SPENT, {("EUR",): 400, ("USD",): 50}),
    Case(
        "of the month of the close",
        "cost_per_win",
        ONE_AND_TWO_MORE,
        {("2026-03",): None, ("2026-04",): 60},
        asked("month", currency="EUR", from_on="2026-03-01", to_on="2026-05-01"),
    ),
    Case("of a campaign", "cost_per_win", SPENT, {("",): None, ("autumn",): 400}, asked("campaign", currency="EUR")),
    Case("an agency is paid as well, and salespeople are not", "full_cost_per_lead", SPENT, {("EUR",): 160, ("USD",): Fraction(50, 3)}),
    Case("480 by 2 MQLs", "full_cost_per_mql", SPENT, {("EUR",): 240, ("USD",): 25}),
    Case("by 1 SQL", "full_cost_per_sql", SPENT, {("EUR",): 480, ("USD",): 50}),
    Case("by 2 deals opened", "full_cost_per_opportunity", SPENT, {("EUR",): 240, ("USD",): 25}),
    Case("by 1 deal won", "full_cost_per_win", SPENT, {("EUR",): 480, ("USD",): 50}),
    Case(
        "for sales, by channel",
        "win_cost",
        SPENT,
        {("Display",): None, ("Paid Search",): 400},
        asked("channel", currency="EUR"),
    ),
    Case("and of all that marketing spent", "full_win_cost", SPENT, {("EUR",): 480, ("USD",): 50}),
    Case("1,090 EUR and 100 USD, 3 customers", "cac", BOUGHT, {("EUR",): Fraction(1_090, 3), ("USD",): Fraction(100, 3)}),
    Case("of March: 1,000 EUR and 90, 2 customers", "cac", BOUGHT, {(): Fraction(1_090, 2)}, asked(currency="EUR", **MARCH)),
    Case(
        "costs of 30 days before: of February 27th in March, those of March in April, each at the rate of its own day",
        "cac",
        BOUGHT,
        # March has 90 and the 400 of its 1st (the 31st); April 90 (100 USD of March 10th) and 600.
        {("2026-03",): Fraction(490, 2), ("2026-04",): 690},
        asked("month", currency="EUR", from_on="2026-03-01", to_on="2026-05-01", **LAG),
    ),
    Case(
        "a customer's channel is that of the last touch that is not direct",
        "cac",
        BOUGHT,
        {("",): None, ("Direct",): 0, ("Display",): 90, ("Email",): 0, ("Paid Search",): None},
        asked("channel", currency="EUR"),
    ),
    Case("490 of media, one customer of a paid channel", "cac_paid", BOUGHT, {(): 490}, asked(currency="EUR")),
    Case(
        "paid back orders are worth less, and a lead nothing",
        "roas",
        BOUGHT,
        # Display: 1,000 of d1 by 90; d2 has no touch at all; Email has 250 + 200 and costs nothing.
        {("",): None, ("(no touch)",): None, ("Direct",): None, ("Display",): Fraction(1_000, 90), ("Email",): None, ("Paid Search",): 0},
        asked("channel", currency="EUR"),
    ),
    Case("in each currency by itself", "roas", BOUGHT, {("EUR",): Fraction(1_950, 400), ("USD",): Fraction(70, 100)}),
    Case("in March, of 400 EUR and 90", "roas", BOUGHT, {(): Fraction(1_950, 490)}, asked(currency="EUR", **MARCH)),
    Case("by all that marketing spent", "full_roas", BOUGHT, {("EUR",): Fraction(1_950, 490), ("USD",): Fraction(70, 100)}),
)
