"""Golden cases of campaigns: what is spent on or touched by one side only, and what was before, during and after them."""

from typing import Any

from projections.figures.figure import Asked, Where
from tests.projections.figures.cases import Case, asked, cost, deal, lead, seen
from tests.projections.figures.cases_costs import media
from tests.projections.figures.cases_marketing import said
from tests.projections.figures.tables import Rows, at

GAPS: Rows = {
    "spend": [
        media("2026-03-01", 300, "Paid Search", campaign="Spring Sale"),
        media("2026-03-01", 50, "Display", "USD", campaign="fall"),
        media("2026-03-02", 20, "Display", campaign="radio"),
        media("2026-03-02", 7, "Display", campaign='a "b" c'),
        # Of no campaign; and as of the end of June still to come.
        media("2026-03-02", 1_000, ""),
        media("2026-07-02", 9, "Display", campaign="later"),
    ],
    "touched": [
        seen("user:1", "2026-03-02", "Paid Search", "spring-sale", 2),
        seen("user:2", "2026-03-03", "Paid Search", "spring-sale"),
        seen("user:2", "2026-03-03", "Email", "newsletter"),
        seen("user:2", "2026-03-03", "Email", "AUTUMN"),
        seen("user:3", "2026-03-03", "Direct"),
    ],
    # Both names are of one campaign: neither lacks the other.
    "aliases": [{"alias": "fall", "campaign": "autumn", "at": "2026-03-01"}, {"alias": "autumn", "campaign": "autumn", "at": "2026-03-01"}],
    "spelled": [{"name": "AUTUMN", "folded": "autumn"}, {"name": "Spring Sale", "folded": "spring sale"}],
}
LAUNCHED: Rows = {**GAPS, "described": [said("campaign:spring-sale", "name", "Spring sale")]}
LINE = '{campaign: "Spring Sale", names: ["spring-sale"]}'
SWAPPED = '{campaign: "spring-sale", names: ["Spring Sale"]}'


def plan(campaign: str, start_on: str, end_on: str = "") -> list[dict[str, Any]]:
    """A campaign, launched on the first of January."""
    ends = [said(f"campaign:{campaign}", "end_on", end_on)] if end_on else []
    return [said(f"campaign:{campaign}", "start_on", start_on), *ends]


def first(person: str, on: str, channel: str = "Email") -> dict[str, Any]:
    return {"person": person, "at": on, "channel": channel, "is_first": 1}


WINDOWS: Rows = {
    "described": [
        # 10 days, so 10 before (February 19th to 28th) and 10 after (March 11th to 20th).
        *plan("spring", "2026-03-01", "2026-03-10"),
        # Planned for 30 days and ended after 2, on March 2nd: its spans are of 2 days.
        *plan("brief", "2026-03-01", "2026-03-30"),
        said("campaign:brief", "ended", "too dear", "2026-03-02 09:00"),
        # Goes on; so does, as of the end of June, what comes after this one.
        *plan("open", "2026-03-01"),
        *plan("june", "2026-06-01", "2026-06-20"),
        # Longer than is compared; and one whose last day is before its first.
        *plan("years", "2020-01-01", "2026-03-10"),
        *plan("never", "2026-03-10", "2026-03-01"),
    ],
    "first_touched": [
        first("user:1", "2026-02-18 23:59"),
        first("user:2", "2026-02-19"),
        first("user:3", "2026-02-28 23:59", "Direct"),
        first("user:4", "2026-03-01"),
        first("user:5", "2026-03-10 23:59"),
        first("user:6", "2026-03-11"),
        first("user:7", "2026-03-21"),
        first("user:8", "2026-05-20"),
        first("user:9", "2026-06-25"),
    ],
    "leads": [
        lead("user:2", "2026-02-20", "Email"),
        lead("user:4", "2026-03-02", "Email", "spring"),
        lead("user:5", "2026-03-10", "Direct"),
        lead("user:5", "2026-03-11", "Direct") | {"step": "mql"},
    ],
    "deals": [
        deal("d1", "won", "2026-03-20"),
        # Reopened: it is not won.
        deal("d2", "won", "2026-03-02"),
        {**deal("d2", "open"), "at": "2026-03-19"},
    ],
    "spend": [cost("2026-02-19", 10), cost("2026-03-01", 30), cost("2026-03-10", 5, "USD")],
    "rates": [{"base": "USD", "quote": "EUR", "day": "2026-03-08", "until_day": "2026-03-15", "num": 9, "den": 10}],
}
BY_WINDOW = asked("campaign", "window")
SPRING = (Where("campaign", ("spring",)),)

CASES = (
    Case(
        "those that touchpoints of another name may be of, and those that none are",
        "spend_without_touches",
        GAPS,
        {
            ("Spring Sale", LINE, "EUR"): 300,
            ('a "b" c', '{campaign: "a \\"b\\" c", names: ["?"]}', "EUR"): 7,
            ("radio", '{campaign: "radio", names: ["?"]}', "EUR"): 20,
        },
        asked("campaign", "alias"),
    ),
    Case(
        "a campaign that was launched by its name is not the alias",
        "spend_without_touches",
        LAUNCHED,
        {("Spring Sale", SWAPPED): 300},
        asked("campaign", "alias", currency="EUR", where=(Where("campaign", ("Spring Sale",)),)),
    ),
    Case(
        "the same line from the other side",
        "touches_without_spend",
        GAPS,
        {("newsletter", '{campaign: "?", names: ["newsletter"]}'): 1, ("spring-sale", LINE): 3},
        asked("campaign", "alias"),
    ),
    Case(
        "swapped as well",
        "touches_without_spend",
        LAUNCHED,
        {("newsletter", '{campaign: "?", names: ["newsletter"]}'): 1, ("spring-sale", SWAPPED): 3},
        asked("campaign", "alias"),
    ),
    Case(
        "spans are of as many days, and what is not over is in none",
        "compared_new_people",
        WINDOWS,
        {
            ("brief", "before"): 1,
            ("brief", "during"): 1,
            ("june", "before"): 1,
            ("spring", "after"): 1,
            ("spring", "before"): 2,
            ("spring", "during"): 2,
        },
        BY_WINDOW,
    ),
    Case(
        "once a campaign is over it is told what was during it, also where that was nothing at all before",
        "compared_new_people",
        WINDOWS,
        {("spring", "before"): 2, ("spring", "during"): 2},
        Asked(at("2026-03-15") - 1, by=("campaign", "window"), where=SPRING),
    ),
    Case(
        "by channel",
        "compared_new_people",
        WINDOWS,
        {("Direct",): 1, ("Email",): 1},
        asked("channel", where=(*SPRING, Where("window", ("before",)))),
    ),
    Case("leads", "compared_new_leads", WINDOWS, {("before",): 1, ("during",): 2}, asked("window", where=SPRING)),
    Case("deals that stand as won", "compared_wins", WINDOWS, {("after",): 1}, asked("window", where=SPRING)),
    Case(
        "spend, by the rate of its own day",
        "compared_spend",
        WINDOWS,
        {("before",): 10, ("during",): 30 + 4},
        asked("window", where=SPRING, currency="EUR"),
    ),
)
