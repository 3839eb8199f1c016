"""Golden cases: small facts in, cells out. Every figure has one, here or in CASES of another `cases_….py` beside it."""

from fractions import Fraction
from typing import Any, NamedTuple

from projections.figures.answers import Answer
from projections.figures.figure import Asked, Where
from tests.projections.figures.tables import Rows, at

DAY = 86_400_000_000
UNTIL = at("2026-07-01") - 1


class Case(NamedTuple):
    """`cells`: by the values of the groups, in the order that cells come in."""

    says: str
    figure: str
    rows: Rows
    cells: dict[tuple[str, ...], Any]
    asked: Asked = Asked(UNTIL)


def cells(answer: Answer) -> dict[tuple[str, ...], Any]:
    """The values of the first figure, by the values of its groups."""
    return {tuple(cell.group.values()): cell.value for cell in answer.figures[0].cells}


def asked(*by: str, **more: Any) -> Asked:
    return Asked(**{"until": UNTIL, "by": by, **more})


def deal(name: str, outcome: str, closed: str = "", *, opened: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    stood: dict[str, Any] = {"deal": f"deal:{name}", "at": closed or opened, "outcome": outcome, "opened_at": opened}
    if closed:
        stood |= {"closed_at": closed, "took": at(closed) - at(opened)}
    return {**stood, "pipeline": "new", **more}


def team(owner: str, since: str, value: str) -> dict[str, Any]:
    return {"subject": f"owner:{owner}", "field": "team", "at": since, "value": value}


def seen(person: str, on: str, channel: str, campaign: str = "", n: int = 1) -> dict[str, Any]:
    return {"person": person, "day": on, "channel": channel, "campaign": campaign, "n": n}


def lead(person: str, on: str, channel: str, campaign: str = "") -> dict[str, Any]:
    return {"person": person, "cycle": 1, "at": on, "step": "created", "channel": channel, "campaign": campaign}


def stage(person: str, on: str, name: str, left: str = "", **more: Any) -> dict[str, Any]:
    return {"person": person, "at": on, "stage": name, "left_stage": left, **more}


def cost(on: str, amount_minor: int, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return {"day": on, "amount_minor": amount_minor, "currency": currency, **more}


def touch(person: str, on: str, channel: str, place: int, *, of: str = "d1", closed: str = "2026-03-10", **more: Any) -> dict[str, Any]:
    path = {"person": person, "conversion": "won", "of_what": of, "at": closed, "is_primary": 1, "touched_at": on, "type": "ad_click"}
    return {**path, "channel": channel, "place": place, **more}


DECIDED = [
    deal("d1", "won", "2026-01-15", owner="ann", amount_minor=1_000),
    deal("d2", "lost", "2026-02-15", owner="ann", amount_minor=700),
    deal("d3", "won", "2026-05-01", owner="bob", amount_minor=300, currency="USD", deal_kind="renewal", pipeline="old"),
    deal("d4", "abandoned", "2026-05-02", owner="bob"),
    deal("d5", "open", owner="cid", amount_minor=50),
    # Won, then reopened and lost: the last close counts.
    deal("d6", "won", "2026-01-20", owner="cid"),
    deal("d6", "lost", "2026-03-31 23:59", owner="cid", opened="2026-01-02"),
]
TEAMS = [team("ann", "2026-01-01", "north"), team("ann", "2026-02-01", "south")]
PRODUCTS = [
    {"deal": "deal:d1", "at": "2026-01-15", "product": "lamp"},
    {"deal": "deal:d1", "at": "2026-01-15", "product": "desk", "place": 1},
    {"deal": "deal:d2", "at": "2026-02-15", "product": "desk"},
]
STOOD = {"deals": DECIDED, "described": TEAMS, "deal_products": PRODUCTS}

OPEN = {
    "deals": [
        deal("d1", "open", stage="demo", amount_minor=1_000, weighted_minor=400, is_weighted=1),
        deal("d2", "open", stage="demo", amount_minor=500, weighted_minor=0),
        deal("d3", "open", stage="offer", amount_minor=900, weighted_minor=900, is_weighted=1, currency="USD"),
        deal("d4", "open", stage="offer", pipeline="old", amount_minor=70, weighted_minor=7, is_weighted=1),
        deal("d5", "open", stage="demo", amount_minor=9),
        deal("d5", "won", "2026-02-01", amount_minor=9),
        deal("d6", "open", opened="2026-07-02", stage="demo", amount_minor=9),
    ]
}
CAMPAIGNS = {
    "aliases": [{"alias": "fall", "campaign": "autumn", "at": "2026-03-01"}, {"alias": "late", "campaign": "never", "at": "2026-07-01"}],
    "spelled": [{"name": "FALL", "folded": "fall"}, {"name": "Late", "folded": "late"}],
}
TOUCHED = {
    **CAMPAIGNS,
    "touched": [
        seen("user:1", "2026-03-02", "Email", "fall", 2),
        seen("user:1", "2026-03-02", "Email", "FALL"),
        seen("user:1", "2026-03-04", "Direct"),
        seen("user:2", "2026-03-02", "Direct", "Late"),
        seen("user:2", "2026-07-01", "Direct"),
    ],
}
LEADS = {
    **CAMPAIGNS,
    "leads": [
        lead("user:1", "2026-03-01", "Email", "fall"),
        lead("user:2", "2026-03-02", "Email", "autumn"),
        lead("user:3", "2026-03-11", "Direct"),
        lead("user:3", "2026-03-12", "Direct") | {"step": "mql"},
    ],
}
STAGES = {
    "stages": [
        stage("user:1", "2026-03-01", "awareness"),
        stage("user:2", "2026-03-01", "awareness"),
        stage("user:1", "2026-03-03", "interest", "awareness"),
        stage("user:2", "2026-03-04", "dormant", "awareness", ahead=1),
        stage("user:1", "2026-07-04", "dormant", "interest", ahead=1),
    ]
}
SPENT = {
    **CAMPAIGNS,
    "spend": [
        cost("2026-03-01", 300, channel="Paid Search", campaign="fall", n=3),
        cost("2026-03-02", 20, channel="Paid Search", campaign="autumn"),
        cost("2026-03-02", 5, "USD", channel="Display"),
    ],
    "rates": [
        # 1 USD is 0.90 EUR on March 1st, and on the 7 days after it.
        {"base": "USD", "quote": "EUR", "day": "2026-03-01", "until_day": "2026-03-08", "num": 9, "den": 10}
    ],
}
LATER_RATE = {
    **SPENT,
    # In July, when it is asked, 1 USD is 2 EUR.
    "rates": [*SPENT["rates"], {"base": "USD", "quote": "EUR", "day": "2026-06-28", "until_day": "2026-07-05", "num": 2, "den": 1}],
}
WON = {
    **CAMPAIGNS,
    "deals": [
        deal("d1", "won", "2026-03-10", amount_minor=100),
        deal("d2", "won", "2026-03-11", amount_minor=10),
        deal("d3", "lost", "2026-03-12", amount_minor=5),
        deal("d3", "won", "2026-03-11", amount_minor=5),
    ],
    "conversions": [
        {"person": "user:1", "conversion": "won", "of_what": "d1", "at": "2026-03-10", "is_primary": 1},
        {"person": "user:2", "conversion": "won", "of_what": "d1", "at": "2026-03-10", "is_primary": 0},
        {"person": "user:1", "conversion": "won", "of_what": "d3", "at": "2026-03-11", "is_primary": 1},
        {"person": "user:1", "conversion": "order", "of_what": "order:7", "at": "2026-03-12", "is_primary": 1, "amount_minor": 50},
    ],
    "paths": [
        touch("user:1", "2026-03-01", "Email", 0, campaign="FALL"),
        touch("user:2", "2026-03-05", "Display", 0, campaign="autumn", is_primary=0),
        touch("user:1", "2026-03-09", "Direct", 1),
        touch("user:1", "2026-03-01", "Email", 0, of="d3", closed="2026-03-11"),
        touch("user:1", "2026-03-09", "Direct", 0, of="order:7", closed="2026-03-12", conversion="order"),
    ],
    "lowered": [{"subject": "user:1", "order_id": "7", "at": "2026-04-01", "amount_minor": -20}],
}

Q1_AND_Q2 = {"from_on": "2026-01-01", "to_on": "2026-07-01"}
MARCH_2_TO_5 = {"from_on": "2026-03-02", "to_on": "2026-03-06"}
NONE = "(no touch)"


def millionths(parts: int) -> Fraction:
    return Fraction(parts, 10**6)


CASES = (
    Case("a reopened deal counts as last closed", "win_rate", STOOD, {("ann",): Fraction(1, 2), ("bob",): 1, ("cid",): 0}, asked("owner")),
    Case(
        "the team is the owner's at the close",
        "win_rate",
        STOOD,
        {("",): Fraction(1, 2), ("north",): 1, ("south",): 0},
        asked("team_of_owner"),
    ),
    Case(
        "a quarter in which nothing was decided has no rate",
        "win_rate",
        STOOD,
        {("2026-Q1",): Fraction(1, 2), ("2026-Q2",): None},
        asked("quarter", where=(Where("owner", ("ann",)),), **Q1_AND_Q2),
    ),
    Case(
        "a fiscal year from April",
        "win_rate",
        STOOD,
        {("FY2026",): Fraction(1, 3), ("FY2027",): 1},
        asked("year", fiscal_year_starts=4),
    ),
    Case("pipelines", "win_rate", STOOD, {("new",): Fraction(1, 3), ("old",): 1}, asked("pipeline")),
    Case("kinds", "win_rate", STOOD, {("",): Fraction(1, 3), ("renewal",): 1}, asked("kind")),
    Case(
        "a deal is in each of its products",
        "win_rate",
        STOOD,
        {("",): Fraction(1, 2), ("desk",): Fraction(1, 2), ("lamp",): 1},
        asked("product"),
    ),
    Case("and counts once where both are asked for", "deals_won", STOOD, {(): 1}, asked(where=(Where("product", ("desk", "lamp")),))),
    Case("money is per currency", "won_value", STOOD, {("EUR",): 1_000, ("USD",): 300}),
    Case("half of 14 and 120 days", "cycle_time", STOOD, {(): (67 * DAY, Fraction(547 * DAY, 5))}),
    Case("as they stand", "open_deals", OPEN, {("new", "demo"): 2, ("new", "offer"): 1, ("old", "offer"): 1}, asked("pipeline", "stage")),
    Case(
        "open value",
        "open_value",
        OPEN,
        {("new", "demo", "EUR"): 1_500, ("new", "offer", "USD"): 900, ("old", "offer", "EUR"): 70},
        asked("pipeline", "stage"),
    ),
    Case(
        "what has no probability has no weight",
        "weighted_value",
        OPEN,
        {("new", "demo", "EUR"): 400, ("new", "offer", "USD"): 900, ("old", "offer", "EUR"): 7},
        asked("pipeline", "stage"),
    ),
    Case(
        "an alias that was taken back is none, nor is what a campaign itself is called",
        "new_leads",
        {
            "leads": [lead("user:1", "2026-03-01", "Email", "fall"), lead("user:2", "2026-03-01", "Email", "spring")],
            "aliases": [
                {"alias": "fall", "campaign": "autumn", "at": "2026-03-01", "until_at": "2026-04-01"},
                {"alias": "spring", "campaign": "may", "at": "2026-03-01"},
            ],
            "described": [{"subject": "campaign:spring", "field": "name", "at": "2026-03-01", "value": "Spring"}],
        },
        {("fall",): 1, ("spring",): 1},
        asked("campaign"),
    ),
    Case(
        "an alias is one however it is spelled, and a name that a campaign itself has is none however an alias is",
        "new_leads",
        {
            "leads": [lead(f"user:{name}", "2026-03-01", "Email", name) for name in ("FALL", "fall", "Spring", "May")],
            "spelled": [{"name": "FALL", "folded": "fall"}, {"name": "Spring", "folded": "spring"}, {"name": "May", "folded": "may"}],
            "aliases": [
                {"alias": "fall", "campaign": "autumn", "at": "2026-03-01"},
                {"alias": "fall", "campaign": "august", "at": "2026-03-02"},
                {"alias": "spring", "campaign": "easter", "at": "2026-03-01"},
            ],
            "described": [{"subject": "campaign:Spring", "field": "name", "at": "2026-03-01", "value": "Spring"}],
        },
        {("May",): 1, ("Spring",): 1, ("autumn",): 2},
        asked("campaign"),
    ),
    Case("leads by channel", "new_leads", LEADS, {("Direct",): 1, ("Email",): 2}, asked("channel")),
    Case("an alias is its campaign, of before it was stated too", "new_leads", LEADS, {("",): 1, ("autumn",): 2}, asked("campaign")),
    Case(
        "weeks begin on Monday",
        "new_leads",
        LEADS,
        {("2026-02-23",): 1, ("2026-03-02",): 1, ("2026-03-09",): 1, ("2026-03-16",): 0},
        asked("week", to_on="2026-03-23"),
    ),
    Case(
        "empty days are shown",
        "new_leads",
        LEADS,
        {("2026-03-01",): 1, ("2026-03-02",): 1, ("2026-03-03",): 0},
        asked("day", from_on="2026-03-01", to_on="2026-03-04"),
    ),
    Case("a month in which nothing was", "new_leads", {}, {("2026-06",): 0}, asked("month", from_on="2026-06-01")),
    Case("people are counted once", "people", TOUCHED, {(): 2}),
    Case("people by channel", "people", TOUCHED, {("Direct",): 2, ("Email",): 1}, asked("channel")),
    Case("under two names of a campaign once", "people", TOUCHED, {("",): 1, ("Late",): 1, ("autumn",): 1}, asked("campaign")),
    Case(
        "people by day",
        "people",
        TOUCHED,
        {("2026-03-02",): 2, ("2026-03-03",): 0, ("2026-03-04",): 1, ("2026-03-05",): 0},
        asked("day", **MARCH_2_TO_5),
    ),
    Case("touchpoints add up", "touchpoints", TOUCHED, {("",): 1, ("Late",): 1, ("autumn",): 3}, asked("campaign")),
    Case(
        "how many are in a stage runs on from before the period",
        "stage_people",
        STAGES,
        {
            ("2026-03-02", "awareness"): 2,
            ("2026-03-02", "dormant"): 0,
            ("2026-03-02", "interest"): 0,
            ("2026-03-03", "awareness"): 1,
            ("2026-03-03", "dormant"): 0,
            ("2026-03-03", "interest"): 1,
            ("2026-03-04", "awareness"): 0,
            ("2026-03-04", "dormant"): 1,
            ("2026-03-04", "interest"): 1,
            ("2026-03-05", "awareness"): 0,
            ("2026-03-05", "dormant"): 1,
            ("2026-03-05", "interest"): 1,
        },
        asked("day", "stage", **MARCH_2_TO_5),
    ),
    Case("in a stage at last", "stage_people", STAGES, {("awareness",): 0, ("dormant",): 1, ("interest",): 1}, asked("stage")),
    Case("what time did is entered too", "stage_entries", STAGES, {("awareness",): 2, ("dormant",): 1, ("interest",): 1}, asked("stage")),
    Case("spend by channel", "spend", SPENT, {("Display", "USD"): 5, ("Paid Search", "EUR"): 320}, asked("channel")),
    Case("spend by campaign", "spend", SPENT, {("", "USD"): 5, ("autumn", "EUR"): 320}, asked("campaign")),
    Case(
        "converted by the rate of the day, half to even",
        "spend",
        SPENT,
        {("Display",): 4, ("Paid Search",): 320},
        asked("channel", currency="EUR"),
    ),
    Case("and by its exact inverse", "spend", SPENT, {("Display",): 5, ("Paid Search",): 355}, asked("channel", currency="USD")),
    Case(
        "sums, which PostgreSQL keeps as NUMERIC, are added up to the last unit",
        "spend",
        {"spend": [{"day": f"2026-03-0{day}", "amount_minor": 400_000_000} for day in (1, 2, 3)]},
        {("EUR",): 1_200_000_000},
    ),
    Case("by the rate of the day asked until", "spend", LATER_RATE, {(): 320 + 10}, asked(currency="EUR", rate_day="until")),
    Case("in the company's own currency where rates to it are stated", "spend", SPENT, {(): 324}, asked(own_currency="EUR")),
    Case("in each where none are", "spend", SPENT, {("EUR",): 320, ("USD",): 5}, asked(own_currency="CHF")),
    Case(
        "and where one is asked for",
        "spend",
        SPENT,
        {("USD",): 5},
        asked(own_currency="EUR", where=(Where("currency", ("USD",)),)),
    ),
    Case("without a rate all is per currency", "spend", SPENT, {("EUR",): 320, ("USD",): 5}, asked(currency="GBP")),
    Case("to the first", "conversions_first", WON, {(NONE,): 1, ("Direct",): 1, ("Email",): 1}, asked("channel")),
    Case("to the last", "conversions_last", WON, {(NONE,): 1, ("Direct",): 2}, asked("channel")),
    Case(
        "to Direct only where there is nothing else",
        "conversions_last_non_direct",
        WON,
        {(NONE,): 1, ("Direct",): 1, ("Display",): 1},
        asked("channel"),
    ),
    Case(
        "in parts that add up",
        "conversions_linear",
        WON,
        {("",): millionths(1_333_333), (NONE,): 1, ("autumn",): millionths(666_667)},
        asked("campaign"),
    ),
    Case(
        "filters come after credit", "conversions_linear", WON, {(): millionths(1_333_333)}, asked(where=(Where("channel", ("Direct",)),))
    ),
    Case("of a kind", "conversions_linear", WON, {("Direct",): 1}, asked("channel", where=(Where("conversion", ("order",)),))),
    Case(
        "value to the first",
        "conversion_value_first",
        WON,
        {(NONE, "EUR"): 10, ("Direct", "EUR"): 30, ("Email", "EUR"): 100},
        asked("channel"),
    ),
    Case("value to the last", "conversion_value_last", WON, {(NONE, "EUR"): 10, ("Direct", "EUR"): 130}, asked("channel")),
    Case(
        "value to the last that is not direct",
        "conversion_value_last_non_direct",
        WON,
        {(NONE, "EUR"): 10, ("Direct", "EUR"): 30, ("Display", "EUR"): 100},
        asked("channel"),
    ),
    Case(
        "to the cent, the largest remainder to the first",
        "conversion_value_linear",
        WON,
        {(NONE, "EUR"): 10, ("Direct", "EUR"): 63, ("Display", "EUR"): 33, ("Email", "EUR"): 34},
        asked("channel"),
    ),
    Case(
        "only primary people's touches",
        "conversion_value_linear",
        WON,
        {(NONE, "EUR"): 10, ("Direct", "EUR"): 80, ("Email", "EUR"): 50},
        asked("channel", options={"people": "primary"}),
    ),
)
