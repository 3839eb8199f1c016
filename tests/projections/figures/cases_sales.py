"""Golden cases of leads, scores and deals: what sales asks."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from projections.figures.scores import LISTED
from tests.projections.figures.cases import DAY, OPEN, Case, asked, deal, stage, team
from tests.projections.figures.tables import Rows, at

HOUR = DAY // 24


def lead(person: str, created: str, answer: str = "not_handed_over", *, on: str = "", cycle: int = 1, **more: Any) -> dict[str, Any]:
    """A lead cycle as it stands from `on` on, which is when it was answered where it was."""
    stood = {"person": person, "cycle": cycle, "at": on or created, "created_at": created, "answer": answer, "is_open": 1, **more}
    if answer in ("accepted", "rejected"):
        stood["answered_at"] = on
    if answer == "accepted":
        stood.setdefault("state", "working")
    return stood


def mql(on: str, **more: Any) -> dict[str, Any]:
    return {"is_mql": 1, "mql_at": on, **more}


def handed(on: str, **more: Any) -> dict[str, Any]:
    return {"handed_over_at": on, "basis": "assigned", **more}


def qualified(on: str) -> dict[str, Any]:
    return {"is_qualified": 1, "qualified_at": on, "state": "qualified"}


def described(subject: str, field: str, since: str, value: str) -> dict[str, Any]:
    return {"subject": subject, "field": field, "at": since, "value": value}


def accepted(person: str, on: str, days: float, **more: Any) -> dict[str, Any]:
    return {"person": person, "cycle": 1, "at": on, "answer": "accepted", "answered_at": on, "to_accept": int(days * DAY), **more}


LEADS: Rows = {
    "lead_states": [
        # It became an MQL in March, and was accepted and qualified in April, by Ann.
        lead("user:1", "2026-03-01", channel="Email"),
        lead("user:1", "2026-03-01", on="2026-03-05", channel="Email", **mql("2026-03-05")),
        lead("user:1", "2026-03-01", "waiting", on="2026-03-06", owner="ann", **mql("2026-03-05"), **handed("2026-03-06")),
        lead(
            "user:1", "2026-03-01", "accepted", on="2026-04-02", owner="ann", team="north", channel="Email", is_breached=1,
            to_assign=DAY, to_assign_business=8 * HOUR, to_accept=27 * DAY, to_accept_business=19 * 8 * HOUR,
            **mql("2026-03-05"), **handed("2026-03-06"),
        ),
        lead(
            "user:1", "2026-03-01", "accepted", on="2026-04-02", nth=1, owner="ann", team="north", channel="Email", is_breached=1,
            to_assign=DAY, to_assign_business=8 * HOUR, to_accept=27 * DAY, to_accept_business=19 * 8 * HOUR,
            **mql("2026-03-05"), **handed("2026-03-06"), **qualified("2026-04-02"),
        ),
        # Rejected in time; then a lead again, which nobody has handed over.
        lead(
            "user:2", "2026-03-10", "rejected", on="2026-03-12", owner="bob", team="south", reason="student", is_open=0,
            to_assign=0, to_assign_business=0, **mql("2026-03-11"), **handed("2026-03-11"),
        ),
        lead("user:2", "2026-05-10", cycle=2, channel="Direct"),
        # Accepted although nobody handed it over, and recycled since.
        lead("user:3", "2026-04-10", "accepted", on="2026-04-11", owner="ann", team="north"),
        lead(
            "user:3", "2026-04-10", "accepted", on="2026-04-11", nth=1, owner="ann", team="north", state="recycled", reason="timing",
            is_open=0,
        ),
        # Waiting: one in time, one past the limit.
        lead("user:4", "2026-05-01", "waiting", owner="bob", **mql("2026-05-01"), **handed("2026-05-01")),
        lead("user:5", "2026-05-02", "waiting", owner="bob", is_breached=1, **mql("2026-05-02"), **handed("2026-05-02")),
        # It is not known yet.
        lead("user:6", "2026-07-02", **mql("2026-07-02")),
    ],
    "described": [
        team("ann", "2026-01-01", "north"),
        team("ann", "2026-04-01", "south"),
        described("user:1", "account", "2026-01-01", "acme"),
        described("user:1", "account", "2026-04-01", "bolt"),
        described("account:acme", "industry", "2026-01-01", "retail"),
        described("account:acme", "industry", "2026-03-02", "energy"),
        described("account:bolt", "industry", "2026-04-02", "finance"),
        described("account:bolt", "employees", "2026-04-02", "250"),
        described("account:bolt", "country", "2026-04-02", "FR"),
        described("user:1", "seniority", "2026-03-01", "director"),
        described("user:1", "seniority", "2026-03-03", "chief"),
    ],
}  # fmt: skip
ACCEPTED: Rows = {
    "lead_states": [
        accepted("user:1", "2026-02-01", 1, team="a", owner="ann"),
        accepted("user:2", "2026-02-02", 2, team="a", owner="ann"),
        accepted("user:3", "2026-02-03", 4, team="a", owner="bob"),
        accepted("user:4", "2026-04-03", 0, team="b", owner="bob"),
        # Without a handoff nobody knows how long it took; what was rejected was not accepted.
        accepted("user:5", "2026-04-04", 0, team="b", owner="bob") | {"to_accept": -1},
        accepted("user:6", "2026-04-05", 9, team="b", owner="bob") | {"answer": "rejected"},
    ],
    "described": [team("ann", "2026-02-02", "south")],
}
SCORES: Rows = {
    "lead_states": [
        lead("user:1", "2026-03-01", owner="ann", channel="Email"),
        lead("user:2", "2026-03-02", "waiting", owner="bob"),
        lead("user:3", "2026-03-03"),
        lead("user:4", "2026-03-04", is_open=1),
        lead("user:4", "2026-03-04", "rejected", on="2026-03-05", is_open=0),
        lead("user:4", "2026-06-04", cycle=2),
    ],
    "scores": [
        {"person": "user:1", "rule": "demo", "points": 30, "at": "2026-03-01", "until_at": at("2026-07-01")},
        # Expired at that very instant, given too late, and given twice at one.
        {"person": "user:1", "rule": "read", "points": 2, "at": "2026-03-01", "until_at": at("2026-07-01") - 1},
        {"person": "user:2", "rule": "read", "points": 2, "at": "2026-06-30", "n": 2},
        {"person": "user:2", "rule": "demo", "points": 30, "at": "2026-07-01"},
        {"person": "user:4", "rule": "read", "points": 2, "at": "2026-06-30"},
        {"person": "user:9", "rule": "left", "points": -20, "at": "2026-06-30"},
    ],
    "stages": [stage("user:1", "2026-03-01", "awareness"), stage("user:1", "2026-03-09", "interest", "awareness")],
}
CLOSED: Rows = {
    "deals": [
        deal("d1", "won", "2026-01-15", owner="ann", amount_minor=1_000, account="acme", stage="offer"),
        deal("d2", "lost", "2026-02-15", owner="ann", amount_minor=700, reason="price"),
        deal("d3", "lost", "2026-05-01", owner="bob", amount_minor=300, currency="USD", reason="timing"),
        deal("d4", "abandoned", "2026-05-02", owner="bob", amount_minor=40, reason="price"),
        deal("d5", "open", owner="cid", amount_minor=50),
        # Lost, and open again.
        deal("d6", "lost", "2026-01-20", reason="price"),
        deal("d6", "open", opened="2026-01-01") | {"at": "2026-01-21"},
        # Nothing is known but its close, which states no amount.
        deal("d7", "won", "2026-03-31", amount_minor=0, currency="", took=-1) | {"opened_at": 0},
    ],
    "described": [
        described("account:acme", "country", "2026-01-15", "FR"),
        described("account:acme", "country", "2026-01-16", "DE"),
        described("account:acme", "employees", "2026-01-01", "250"),
    ],
}

CASES = (
    Case("as they stand", "leads", LEADS, {("accepted",): 2, ("not_handed_over",): 1, ("rejected",): 1, ("waiting",): 2}, asked("answer")),
    Case(
        "states of those accepted",
        "leads",
        LEADS,
        {("qualified",): 1, ("recycled",): 1},
        asked("state", where=(Where("answer", ("accepted",)),)),
    ),
    Case("by when they were created", "leads", LEADS, {("2026-Q1",): 2, ("2026-Q2",): 4}, asked("quarter")),
    Case("the account is the one that the person was in", "leads", LEADS, {("",): 5, ("acme",): 1}, asked("account")),
    Case("and its industry that of then", "leads", LEADS, {("",): 5, ("retail",): 1}, asked("industry")),
    Case(
        "by when they became one",
        "mqls",
        LEADS,
        {("2026-03",): 2, ("2026-04",): 0, ("2026-05",): 2, ("2026-06",): 0},
        asked("month"),
    ),
    Case("the industry of then", "mqls", LEADS, {("",): 3, ("energy",): 1}, asked("industry")),
    Case("of each owner", "sals", LEADS, {("ann", "2026-04"): 2}, asked("owner", "month", from_on="2026-04-01", to_on="2026-05-01")),
    Case("after the account was joined", "sals", LEADS, {("",): 1, ("finance",): 1}, asked("industry")),
    Case("how many it employs, and where", "sals", LEADS, {("", ""): 1, ("250", "FR"): 1}, asked("employees", "account_country")),
    Case("what the person was then", "leads", LEADS, {("",): 5, ("director",): 1}, asked("seniority")),
    Case("what the person was when it was one", "mqls", LEADS, {("",): 3, ("chief",): 1}, asked("seniority")),
    Case("by month", "sqls", LEADS, {("2026-04",): 1}, asked("month", from_on="2026-04-01", to_on="2026-05-01")),
    Case(
        "of the MQLs of a month, whenever it was", "mql_to_sal", LEADS, {("2026-03",): Fraction(1, 2)}, asked("month", to_on="2026-04-01")
    ),
    Case("of four", "mql_to_sql", LEADS, {(): Fraction(1, 4)}),
    Case("of none there is no share", "mql_to_sql", LEADS, {("2026-02",): None}, asked("month", from_on="2026-02-01", to_on="2026-03-01")),
    Case("the team of the owner at the handoff", "leads_handed_over", LEADS, {("",): 3, ("north",): 1}, asked("team_of_owner")),
    Case(
        "past the limit, answered or not", "leads_breached", LEADS, {("accepted",): 1, ("rejected",): 0, ("waiting",): 1}, asked("answer")
    ),
    Case("who still waits in time is in neither part", "within_sla", LEADS, {("ann",): 0, ("bob",): Fraction(1, 2)}, asked("owner")),
    Case(
        "by owner and quarter",
        "share_accepted",
        LEADS,
        {("ann", "2026-Q1"): None, ("ann", "2026-Q2"): 1, ("bob", "2026-Q1"): 0, ("bob", "2026-Q2"): None},
        asked("owner", "quarter"),
    ),
    Case("a day and none", "time_to_assign", LEADS, {(): (DAY // 2, Fraction(9 * DAY, 10))}),
    Case("a day of business and none", "business_time_to_assign", LEADS, {(): (4 * HOUR, Fraction(36 * HOUR, 5))}),
    Case(
        "of three and of one, by team",
        "time_to_accept",
        ACCEPTED,
        {("a",): (2 * DAY, Fraction(18 * DAY, 5)), ("b",): (0, 0)},
        asked("team"),
    ),
    Case("who joined a team at that instant was in it", "sals", ACCEPTED, {("",): 4, ("south",): 1}, asked("team_of_owner")),
    Case(
        "and only in that one",
        "sals",
        {**ACCEPTED, "described": [team("ann", "2026-01-01", "north"), team("ann", "2026-02-01", "south"), team("ann", "2026-02-02", "")]},
        {("",): 2, ("south",): 1},
        asked("team_of_owner", to_on="2026-04-01"),
    ),
    Case("hours of business alone", "business_time_to_accept", LEADS, {("north",): (152 * HOUR, 152 * HOUR)}, asked("team")),
    Case("open leads by stage", "open_leads", SCORES, {("",): 3, ("interest",): 1}, asked("stage")),
    Case(
        "those with the highest score, of equal ones the first by name",
        "lead_score",
        SCORES,
        {
            ("user:1", "1", "interest", "not_handed_over", "ann", "2026-03-01"): 30,
            ("user:2", "1", "", "waiting", "bob", "2026-03-02"): 4,
            ("user:4", "2", "", "not_handed_over", "", "2026-06-04"): 2,
        },
        asked(*LISTED[:-1], top=3),
    ),
    Case("and of an owner", "lead_score", SCORES, {("user:2",): 4}, asked("person", top=1, where=(Where("owner", ("bob",)),))),
    Case("of 0, 2, 4 and 30", "lead_score_spread", SCORES, {(): (3, Fraction(111, 5))}),
    Case("points that count, by rule", "points", SCORES, {("demo",): 30, ("left",): -20, ("read",): 6}, asked("rule")),
    Case("people who have them", "people_scored", SCORES, {("demo",): 1, ("left",): 1, ("read",): 2}, asked("rule")),
    Case("by outcome", "deals_closed", CLOSED, {("abandoned",): 1, ("lost",): 2, ("won",): 2}, asked("outcome")),
    Case(
        "why",
        "deals_closed",
        CLOSED,
        {("abandoned", "price"): 1, ("lost", "price"): 1, ("lost", "timing"): 1, ("won", ""): 2},
        asked("outcome", "reason"),
    ),
    Case("the country of the account at the close", "deals_closed", CLOSED, {("",): 4, ("FR",): 1}, asked("country")),
    Case("how many it employs", "deals_won", CLOSED, {("",): 1, ("250",): 1}, asked("employees")),
    Case("in which stage it was closed", "win_rate", CLOSED, {("",): Fraction(1, 3), ("offer",): 1}, asked("stage")),
    Case(
        "what is worth nothing has no currency",
        "closed_value",
        CLOSED,
        {("abandoned", "EUR"): 40, ("lost", "EUR"): 700, ("lost", "USD"): 300, ("won", "EUR"): 1_000},
        asked("outcome"),
    ),
    Case("a deal that is open again is not lost", "deals_lost", CLOSED, {("",): 0, ("price",): 1, ("timing",): 1}, asked("reason")),
    Case("of neither deal nor stage", "unweighted_deals", OPEN, {("demo",): 1, ("offer",): 0}, asked("stage")),
    Case(
        "opened, whatever became of it",
        "deals_opened",
        CLOSED,
        {("abandoned",): 1, ("lost",): 2, ("open",): 2, ("won",): 1},
        asked("outcome"),
    ),
    Case("all that are known", "deals", CLOSED, {("abandoned",): 1, ("lost",): 2, ("open",): 2, ("won",): 2}, asked("outcome")),
)
