"""Golden cases of content beside stages and deals, of needs and objections, of what follows an experience, and of what is left out."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import DAY, Case, asked, deal, stage
from tests.projections.figures.cases_awareness import CES, CSAT, NPS, answer, report, viewed
from tests.projections.figures.tables import Rows, at


def part(person: str, of: str, since: str = "2026-01-01") -> dict[str, Any]:
    return {"person": person, "deal": f"deal:{of}", "at": since}


def need(person: str, topic: str, on: str, of: str = "", **more: Any) -> dict[str, Any]:
    return {"person": person, "topic": topic, "at": on, "deal": of, **more}


def onward(person: str, on: str, name: str = "decision", **more: Any) -> dict[str, Any]:
    return stage(person, on, name, is_onward=1, **more)


DECIDED: Rows = {
    "deals": [
        deal("d1", "won", "2026-03-10"),
        deal("d2", "lost", "2026-03-20"),
        deal("d3", "won", "2026-04-05"),
        deal("d4", "lost", "2026-04-06"),
        # Neither won nor lost, open again, and won later than is asked.
        deal("d5", "abandoned", "2026-04-07"),
        deal("d6", "lost", "2026-04-08"),
        deal("d6", "open", opened="2026-04-09"),
        deal("d7", "won", "2026-07-08"),
    ],
    "deal_people": [
        *(part("user:1", of) for of in ("d1", "d5", "d6", "d7")),
        part("user:2", "d1"),
        part("user:2", "d2"),
        part("user:3", "d3"),
        # A third person, known late, who had read in time.
        part("user:5", "d3", "2026-06-20"),
        part("user:4", "d4"),
    ],
    "content_seen": [
        viewed("user:1", "guide", "2026-03-01"),
        viewed("user:1", "guide", "2026-03-05"),
        viewed("user:2", "guide", "2026-03-09", step="downloaded"),
        # After the close of d1, before that of d2.
        viewed("user:2", "tour", "2026-03-15"),
        # At the instant of the close is not before it.
        viewed("user:4", "guide", "2026-04-06"),
        viewed("user:5", "tour", "2026-04-01"),
    ],
    "contents": [{"content": "guide", "day": "2026-03-01", "n": 4}, {"content": "tour", "day": "2026-03-15", "n": 2}],
}
ENTERED: Rows = {
    "stages": [
        onward("user:1", "2026-03-01", "awareness"),
        onward("user:1", "2026-03-10", "consideration", left="awareness", stayed=9 * DAY),
        stage("user:1", "2026-03-20", "lost", "consideration", stayed=10 * DAY),
        onward("user:2", "2026-07-02", "awareness"),
    ],
    "content_seen": [
        # It brings the first entry about.
        viewed("user:1", "guide", "2026-03-01"),
        viewed("user:1", "guide", "2026-03-05"),
        viewed("user:1", "guide", "2026-03-06"),
        viewed("user:1", "tour", "2026-03-10"),
        # Before it was lost, which is no assist.
        viewed("user:1", "tour", "2026-03-15"),
        viewed("user:2", "tour", "2026-03-15"),
    ],
}
VOICED: Rows = {
    "needs": [
        need("user:1", "price", "2026-03-01", "d1", severity="high", n=2),
        need("user:3", "security", "2026-03-30", "d2"),
        need("user:4", "security", "2026-03-01", "d3"),
        # After it was lost.
        need("user:1", "import", "2026-03-25", "d1"),
        need("user:1", "price", "2026-07-02", "d1"),
    ],
    "objections": [
        {"step": "raised", "person": "user:2", "topic": "price", "at": "2026-03-02", "deal": "d1", "competitor": "rival"},
        # It names no deal: it belongs to those that its person had open then.
        {"step": "raised", "person": "user:2", "topic": "security", "at": "2026-03-05"},
        {"step": "handled", "person": "user:2", "topic": "security", "at": "2026-03-06", "outcome": "overcome"},
    ],
    "content_answers": [
        {"content": "guide", "topic": "price", "at": "2026-01-01"},
        {"content": "sheet", "topic": "price", "at": "2026-02-01"},
        {"content": "paper", "topic": "security", "at": "2026-07-02"},
    ],
    "deals": [
        deal("d1", "lost", "2026-03-20", amount_minor=1_000, competitor="rival"),
        deal("d2", "lost", "2026-04-01", amount_minor=500, currency="USD", competitor="rival"),
        deal("d3", "won", "2026-04-01", amount_minor=70),
        # Lost, then won after all.
        deal("d4", "lost", "2026-04-02", amount_minor=9, competitor="other"),
        deal("d4", "won", "2026-05-02", amount_minor=9),
        deal("d5", "lost", "2026-04-03", amount_minor=40),
        deal("d6", "lost", "2026-04-04", amount_minor=30, competitor="other"),
    ],
    "deal_people": [part("user:2", "d1"), part("user:2", "d3")],
}
BAD: Rows = {
    "survey_steps": [
        answer("user:1", "nps", 10, NPS, "2026-02-01"),
        answer("user:1", "nps", 3, NPS, "2026-03-01"),
        answer("user:2", "nps", 6, NPS, "2026-03-01"),
        answer("user:3", "csat", 2, CSAT, "2026-03-01"),
        answer("user:6", "ces", 3, CES, "2026-03-01"),
        answer("user:4", "nps", 7, NPS, "2026-03-01"),
        answer("user:5", "ces", 4, CES, "2026-03-01"),
        answer("user:8", "csat", 3, CSAT, "2026-03-01"),
        # On another scale, of another kind, of a panel, and beyond its scale.
        answer("user:1", "csat", 1, NPS, "2026-03-01", question="other"),
        answer("user:1", "other", 0, NPS, "2026-03-01", question="why"),
        answer("company:self", "nps", 0, NPS, "2026-03-01"),
        answer("user:1", "ces", 0, CES, "2026-03-01", question="easy"),
    ],
    "stages": [
        onward("user:1", "2026-03-20"),
        # To the very end of 90 days, and a minute later.
        onward("user:2", "2026-05-30"),
        onward("user:3", "2026-05-30 00:01"),
        stage("user:6", "2026-03-02", "lost"),
        # At the instant of the answer is not after it.
        onward("user:4", "2026-03-01"),
        onward("user:5", "2026-04-01"),
    ],
    "first_touched": [{"person": "user:1", "at": "2025-12-31 23:00", "is_first": 1}],
}
VISITS: Rows = {
    "sessions": [
        {"person": "user:1", "at": "2026-03-01", "channel": "Direct", "nth": 1, "is_new": 1, "is_brand": -1},
        {"person": "user:1", "at": "2026-03-02", "channel": "Direct", "nth": 2, "is_brand": -1},
        {"person": "user:1", "at": "2026-03-03", "channel": "Paid Search", "nth": 3, "is_brand": 1},
        {"person": "user:1", "at": "2026-03-04", "channel": "Paid Search", "nth": 4, "is_brand": 0},
        {"person": "user:1", "at": "2026-03-05", "channel": "(blank)", "nth": 5, "is_brand": 0},
    ]
}
SEARCHED: Rows = {
    "media_reports": [
        report("google", "2026-03-31", impressions=300, reach=200, engagements=10) | {"query": "acme crm", "is_brand": 1},
        report("google", "2026-03-31", impressions=700) | {"query": "crm"},
        report("google", "2026-03-31", impressions=5000),
        report("google", "2026-03-31", clicks=5) | {"query": "no impressions", "is_brand": 1},
        report("meta", "2026-03-31", reach=400, engagements=20),
    ]
}
EXCLUDED: Rows = {
    "excluded": [
        {"subject": "user:1", "day": "2026-03-01", "type": "page_view", "why": "bot", "n": 3},
        {"subject": "user:2", "day": "2026-03-02", "type": "page_view", "why": "internal"},
        {"subject": "deal:1", "day": "2026-03-02", "type": "close", "why": "test"},
        {"subject": "user:2", "day": "2026-07-02", "type": "page_view", "why": "bot"},
    ]
}

CASES = (
    Case(
        "guide at awareness and at consideration, tour at consideration",
        "content_assists",
        ENTERED,
        {("awareness", "guide"): 1, ("consideration", "guide"): 1, ("consideration", "tour"): 1},
        asked("stage", "content"),
    ),
    Case("d1 after guide, d3 after tour", "deals_won_after_content", DECIDED, {("guide",): 1, ("tour",): 1}, asked("content")),
    Case("d1 and d3", "deals_won_after_content", DECIDED, {(): 2}),
    Case(
        "guide: d1 of (d1, d2); tour: d3 of (d2, d3)",
        "win_rate_with_content",
        DECIDED,
        {("guide",): Fraction(1, 2), ("tour",): Fraction(1, 2)},
        asked("content"),
    ),
    Case("any: d1 and d3 of (d1, d2, d3)", "win_rate_with_content", DECIDED, {(): Fraction(2, 3)}),
    Case(
        "before the third person is known",
        "win_rate_with_content",
        DECIDED,
        {("guide",): Fraction(1, 2), ("tour",): 0},
        asked("content", until=at("2026-06-01")),
    ),
    Case(
        "guide: d3 of (d3, d4); tour: d1 of (d1, d4)",
        "win_rate_without_content",
        DECIDED,
        {("guide",): Fraction(1, 2), ("tour",): Fraction(1, 2)},
        asked("content"),
    ),
    Case("none at all: d4, which was lost", "win_rate_without_content", DECIDED, {(): 0}),
    Case(
        "neither of both: d4 of April",
        "win_rate_without_content",
        DECIDED,
        {("2026-03",): None, ("2026-04",): 0},
        asked("month", where=(Where("content", ("guide", "tour")),), from_on="2026-03-01", to_on="2026-05-01"),
    ),
    Case(
        "price: 2 + 1; security: a need of d2, one of d3 and an objection",
        "topics_raised",
        VOICED,
        {("import", "no"): 1, ("price", "yes"): 3, ("security", "no"): 3},
        asked("topic", "answered"),
    ),
    Case("two pieces answer price", "topics_raised", VOICED, {("",): 4, ("guide",): 3, ("sheet",): 3}, asked("content")),
    Case("user:1 and user:2 price, user:2 to 4 security", "people_raising", VOICED, {(): 4}),
    Case(
        "d1 both, d2 security; what came after the loss is not of it",
        "deals_lost_on_topic",
        VOICED,
        {("price",): 1, ("security",): 2},
        asked("topic"),
    ),
    Case("each deal once", "value_lost_on_topic", VOICED, {("EUR",): 1_000, ("USD",): 500}),
    Case(
        "price is answered",
        "value_lost_on_topic",
        VOICED,
        {("security", "EUR"): 1_000, ("security", "USD"): 500},
        asked("gap"),
    ),
    Case(
        "d4 was won after all, and d5 names none",
        "deals_lost_to",
        VOICED,
        {("other",): 1, ("rival",): 2},
        asked("competitor"),
    ),
    Case(
        "per currency",
        "value_lost_to",
        VOICED,
        {("other", "EUR"): 30, ("rival", "EUR"): 1_000, ("rival", "USD"): 500},
        asked("competitor"),
    ),
    Case("user:1 and user:2 of 4", "onward_after_bad", BAD, {(): Fraction(1, 2)}),
    Case("by the month of the first touch", "onward_after_bad", BAD, {("",): Fraction(1, 3), ("2025-12",): 1}, asked("cohort")),
    Case("user:5 of 3", "onward_after_others", BAD, {(): Fraction(1, 3)}),
    Case("1 of 5", "new_visit_share", VISITS, {(): Fraction(1, 5)}),
    Case("2 of 5: a stated empty channel is not direct", "direct_share", VISITS, {(): Fraction(2, 5)}),
    Case("1 of the 3 that say what was searched", "branded_visit_share", VISITS, {(): Fraction(1, 3)}),
    Case(
        "of one report its number",
        "stated_engagement_by_reach",
        SEARCHED,
        {("google",): Fraction(1, 20), ("meta",): Fraction(1, 20)},
        asked("provider"),
    ),
    Case("of two there is none", "stated_engagement_by_reach", SEARCHED, {(): None}),
    Case("300 / (300 + 700)", "branded_search_share", SEARCHED, {(): Fraction(3, 10)}),
    Case(
        "3 of a bot, up to the end of June",
        "excluded_touchpoints",
        EXCLUDED,
        {("bot",): 3, ("internal",): 1, ("test",): 1},
        asked("reason"),
    ),
)
