"""Golden cases of the way through the journey: moves between stages, how long people stay, and from lead to win."""

from fractions import Fraction
from typing import Any

from journey.instants import iso
from projections.figures.defined import STAGES, in_order
from projections.figures.figure import Where
from tests.projections.figures.cases import CAMPAIGNS, DAY, Case, asked, deal, millionths, stage
from tests.projections.figures.cases_sales import lead, mql, qualified
from tests.projections.figures.tables import Rows, at

MOVED: Rows = {
    "stages": [
        stage("user:1", "2026-03-01", "awareness"),
        stage("user:1", "2026-03-03", "consideration", "awareness"),
        stage("user:1", "2026-03-10", "recycled", "consideration"),
        stage("user:1", "2026-04-01", "awareness", "recycled"),
        stage("user:1", "2026-05-01", "lost", "awareness"),
        stage("user:1", "2026-05-02", "decision", "lost"),
        # Two of one instant: the second is later by its place.
        stage("user:2", "2026-03-02", "decision"),
        stage("user:2", "2026-03-02", "consideration", "decision", nth=1),
        stage("user:2", "2026-06-30", "post_purchase", "consideration"),
        # What only time will do, after the instant asked until.
        stage("user:2", "2026-07-02", "churned", "post_purchase", ahead=1),
        # A stage that the definition does not have any more says no direction.
        stage("user:3", "2026-03-05", "old"),
        stage("user:3", "2026-03-06", "decision", "old"),
    ],
    "first_touched": [
        {"person": "user:1", "at": "2026-02-28 23:00", "is_first": 1, "channel": "Email"},
        {"person": "user:1", "at": "2026-03-08", "is_first_of_channel": 1, "channel": "Direct"},
        {"person": "user:2", "at": "2026-03-02", "is_first": 1, "channel": "Direct"},
        {"person": "user:3", "at": "2026-07-01", "is_first": 1, "channel": "Direct"},
    ],
}
TOMORROW = "2026-07-01"


def _stays(*ended: int, still: tuple[int, ...] = ()) -> Rows:
    """Stays that ended after so many days, and others that have not when they are asked after at the end of 2026-06-30."""
    rows = []
    for nth, days in enumerate(ended):
        left = iso(at("2026-01-01") + days * DAY)[:10]
        rows += [stage(f"user:{nth}", "2026-01-01", "awareness"), stage(f"user:{nth}", left, "lost", "awareness", ahead=nth % 2)]
    for nth, days in enumerate(still):
        rows.append(stage(f"anon:{nth}", iso(at(TOMORROW) - days * DAY)[:10], "awareness"))
        # It will be over tomorrow, which nobody has seen yet.
        rows.append(stage(f"anon:{nth}", "2026-07-01", "lost", "awareness", ahead=1))
    return {"stages": rows}


# Weeks of remission of 21 patients with 6-mercaptopurine (Freireich et al. 1963), here as days: those of Kleinbaum and Klein, "Survival
# Analysis", table 2.2, which gives S(6) = .8571, S(7) = .8067, S(10) = .7529, S(13) = .6902, S(16) = .6275, S(22) = .5378, S(23) = .4482
# and a median of 23.
FREIREICH = _stays(6, 6, 6, 7, 10, 13, 16, 22, 23, still=(6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35))
OF_AWARENESS = asked(where=(Where("stage", ("awareness",)),))
BY_STAGE = asked("stage")
FEW = _stays(1, 100, 100, 100, 100, 100, 100, 100, 100, 120)

