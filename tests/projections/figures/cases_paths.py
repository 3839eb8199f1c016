"""Golden cases of paths, with what they come to written out."""

from fractions import Fraction

from tests.projections.figures.cases import DAY, Case, asked, deal, stage
from tests.projections.figures.cases_marketing import converted, milestone
from tests.projections.figures.tables import Rows

WALKED: Rows = {
    "milestones": [
        milestone("user:1", "demo", "2026-03-02") | {"nth": 0},
        # Again, and so a pair of its own.
        milestone("user:1", "demo", "2026-03-06"),
        milestone("user:2", "demo", "2026-03-03"),
        # Before the stage that the same touchpoint led to.
        milestone("user:2", "trial", "2026-03-04") | {"nth": 0},
        milestone("user:2", "trial", "2026-07-02"),
    ],
    "stages": [
        stage("user:1", "2026-03-02", "decision") | {"nth": 1},
        stage("user:2", "2026-03-04", "decision") | {"nth": 1},
        # What the end itself leads to is no step before it.
        stage("user:1", "2026-03-10", "customer", "decision"),
    ],
    "deals": [
        deal("d1", "won", "2026-03-10"),
        # Won, then reopened and lost: it is one end, and a loss.
        deal("d2", "won", "2026-03-11"),
        deal("d2", "lost", "2026-03-20"),
        # Names nobody.
        deal("d3", "lost", "2026-03-21"),
    ],
    "deal_people": [
        {"person": "user:1", "deal": "deal:d1", "at": "2026-03-01", "is_primary": 1},
        {"person": "user:2", "deal": "deal:d1", "at": "2026-03-01"},
        {"person": "user:2", "deal": "deal:d2", "at": "2026-03-01"},
    ],
    "conversions": [
        converted("user:1", "won", "d1", "2026-03-10"),
        converted("user:2", "won", "d2", "2026-03-11"),
        converted("user:3", "order", "order:7", "2026-03-12"),
    ],
}
FOLLOWED = {
    ("(start)", "demo"): 2,
    ("(start)", "order"): 1,
    ("customer", "won"): 1,
    ("decision", "(so far)"): 1,
    ("decision", "demo"): 1,
    ("demo", "customer"): 1,
    ("demo", "decision"): 1,
    ("demo", "trial"): 1,
    ("order", "(so far)"): 1,
    ("trial", "decision"): 1,
    ("won", "(so far)"): 1,
}

CASES = (
    Case("what is of one instant comes in its order, a conversion last", "follows", WALKED, FOLLOWED, asked("from_step", "next_step")),
    # user:1 by two demos, user:2 by one.
    Case(
        "of each once",
        "following_people",
        WALKED,
        {("(start)",): 3, ("customer",): 1, ("decision",): 2, ("demo",): 2, ("order",): 1, ("trial",): 1, ("won",): 1},
        asked("from_step"),
    ),
    # From the demos: nothing to the decision, 4 days to the customer, 1 to the trial. 1 + 4/5 of 3 days.
    Case(
        "how long from one to the next",
        "time_to_next",
        WALKED,
        {("customer",): (0, 0), ("decision",): (4 * DAY, 4 * DAY), ("demo",): (DAY, Fraction(17 * DAY, 5)), ("trial",): (0, 0)},
        asked("from_step"),
    ),
    # d1: demo, decision of user:1; demo, trial, decision of user:2; demo of user:1.
    Case(
        "a deal has one path, of all its people, up to its last close; a step again and again is one",
        "path_ends",
        WALKED,
        {
            ("lost", "(no step)"): 1,
            ("lost", "demo > trial > decision"): 1,
            ("order", "(no step)"): 1,
            ("won", "(earlier) > decision > demo > trial > decision > demo"): 1,
        },
        asked("ending", "path"),
    ),
    # d1 from March 2nd to the 10th, d2 from the 3rd to the 20th.
    Case(
        "from the first step to the end",
        "path_time",
        WALKED,
        {("lost",): (17 * DAY, 17 * DAY), ("won",): (8 * DAY, 8 * DAY)},
        asked("ending"),
    ),
)
