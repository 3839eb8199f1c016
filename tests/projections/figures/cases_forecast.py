"""Golden cases of pipeline and forecast: of the second quarter of 2026."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import DAY, Case, asked
from tests.projections.figures.tables import Rows, at


def stood(name: str, since: str, outcome: str = "open", amount_minor: int = 0, expected: str = "", **more: Any) -> dict[str, Any]:
    closed = {} if outcome == "open" else {"closed_at": since}
    return {
        "deal": f"deal:{name}", "at": since, "outcome": outcome, "amount_minor": amount_minor, "currency": "EUR",
        "expected_close_on": expected, "opened_at": "2026-03-01", "owner": "ann", **closed, **more,
    }  # fmt: skip


def target(value: int, first: str = "2026-04-01", last: str = "2026-06-30", **more: Any) -> dict[str, Any]:
    return {"metric": "won_value", "amount_minor": value, "currency": "EUR", "start_on": first, "end_on": last, **more}


MOVED: Rows = {
    "deals": [
        # Raised by 30, and won at 120 instead of 130.
        stood("a", "2026-03-01", "open", 100, "2026-05-10"),
        stood("a", "2026-04-10", "open", 130, "2026-05-10"),
        stood("a", "2026-06-01", "won", 120, "2026-05-10"),
        # Raised by 20 as it moved out, to the middle of July.
        stood("b", "2026-03-02", "open", 200, "2026-06-30"),
        stood("b", "2026-05-01", "open", 220, "2026-07-15"),
        # Pulled in. What it became in July is not known yet.
        stood("c", "2026-03-03", "open", 300, "2026-09-01", owner="bob"),
        stood("c", "2026-04-20", "open", 300, "2026-06-20", owner="bob"),
        stood("c", "2026-07-01", "won", 300, "2026-06-20", owner="bob"),
        # Created and lost; lost before and open again; a quarter in which nothing happened, in another currency.
        stood("d", "2026-05-05", "open", 50, "2026-06-15"),
        stood("d", "2026-06-10", "lost", 50, "2026-06-15"),
        stood("e", "2026-03-01", "open", 70, "2026-03-20"),
        stood("e", "2026-03-04", "lost", 70, "2026-03-20"),
        stood("e", "2026-04-15", "open", 70, "2026-06-01"),
        stood("f", "2026-03-05", "open", 40, "2026-05-01", currency="USD", owner="bob"),
        # Won without having been expected in the quarter, and two that were over or not expected at all.
        stood("g", "2026-03-06", "open", 60, "2026-08-01"),
        stood("g", "2026-05-20", "won", 60, "2026-08-01", team="north"),
        stood("h", "2026-03-07", "open", 80),
        # Its currency was corrected in the quarter.
        stood("i", "2026-03-08", "open", 5, "2026-06-29", currency="CHF"),
        stood("i", "2026-04-08", "open", 6, "2026-06-29", currency="GBP"),
    ],
    "targets": [
        # The quarter's holds, and not those of its months; a year's is not within the quarter.
        target(500),
        target(200, "2026-04-01", "2026-04-30"),
        target(900, "2026-01-01", "2026-12-31"),
        target(7, metric="won_number"),
        target(300, owner="ann", team="north"),
        # Two months, that are no part of each other.
        target(100, "2026-04-01", "2026-04-30", owner="bob"),
        target(100, "2026-05-01", "2026-05-31", owner="bob"),
        target(180, team="north"),
    ],
}
REACHED: Rows = {"deals": [stood("a", "2026-04-02", "won", 100)], "targets": [target(100, "2026-04-01", "2026-04-30")]}
QUARTER: dict[str, Any] = {"from_on": "2026-04-01", "to_on": "2026-07-01"}
EUR: dict[str, Any] = {"where": (Where("currency", ("EUR",)),)}

CASES = [
    Case(
        # Opening a 100 + b 200; raised a 30 + b 20; closing c 300 + e 70: 300 + 50 + 300 + 70 + 50 - 10 - 220 - 120 - 50 = 370.
        "what moved in a quarter adds up to what is left",
        "waterfall_value",
        MOVED,
        {
            ("closing", "EUR"): 370,
            ("created", "EUR"): 50,
            ("lost", "EUR"): -50,
            ("lowered", "EUR"): -10,
            ("opening", "EUR"): 300,
            ("pulled_in", "EUR"): 300,
            ("raised", "EUR"): 50,
            ("reopened", "EUR"): 70,
            ("slipped", "EUR"): -220,
            ("won", "EUR"): -120,
        },
        asked("movement", **QUARTER, **EUR),
    ),
    Case(
        "a deal whose currency changes leaves one and comes into the other",
        "waterfall_value",
        MOVED,
        {
            ("closing", "GBP"): 6,
            ("closing", "USD"): 40,
            ("lowered", "CHF"): -5,
            ("opening", "CHF"): 5,
            ("opening", "USD"): 40,
            ("raised", "GBP"): 6,
        },
        asked("movement", "currency", **QUARTER, where=(Where("currency", ("CHF", "GBP", "USD")),)),
    ),
    Case(
        # f is there from the start, c is pulled in.
        "deals by movement",
        "waterfall_deals",
        MOVED,
        {("closing",): 2, ("opening",): 1, ("pulled_in",): 1},
        asked("movement", **QUARTER, where=(Where("owner", ("bob",)),)),
    ),
    Case(
        # Of a, b, f and i; c and e come in, a is raised, and i in one currency and lowered in the other.
        "up to an instant within the quarter",
        "waterfall_deals",
        MOVED,
        {("closing",): 6, ("lowered",): 1, ("opening",): 4, ("pulled_in",): 1, ("raised",): 2, ("reopened",): 1},
        asked("movement", until=at("2026-04-30"), **QUARTER),
    ),
    Case("a, b, f and i were expected", "expected_deals", MOVED, {(): 4}, asked(**QUARTER)),
    Case("b, f and i are still open", "slippage", MOVED, {(): Fraction(3, 4)}, asked(**QUARTER)),
    Case(
        # Of the second quarter, since nothing else is asked for: f was expected in May, and b and i may still close in June.
        "only f has slipped by the middle of June",
        "slippage",
        {"deals": [*MOVED["deals"], stood("b", "2026-06-14", "open", 220, "2026-06-30")]},
        {(): Fraction(1, 4)},
        asked(until=at("2026-06-15")),
    ),
    Case("what slipped, in value of then", "slipped_value", MOVED, {("CHF",): 5, ("EUR",): 200, ("USD",): 40}, asked(**QUARTER)),
    Case(
        # 15 days, 0 and 0: type 7 gives 0, and 0.8 x 15 days.
        "b moved by fifteen days, and of the others only time ran out",
        "slipped_by",
        MOVED,
        {(): (0, 12 * DAY)},
        asked(**QUARTER),
    ),
    Case("a 120 and g 60, of 500", "attainment", MOVED, {("EUR",): Fraction(180, 500)}, asked(**QUARTER, **EUR)),
    Case("c 300 and e 70, over the 320 that are left", "coverage", MOVED, {("EUR",): Fraction(370, 320)}, asked(**QUARTER, **EUR)),
    Case("nothing is left of a month's target", "coverage", REACHED, {("EUR",): None}, asked(**QUARTER)),
    Case("g 60, of 180", "team_attainment", MOVED, {("north", "EUR"): Fraction(60, 180)}, asked("team", **QUARTER, **EUR)),
    Case("nothing open for a team", "team_coverage", MOVED, {("north", "EUR"): 0}, asked("team", **QUARTER, **EUR)),
    Case(
        "each owner's: a and g of 300, nothing of bob's two months",
        "owner_attainment",
        MOVED,
        {("ann", "EUR"): Fraction(180, 300), ("bob", "EUR"): 0},
        asked("owner", **QUARTER, **EUR),
    ),
    Case(
        "e 70 over 120, and c 300 over 200",
        "owner_coverage",
        MOVED,
        {("ann", "EUR"): Fraction(70, 120), ("bob", "EUR"): Fraction(300, 200)},
        asked("owner", **QUARTER, **EUR),
    ),
    Case(
        "by the month of the expected close",
        "open_value",
        MOVED,
        {("", "EUR"): 80, ("2026-05", "USD"): 40, ("2026-06", "EUR"): 370, ("2026-06", "GBP"): 6, ("2026-07", "EUR"): 220},
        asked("expected_month", "currency"),
    ),
    Case(
        "by the quarter of a fiscal year that starts in April",
        "open_deals",
        MOVED,
        {("",): 1, ("FY2027-Q1",): 4, ("FY2027-Q2",): 1},
        asked("expected_quarter", fiscal_year_starts=4),
    ),
    Case(
        "by the quarter of the calendar",
        "weighted_value",
        {"deals": [stood("a", "2026-03-01", "open", 100, "2026-12-31", weighted_minor=30, is_weighted=1)]},
        {("2026-Q4", "EUR"): 30},
        asked("expected_quarter", "currency"),
    ),
]