TIED: Rows = {
    **CAMPAIGNS,
    "lead_states": [
        # All steps, one after the other: 4, 28, 0, 8 and 52 days.
        lead("user:1", "2026-03-01", channel="Email"),
        lead(
            "user:1", "2026-03-01", "accepted", on="2026-04-02", channel="Email", campaign="FALL", team="north",
            **mql("2026-03-05"), **qualified("2026-04-02"),
        ),
        # Rejected; then a lead again.
        lead("user:2", "2026-03-10", "rejected", on="2026-03-12", **mql("2026-03-11")),
        lead("user:2", "2026-05-10", cycle=2, channel="Direct"),
        # Accepted without ever being an MQL.
        lead("user:3", "2026-04-10", "accepted", on="2026-04-11", channel="Email"),
        # Takes part in the deal of the first one.
        lead("user:4", "2026-04-05", channel="Direct"),
        # Not known yet.
        lead("user:6", "2026-07-02", **mql("2026-07-02")),
    ],
    "deals": [
        deal("d1", "open", opened="2026-04-10"),
        deal("d1", "won", "2026-06-01", opened="2026-04-10"),
        deal("d2", "lost", "2026-05-05", opened="2026-04-20"),
        # Won, and open again.
        deal("d3", "won", "2026-05-20", opened="2026-05-15"),
        deal("d3", "open", opened="2026-05-15") | {"at": "2026-06-10"},
        # The same lead's next deal.
        deal("d4", "won", "2026-06-20", opened="2026-06-10"),
    ],
    "deal_people": [
        {"person": "user:1", "deal": "deal:d1", "at": "2026-04-10", "cycle": 1, "is_primary": 1},
        {"person": "user:4", "deal": "deal:d1", "at": "2026-04-10", "cycle": 1},
        # Came late, and is no lead.
        {"person": "user:5", "deal": "deal:d1", "at": "2026-05-30", "cycle": 0},
        {"person": "user:3", "deal": "deal:d2", "at": "2026-04-20", "cycle": 1},
        {"person": "user:2", "deal": "deal:d3", "at": "2026-05-15", "cycle": 2},
        {"person": "user:1", "deal": "deal:d4", "at": "2026-06-10", "cycle": 1},
    ],
    "first_touched": [
        {"person": "user:1", "at": "2026-02-10", "is_first": 1},
        {"person": "user:2", "at": "2026-02-20", "is_first": 1},
        {"person": "user:3", "at": "2026-04-10", "is_first": 1},
    ],
}  # fmt: skip


def steps(earlier: str, later: str, *by: str, within: str = "", **more: Any) -> Any:
    where = [Where("from_step", (earlier,)), Where("to_step", (later,))] + ([Where("within", (within,))] if within else [])
    return asked(*by, where=tuple(where), **more)


