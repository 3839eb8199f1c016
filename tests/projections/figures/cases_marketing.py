"""Golden cases of marketing's own: who came, what they became, what they ordered."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import CAMPAIGNS, DAY, NONE, WON, Case, asked, deal, lead, stage
from tests.projections.figures.tables import Rows


def first(person: str, on: str, channel: str, campaign: str = "", *, is_first: int = 1) -> dict[str, Any]:
    return {"person": person, "at": on, "channel": channel, "campaign": campaign, "is_first": is_first, "is_first_of_channel": 1}


def session(person: str, on: str, nth: int, channel: str = "Direct", campaign: str = "") -> dict[str, Any]:
    return {"person": person, "at": on, "nth": nth, "is_new": int(nth == 1), "channel": channel, "campaign": campaign}


def engaged(person: str, on: str, since: str) -> dict[str, Any]:
    return {"person": person, "at": on, "engaged_at": since}


def milestone(person: str, name: str, on: str, channel: str = "Direct") -> dict[str, Any]:
    return {"person": person, "name": name, "at": on, "channel": channel}


def converted(person: str, conversion: str, of: str, on: str, amount_minor: int = 0, **more: Any) -> dict[str, Any]:
    return {"person": person, "conversion": conversion, "of_what": of, "at": on, "amount_minor": amount_minor, **more}


def joined(person: str, on: str, account: str) -> dict[str, Any]:
    return {"subject": person, "field": "account", "at": on, "value": account}


def said(subject: str, field: str, value: str, on: str = "2026-01-01") -> dict[str, Any]:
    return {"subject": subject, "field": field, "at": on, "value": value}


def money(subject: str, order: str, on: str, amount_minor: int, currency: str = "EUR") -> dict[str, Any]:
    return {"subject": subject, "order_id": order, "at": on, "amount_minor": amount_minor, "currency": currency}


FIRST: Rows = {
    **CAMPAIGNS,
    "first_touched": [
        first("user:1", "2026-03-01", "Email", "fall"),
        first("user:2", "2026-03-01 10:00", "Direct"),
        first("user:1", "2026-03-02", "Direct", is_first=0),
        first("user:3", "2026-03-03", "Email", "autumn"),
        first("user:4", "2026-07-01", "Email"),
    ],
    "leads": [
        lead("user:1", "2026-03-05", "Email"),
        lead("user:1", "2026-05-05", "Email") | {"cycle": 2},
        lead("user:2", "2026-07-02", "Direct"),
        # Whom marketing never counted.
        lead("user:9", "2026-03-05", "Phone"),
    ],
    "lead_states": [
        {"person": "user:9", "cycle": 1, "at": "2026-03-05", "channel": "Phone"},
        {"person": "user:9", "cycle": 1, "at": "2026-03-06", "channel": "Phone", "is_mql": 1, "mql_at": "2026-03-06"},
        # Closed later: it became one in March all the same.
        {"person": "user:9", "cycle": 1, "at": "2026-04-06", "channel": "Phone", "is_mql": 1, "mql_at": "2026-03-06"},
    ],
}
VISITS: Rows = {
    "sessions": [
        session("user:1", "2026-03-01", 1, "Email", "fall"),
        session("user:1", "2026-03-01 10:00", 2),
        session("user:1", "2026-03-04", 3),
        session("user:2", "2026-03-04 08:00", 1),
        session("user:2", "2026-07-01", 2),
    ],
    "engaged_sessions": [
        engaged("user:1", "2026-03-01", "2026-03-01 00:01"),
        engaged("user:2", "2026-03-04 08:00", "2026-03-04 08:05"),
        # Becomes engaged after the instant asked until.
        engaged("user:1", "2026-03-04", "2026-07-01"),
    ],
    **CAMPAIGNS,
}
STAYED: Rows = {
    "stages": [
        stage("user:1", "2026-03-01", "awareness"),
        stage("user:1", "2026-03-03", "interest", "awareness", stayed=2 * DAY),
        stage("user:2", "2026-03-03", "interest", "awareness", stayed=4 * DAY),
        stage("user:2", "2026-03-09", "awareness", "interest", stayed=6 * DAY, ahead=1),
    ]
}
STEPPED: Rows = {
    "milestones": [
        milestone("user:1", "trial", "2026-03-01"),
        milestone("user:1", "trial", "2026-03-02", "Email"),
        milestone("user:2", "trial", "2026-03-02"),
        milestone("user:2", "demo", "2026-03-02"),
        milestone("user:2", "demo", "2026-07-02"),
    ]
}
CONVERTED: Rows = {
    "deals": [
        deal("d1", "won", "2026-03-10", amount_minor=100, account="acme", deal_kind="new"),
        # Names nobody.
        deal("d2", "won", "2026-03-11", amount_minor=10, account="acme", pipeline="old"),
        deal("d3", "won", "2026-03-12", amount_minor=7),
        # Won, then lost after all.
        deal("d4", "won", "2026-03-12", amount_minor=9),
        deal("d4", "lost", "2026-04-01", amount_minor=9),
    ],
    "conversions": [
        converted("user:1", "won", "d1", "2026-03-10", is_primary=1),
        converted("user:2", "won", "d1", "2026-03-10"),
        converted("user:3", "won", "d3", "2026-03-12"),
        converted("user:4", "won", "d4", "2026-03-12"),
        converted("user:1", "order", "order:7", "2026-03-12", 50),
        converted("user:5", "order", "order:8", "2026-04-12", 60, currency="USD"),
        converted("user:5", "order", "order:9", "2026-04-13", 5, currency="USD"),
        converted("user:6", "lead", "lead:6", "2026-04-13", n=2),
    ],
    "lowered": [{"subject": "user:1", "order_id": "7", "at": "2026-04-01", "amount_minor": -20}],
    "described": [joined("user:1", "2026-03-11", "acme"), joined("user:5", "2026-04-13", "beta"), joined("user:3", "2026-03-13", "late")],
}
ORDERED: Rows = {
    "orders": [
        money("user:1", "7", "2026-03-12", 50),
        money("account:acme", "8", "2026-03-31", 100),
        money("user:2", "9", "2026-04-02", 30, "JPY"),
        money("user:2", "10", "2026-07-02", 30),
    ],
    "order_products": [
        {"subject": "user:1", "order_id": "7", "at": "2026-03-12", "product": "lamp"},
        {"subject": "user:1", "order_id": "7", "at": "2026-03-12", "product": "desk", "place": 1},
        {"subject": "account:acme", "order_id": "8", "at": "2026-03-31", "product": "desk"},
        # Of another subject's order of the same id.
        {"subject": "user:9", "order_id": "9", "at": "2026-04-02", "product": "chair"},
    ],
    "lowered": [money("user:1", "7", "2026-04-01", -20)],
    "left_out": [
        {"subject": "user:1", "of_what": "order:7", "at": "2026-03-13", "why": "sent again", "source": "urn:shop", "n": 2},
        {"subject": "user:1", "of_what": "order:5", "at": "2026-03-13", "why": "refund without its order", "source": "urn:shop"},
        {"subject": "user:1", "of_what": "order:5", "at": "2026-07-01", "why": "sent again", "source": "urn:shop"},
    ],
}
RENAMED: Rows = {
    "deals": WON["deals"],
    **{table: [{**row, "conversion": "deal"} for row in WON[table] if row["of_what"] != "order:7"] for table in ("conversions", "paths")},
}
DESCRIBED: list[dict[str, Any]] = [
    said("user:1", "country", "AT"),
    said("user:1", "country", "CH", "2026-03-02"),
    said("user:2", "country", "DE"),
    said("user:1", "seniority", "lead"),
    said("account:acme", "country", "NL"),
    said("account:acme", "industry", "steel"),
    said("account:acme", "industry", "glass", "2026-04-01"),
    said("account:acme", "employees", "250"),
    joined("user:1", "2026-01-01", "acme"),
    joined("user:2", "2026-01-01", "acme"),
    # Has left it.
    joined("user:2", "2026-02-01", ""),
    said("user:5", "job_title", "buyer"),
]
MARCH_2_TO_4 = {"from_on": "2026-03-02", "to_on": "2026-03-05"}
PEOPLE = {"customer": "person"}

CASES = (
    Case(
        "each once, where they came from first",
        "new_people",
        FIRST,
        {("Direct", ""): 1, ("Email", "autumn"): 2},
        asked("channel", "campaign"),
    ),
    Case(
        "on the day they came first",
        "new_people",
        FIRST,
        {("2026-03-02",): 0, ("2026-03-03",): 1, ("2026-03-04",): 0},
        asked("day", **MARCH_2_TO_4),
    ),
    Case(
        "all since the first",
        "people_so_far",
        FIRST,
        {("2026-03-02",): 2, ("2026-03-03",): 3, ("2026-03-04",): 3},
        asked("day", **MARCH_2_TO_4),
    ),
    Case("who is a lead twice is one of the people", "lead_people", FIRST, {("Email",): 1, ("Phone",): 1}, asked("channel")),
    Case("when marketing qualified them", "new_mqls", FIRST, {("2026-03",): 1, ("2026-04",): 0}, asked("month", to_on="2026-05-01")),
    Case("up to the instant asked until", "visit_to_lead", FIRST, {(): Fraction(1, 3)}),
    Case(
        "of those who came first in the period",
        "visit_to_lead",
        FIRST,
        {("2026-03-01",): Fraction(1, 2), ("2026-03-02",): None, ("2026-03-03",): 0},
        asked("day", to_on="2026-03-04"),
    ),
    Case("by where they began", "sessions", VISITS, {("Direct", ""): 3, ("Email", "autumn"): 1}, asked("channel", "campaign")),
    Case("new and returning", "sessions", VISITS, {("new",): 2, ("returning",): 2}, asked("visitor")),
    Case(
        "from when they were engaged on",
        "engaged_sessions",
        VISITS,
        {("2026-03-01",): 1, ("2026-03-02",): 0},
        asked("day", to_on="2026-03-03"),
    ),
    Case("of new ones and of others", "engagement_rate", VISITS, {("new",): 1, ("returning",): 0}, asked("visitor")),
    Case("people with sessions once", "visitors", VISITS, {("Direct",): 2, ("Email",): 1}, asked("channel")),
    Case("first sessions", "new_visitors", VISITS, {("Direct",): 1, ("Email",): 1}, asked("channel")),
    Case("who came again", "returning_visitors", VISITS, {(): 1}),
    Case(
        "half of 2, 4 and 6 days",
        "time_in_stage",
        STAYED,
        {("awareness",): (3 * DAY, Fraction(19 * DAY, 5)), ("interest",): (6 * DAY, 6 * DAY)},
        asked("stage"),
    ),
    Case(
        "of the stage that was left",
        "time_in_stage",
        STAYED,
        {
            ("awareness", "interest"): (3 * DAY, Fraction(19 * DAY, 5)),
            ("interest", "awareness"): (6 * DAY, 6 * DAY),
        },
        asked("stage", "entered_stage"),
    ),
    Case(
        "each time",
        "milestones",
        STEPPED,
        {("demo", "Direct"): 1, ("trial", "Direct"): 2, ("trial", "Email"): 1},
        asked("milestone", "channel"),
    ),
    Case("people once", "milestone_people", STEPPED, {("demo",): 1, ("trial",): 2}, asked("milestone")),
    Case("a deal once, as it stands", "conversions", CONVERTED, {("lead",): 2, ("order",): 3, ("won",): 3}, asked("conversion")),
    Case("by pipeline, where it has one", "conversions", CONVERTED, {("",): 5, ("new",): 2, ("old",): 1}, asked("pipeline")),
    Case(
        "a won deal is of each kind that won deals are",
        "conversions",
        RENAMED,
        {("deal",): 2, ("signed",): 2},
        asked("conversion", options={"won": ("deal", "signed")}),
    ),
    Case(
        "of a deal and of an order, in each of its products",
        "conversion_value",
        CONVERTED
        | {
            "deal_products": [{"deal": "deal:d1", "at": "2026-03-10", "product": "desk"}],
            "order_products": [
                {"subject": "user:1", "order_id": "7", "at": "2026-03-12", "product": "desk"},
                {"subject": "user:1", "order_id": "7", "at": "2026-03-12", "product": "lamp", "place": 1},
            ],
        },
        {("", "EUR"): 17, ("", "USD"): 65, ("desk", "EUR"): 130, ("lamp", "EUR"): 30},
        asked("product"),
    ),
    Case("or of none", "conversions", CONVERTED, {(): 5}, asked(where=(Where("conversion", ("lead", "order")),), options={"won": ()})),
    Case(
        "less refunds, by the day of the conversion",
        "conversion_value",
        CONVERTED,
        {("2026-03", "EUR"): 147, ("2026-03", "USD"): 0, ("2026-04", "EUR"): 0, ("2026-04", "USD"): 65},
        asked("month", to_on="2026-05-01"),
    ),
    Case(
        "all people of a deal, each once", "converting_people", CONVERTED, {("lead",): 1, ("order",): 2, ("won",): 3}, asked("conversion")
    ),
    Case("accounts where there are any at the conversion", "customers", CONVERTED, {(): 4}),
    Case("of a kind", "customers", CONVERTED, {("order",): 3, ("won",): 2}, asked("conversion")),
    Case("as the definition has it, people", "customers", CONVERTED, {("order",): 2, ("won",): 3}, asked("conversion", options=PEOPLE)),
    Case("and by what makes them", "customers", CONVERTED, {("lead",): 1}, asked("conversion", options={"customers": ("lead",)})),
    Case("once, at the first", "new_customers", CONVERTED, {("2026-03",): 2, ("2026-04",): 2}, asked("month", to_on="2026-05-01")),
    Case("orders of people and accounts", "orders", ORDERED, {("2026-03",): 2, ("2026-04",): 1}, asked("month", to_on="2026-05-01")),
    Case("an order is in each of its products", "orders", ORDERED, {("",): 1, ("desk",): 2, ("lamp",): 1}, asked("product")),
    Case(
        "and a refund in those of its order",
        "net_revenue",
        ORDERED,
        {("", "JPY"): 30, ("desk", "EUR"): 130, ("lamp", "EUR"): 30},
        asked("product"),
    ),
    Case(
        "money counts once where both are asked for",
        "order_value",
        ORDERED,
        {("EUR",): 150},
        asked(where=(Where("product", ("desk", "lamp")),)),
    ),
    Case("before refunds", "order_value", ORDERED, {("EUR",): 150, ("JPY",): 30}),
    Case("on average", "average_order_value", ORDERED, {("EUR",): 75, ("JPY",): 30}),
    Case("on their own day", "refunded", ORDERED, {("2026-04", "EUR"): -20}, asked("month", to_on="2026-05-01")),
    Case(
        "each on its own day",
        "net_revenue",
        ORDERED,
        {("2026-03", "EUR"): 150, ("2026-04", "EUR"): -20},
        asked("month", to_on="2026-05-01", where=(Where("currency", ("EUR",)),)),
    ),
    Case("by why", "left_out", ORDERED, {("refund without its order",): 1, ("sent again",): 2}, asked("reason")),
    Case(
        "a deal that names nobody is of its kind too",
        "conversions_first",
        RENAMED,
        {("deal", NONE): 1, ("deal", "Email"): 1},
        asked("conversion", "channel", options={"won": ("deal",)}),
    ),
    Case(
        "nothing is nothing in every currency",
        "conversion_value_first",
        {"conversions": [converted("user:1", "order", "order:1", "2026-03-01", 0, currency="USD")]},
        {(NONE,): 0},
        asked("channel", currency="EUR"),
    ),
    Case(
        "as they were described then", "new_people", FIRST | {"described": DESCRIBED}, {("",): 1, ("AT",): 1, ("DE",): 1}, asked("country")
    ),
    Case(
        "by what the person is, and the account that they were in",
        "sessions",
        VISITS | {"described": DESCRIBED},
        {("", "", ""): 1, ("lead", "steel", "NL"): 3},
        asked("seniority", "industry", "account_country"),
    ),
    Case("by employees of the account", "lead_people", FIRST | {"described": DESCRIBED}, {("",): 1, ("250",): 1}, asked("employees")),
    Case(
        "who leaves is taken from where they entered",
        "stage_people",
        {"stages": [stage("user:2", "2026-02-27", "awareness"), *STAYED["stages"]], "described": DESCRIBED},
        {("AT", "awareness"): 0, ("CH", "interest"): 1, ("DE", "awareness"): 1, ("DE", "interest"): 0},
        asked("country", "stage"),
    ),
    Case(
        "a deal's account, or that of whose it is",
        "conversion_value",
        CONVERTED | {"described": [*CONVERTED["described"], *DESCRIBED]},
        {("", "EUR"): 7, ("", "USD"): 65, ("steel", "EUR"): 140},
        asked("industry"),
    ),
    Case("by what people do", "converting_people", CONVERTED | {"described": DESCRIBED}, {("",): 4, ("buyer",): 1}, asked("job_title")),
    Case(
        "of accounts and of people in them",
        "customers",
        CONVERTED | {"described": [*CONVERTED["described"], *DESCRIBED]},
        {("",): 3, ("NL",): 1},
        asked("account_country"),
    ),
    Case(
        "of people and accounts, as of the order",
        "orders",
        ORDERED | {"described": DESCRIBED},
        {("CH", "steel"): 1, ("DE", ""): 1, ("NL", "steel"): 1},
        asked("country", "industry"),
    ),
    Case(
        "what was paid back, as of then",
        "net_revenue",
        ORDERED | {"described": DESCRIBED},
        {("", "JPY"): 30, ("glass", "EUR"): -20, ("steel", "EUR"): 150},
        asked("industry"),
    ),
)