HALF = Fraction(1, 2)
CASES = (
    Case(
        "each way that there is",
        "stage_entries",
        MOVED,
        {("",): 1, ("backward",): 1, ("first",): 3, ("forward",): 2, ("out",): 1, ("recycled",): 1, ("returned",): 2},
        asked("move"),
    ),
    Case(
        "the definition says what comes after what",
        "stage_entries",
        {"stages": MOVED["stages"][:2]},
        {("backward",): 1, ("first",): 1},
        asked("move", options={STAGES[0]: in_order([("along", "consideration"), ("along", "awareness")])}),
    ),
    Case(
        "the cohort is the month of the first touch, by the reporting zone, of whoever has one by then",
        "stage_entries",
        MOVED,
        {("",): 2, ("2026-02",): 6, ("2026-03",): 3},
        asked("first_touch_month"),
    ),
    Case("who enters for the first time leaves none", "stage_exits", MOVED, {(): 8}),
    Case("of each stage", "stage_exits", MOVED, {("decision",): 1}, asked("stage", where=(Where("stage", ("decision",)),))),
    Case(
        "to a stage before, or into one that leads back",
        "backward_moves",
        MOVED,
        {("consideration", "recycled"): 1, ("decision", "consideration"): 1},
        asked("stage", "entered_stage", where=(Where("move", ("backward", "recycled")),)),
    ),
    Case(
        "from lost and recycled",
        "stage_returns",
        MOVED,
        {("2026-04",): 1, ("2026-05",): 1, ("2026-06",): 0},
        asked("month", from_on="2026-04-01"),
    ),
    # On day 6 3 of 21 leave: 18/21. The one last seen that day is still there on it, so 17 are left on day 7: 16/17.
    Case("published: S(7) = .8067", "still_after_7", FREIREICH, {(): millionths(806_723)}, OF_AWARENESS),
    # 18/21 x 16/17 x 14/15 x 11/12 x 10/11 x 6/7 x 5/6.
    Case("published: S(23) = .4482", "still_after_30", FREIREICH, {("awareness",): millionths(448_179), ("lost",): 1}, BY_STAGE),
    Case("nobody is known for 90 days", "still_after_90", FREIREICH, {(): None}, OF_AWARENESS),
    Case("published: 23", "stay_median", FREIREICH, {(): 23 * DAY}, OF_AWARENESS),
    Case("nine in ten have not left", "stay_p90", FREIREICH, {(): None}, OF_AWARENESS),
    # 9 of 10 are there after 90 days; one was there for a day. On day 100 8 leave, so that 1 of 10 is left.
    Case("all are over", "still_after_90", FEW, {("awareness",): Fraction(9, 10), ("lost",): 1}, asked("stage", to_on="2026-01-03")),
    Case("at most one in ten is left", "stay_p90", FEW, {(): 100 * DAY}, OF_AWARENESS),
    Case(
        "what began and ended at one instant is over on no day, and half a day is one",
        "stay_median",
        {
            "stages": [
                stage("user:1", "2026-03-01", "awareness"),
                stage("user:1", "2026-03-01", "decision", "awareness", nth=1),
                stage("user:1", "2026-03-01 12:00", "lost", "decision"),
            ]
        },
        {("awareness",): 0, ("decision",): DAY, ("lost",): None},
        BY_STAGE,
    ),
    Case(
        "a lead of each, the first deal of it, and what stands as won",
        "lead_steps",
        TIED,
        {("lead",): 5, ("mql",): 2, ("opportunity",): 4, ("sal",): 2, ("sql",): 1, ("win",): 2},
        asked("step"),
    ),
    # Those of the deal that both take part in are of Email and Direct; the other lead of Direct has won, and its deal is open again later.
    Case(
        "before a deal was opened again",
        "lead_steps",
        TIED,
        {("Direct",): 2, ("Email",): 1},
        asked("channel", until=at("2026-06-09"), where=(Where("step", ("win",)),)),
    ),
    Case(
        "each in its campaign, by whatever name",
        "lead_steps",
        TIED,
        {("",): 4, ("autumn",): 1},
        asked("campaign", where=(Where("step", ("lead",)),)),
    ),
    # 5 leads, 2 MQLs, 2 SALs, 1 SQL, 4 opportunities, 2 wins. A SAL that is qualified at the same instant has gone on.
    Case(
        "from each step to each later one",
        "lead_conversion",
        TIED,
        {
            ("lead", "mql"): Fraction(2, 5),
            ("lead", "opportunity"): Fraction(4, 5),
            ("lead", "sal"): Fraction(2, 5),
            ("lead", "sql"): Fraction(1, 5),
            ("lead", "win"): Fraction(2, 5),
            ("mql", "opportunity"): HALF,
            ("mql", "sal"): HALF,
            ("mql", "sql"): HALF,
            ("mql", "win"): HALF,
            ("opportunity", "win"): HALF,
            ("sal", "opportunity"): 1,
            ("sal", "sql"): HALF,
            ("sal", "win"): HALF,
            ("sql", "opportunity"): 1,
            ("sql", "win"): 1,
        },
        asked("from_step", "to_step"),
    ),
    Case("several pairs are not mixed", "lead_conversion", TIED, {("",): None, ("Direct",): None, ("Email",): None}, asked("channel")),
    # From March 1st to June 1st are 92 days, from April 5th 57.
    Case("within 92 days, the last one included", "lead_conversion", TIED, {(): Fraction(2, 5)}, steps("lead", "win", within="92")),
    Case("and not within 91", "lead_conversion", TIED, {(): Fraction(1, 5)}, steps("lead", "win", within="91")),
    Case(
        "side by side",
        "lead_conversion",
        TIED,
        {("30",): 0, ("60",): Fraction(1, 5), ("90",): Fraction(1, 5), ("ever",): Fraction(2, 5)},
        steps("lead", "win", "within"),
    ),
    Case(
        "by the month of the first touch",
        "lead_conversion",
        TIED,
        {("",): 1, ("2026-02",): Fraction(1, 3), ("2026-04",): 0},
        steps("lead", "win", "first_touch_month"),
    ),
    # Half of 57 and 92 days, and 57 + 9/10 x 35.
    Case("of those that have", "lead_step_time", TIED, {(): (Fraction(149 * DAY, 2), Fraction(177 * DAY, 2))}, steps("lead", "win")),
    Case("of several pairs it is null", "lead_step_time", TIED, {(): None}),
    # In April two leads are created, and three deals opened; in May one of each; in June none and one.
    Case(
        "other leads than those of the period, so it may be above 1",
        "lead_period_ratio",
        TIED,
        {("2026-03",): 0, ("2026-04",): Fraction(3, 2), ("2026-05",): 1, ("2026-06",): None},
        steps("lead", "opportunity", "month"),
    ),
    Case(
        "by reason",
        "recycled_leads",
        {
            "leads": [
                {"person": "user:1", "cycle": 1, "at": "2026-03-01", "step": "created"},
                {"person": "user:1", "cycle": 1, "at": "2026-03-09", "step": "recycled", "reason": "timing"},
                {"person": "user:1", "cycle": 2, "at": "2026-05-09", "step": "recycled", "reason": "budget"},
                {"person": "user:1", "cycle": 3, "at": "2026-07-09", "step": "recycled", "reason": "budget"},
            ]
        },
        {("budget",): 1, ("timing",): 1},
        asked("reason"),
    ),
)  # fmt: skip
