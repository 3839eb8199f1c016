"""Golden cases of funnels, with what they come to written out."""

from fractions import Fraction
from typing import Any

from journey.definition import Funnel
from projections.figures.defined import options, options_of
from projections.figures.figure import Asked, Where
from schemas.definition_files import default_definition
from tests.projections.figures.cases import DAY, UNTIL, Case, asked, deal, lead
from tests.projections.figures.cases_marketing import converted, first, milestone
from tests.projections.figures.tables import Rows, at

DEFAULT = default_definition()


def of(*steps: str | dict[str, Any], within: str | None = "30d", order: str = "ordered", until: int = UNTIL, **more: Any) -> Asked:
    funnel = Funnel.model_validate({"name": "tried", "steps": steps, "within": within, "order": order})
    by = more.pop("by", ("step",))
    return asked(*by, until=until, options=options(DEFAULT) | options_of([funnel], DEFAULT), **more)


OPTIONAL_DEMO = {"step": "demo", "optional": True}
BOUGHT: Rows = {
    "first_touched": [first("user:1", "2026-03-01", "Email"), first("user:2", "2026-03-01", "Direct")],
    "milestones": [
        milestone("user:1", "signed-up", "2026-03-01"),
        milestone("user:1", "trial", "2026-03-03"),
        # At the end of its 30 days, to the instant.
        milestone("user:1", "checkout", "2026-03-31"),
        milestone("user:2", "signed-up", "2026-03-02"),
        # A second too late, and so too late for the checkout, which comes after it.
        milestone("user:2", "trial", "2026-04-01 00:00:01"),
        milestone("user:2", "checkout", "2026-04-02"),
        milestone("user:3", "signed-up", "2026-06-20"),
        # Nobody who did not sign up is in it.
        milestone("user:4", "trial", "2026-03-03"),
    ],
}
THREE = ("signed-up", "trial", "checkout")
# Won by two people, reopened and lost; and won by one who had no demo.
OF_DEALS: Rows = {
    "milestones": [milestone("user:1", "demo", "2026-03-02"), milestone("user:2", "demo", "2026-03-04")],
    "leads": [lead(f"user:{person}", "2026-03-01", "Email") | {"step": "mql"} for person in (1, 2, 3)],
    "deals": [
        deal("d1", "won", "2026-03-10"),
        deal("d2", "won", "2026-03-11"),
        deal("d2", "lost", "2026-04-01"),
        deal("d3", "won", "2026-03-21"),
    ],
    "conversions": [
        converted("user:1", "won", "d1", "2026-03-10"),
        converted("user:2", "won", "d1", "2026-03-10"),
        converted("user:2", "won", "d2", "2026-03-11"),
        converted("user:3", "won", "d3", "2026-03-21"),
    ],
}
REOPENED: Rows = {**OF_DEALS, "conversions": OF_DEALS["conversions"][2:]}
# Again and again: the way of three steps counts, though it began later than that of two.
AGAIN: Rows = {
    "milestones": [
        milestone("user:1", "signed-up", "2026-03-01"),
        milestone("user:1", "trial", "2026-03-02"),
        milestone("user:1", "signed-up", "2026-05-01"),
        milestone("user:1", "signed-up", "2026-05-02"),
        milestone("user:1", "trial", "2026-05-04"),
        milestone("user:1", "trial", "2026-05-05"),
        milestone("user:1", "checkout", "2026-05-07"),
    ]
}
# One touchpoint that the definition says is both; and in one instant the later step before the earlier.
TIED: Rows = {
    "milestones": [
        milestone("user:1", "trial", "2026-03-01") | {"nth": 0},
        milestone("user:1", "signed-up", "2026-03-01") | {"nth": 1},
        milestone("user:1", "checkout", "2026-02-28 23:59:59"),
    ]
}
BETWEEN: Rows = {
    "milestones": [
        milestone("user:1", "signed-up", "2026-03-01"),
        # No step of the funnel.
        milestone("user:1", "proposal", "2026-03-02"),
        milestone("user:1", "signed-up", "2026-03-02"),
        milestone("user:1", "trial", "2026-03-03"),
        milestone("user:1", "checkout", "2026-03-05"),
        # The checkout lies between the first two steps.
        milestone("user:2", "signed-up", "2026-03-01"),
        milestone("user:2", "checkout", "2026-03-02"),
        milestone("user:2", "trial", "2026-03-03"),
        milestone("user:2", "checkout", "2026-03-04"),
    ]
}


def touch(person: str, on: str, type: str = "email_clicked") -> dict[str, Any]:
    return {"person": person, "touched_at": on, "type": type}


NEXT: Rows = {
    "touches": [
        # Of the instants of the steps: these are the steps themselves.
        touch("user:1", "2026-03-01"),
        touch("user:1", "2026-03-03"),
        # After the last step, before the first, and somebody else's.
        touch("user:1", "2026-03-06"),
        touch("user:1", "2026-02-28"),
        touch("user:5", "2026-03-02"),
        # Between the last two of user:2.
        touch("user:2", "2026-03-04"),
    ],
    "milestones": [
        *(milestone("user:1", name, on) for name, on in (("signed-up", "2026-03-01"), ("trial", "2026-03-03"), ("checkout", "2026-03-05"))),
        *(milestone("user:2", name, on) for name, on in (("signed-up", "2026-03-01"), ("trial", "2026-03-03"), ("checkout", "2026-03-05"))),
        # A milestone that is no step of the funnel.
        *(milestone("user:3", name, on) for name, on in (("signed-up", "2026-03-01"), ("proposal", "2026-03-02"), ("trial", "2026-03-03"))),
        # Signed up again: the way from the second time on has nothing between.
        *(milestone("user:4", "signed-up", on) for on in ("2026-03-01", "2026-03-02")),
        milestone("user:4", "trial", "2026-03-03"),
    ],
}

CASES = (
    Case(
        "the window includes its end; who came too late for a step came too late for those after it",
        "funnel_people",
        BOUGHT,
        {("1 signed-up",): 3, ("2 trial",): 1, ("3 checkout",): 1},
        of(*THREE),
    ),
    Case(
        "those whose time is not over are in it",
        "funnel_share",
        BOUGHT,
        {("1 signed-up",): 1, ("2 trial",): Fraction(1, 3), ("3 checkout",): Fraction(1, 3)},
        of(*THREE),
    ),
    Case(
        "the first step has none before it",
        "funnel_step_share",
        BOUGHT,
        {("1 signed-up",): None, ("2 trial",): Fraction(1, 3), ("3 checkout",): 1},
        of(*THREE),
    ),
    # user:2, whose 30 days ended on April 1st. user:3 has until July 20th.
    Case(
        "lost are those whose time is over", "funnel_lost", BOUGHT, {("1 signed-up",): 0, ("2 trial",): 1, ("3 checkout",): 0}, of(*THREE)
    ),
    Case("and under way the others", "funnel_under_way", BOUGHT, {("1 signed-up",): 0, ("2 trial",): 1, ("3 checkout",): 0}, of(*THREE)),
    Case(
        "without a window nobody is lost, however late",
        "funnel_under_way",
        BOUGHT,
        {("1 signed-up",): 0, ("2 trial",): 1, ("3 checkout",): 0},
        of(*THREE, within=None),
    ),
    Case(
        "with the last instant of its time, of which nothing more is known, it is lost",
        "funnel_lost",
        BOUGHT,
        {("1 signed-up",): 0, ("2 trial",): 1, ("3 checkout",): 0},
        of(*THREE, until=at("2026-04-01")),
    ),
    Case(
        "and not before that",
        "funnel_lost",
        BOUGHT,
        {("1 signed-up",): 0, ("2 trial",): 0, ("3 checkout",): 0},
        of(*THREE, until=at("2026-04-01") - 1),
    ),
    Case(
        "by what they came by",
        "funnel_people",
        BOUGHT,
        {("",): 0, ("Direct",): 0, ("Email",): 1},
        of(*THREE, by=("channel",), where=(Where("step", ("2 trial",)),)),
    ),
    # 2 days for the trial, 28 from there to the checkout, 30 in all.
    Case(
        "time since the step before",
        "funnel_time",
        BOUGHT,
        {("2 trial",): (2 * DAY, 2 * DAY), ("3 checkout",): (28 * DAY, 28 * DAY)},
        of(*THREE),
    ),
    Case(
        "time since the first",
        "funnel_time_in_all",
        BOUGHT,
        {("2 trial",): (2 * DAY, 2 * DAY), ("3 checkout",): (30 * DAY, 30 * DAY)},
        of(*THREE),
    ),
    # mql on March 1st; demos after 1 and 3 days; won after 9, 9 and 20: of two and three, 9 + 1/10 of nothing, and 9 + 4/5 of 11 days.
    Case(
        "an optional step is skipped, and the next one is timed from before it",
        "funnel_time",
        OF_DEALS,
        {("2 demo",): (2 * DAY, Fraction(14 * DAY, 5)), ("3 won",): (9 * DAY, Fraction(89 * DAY, 5))},
        of("mql", OPTIONAL_DEMO, "won"),
    ),
    Case(
        "both people of a deal have won it",
        "funnel_people",
        OF_DEALS,
        {("1 mql",): 3, ("2 demo",): 2, ("3 won",): 3},
        of("mql", OPTIONAL_DEMO, "won"),
    ),
    Case(
        "a deal that was reopened and lost has been won by nobody",
        "funnel_people",
        REOPENED,
        {("1 mql",): 3, ("2 demo",): 2, ("3 won",): 1},
        of("mql", OPTIONAL_DEMO, "won"),
    ),
    # By March 31st it stands as won.
    Case(
        "and had been before",
        "funnel_people",
        REOPENED,
        {("1 mql",): 3, ("2 demo",): 2, ("3 won",): 2},
        of("mql", OPTIONAL_DEMO, "won", until=at("2026-03-31")),
    ),
    # From May 1st: the trial of the 4th, 3 days, and the checkout 3 days after.
    Case(
        "of ways as long the earliest counts, with the first of each repeated step",
        "funnel_time",
        AGAIN,
        {("2 trial",): (3 * DAY, 3 * DAY), ("3 checkout",): (3 * DAY, 3 * DAY)},
        of(*THREE),
    ),
    Case(
        "of the ways that begin in the period",
        "funnel_people",
        AGAIN,
        {("1 signed-up",): 1, ("2 trial",): 1, ("3 checkout",): 0},
        of(*THREE, to_on="2026-05-01"),
    ),
    Case(
        "what is of one instant may be a step and the next",
        "funnel_people",
        TIED,
        {("1 signed-up",): 1, ("2 trial",): 1, ("3 checkout",): 0},
        of(*THREE),
    ),
    Case(
        "the other way round as well",
        "funnel_people",
        TIED,
        {("1 trial",): 1, ("2 signed-up",): 1},
        of("trial", "signed-up", order="strict_steps"),
    ),
    Case(
        "in whatever order, they are steps within the window of the earliest of them",
        "funnel_people",
        TIED,
        {("1 of 3",): 1, ("2 of 3",): 1, ("3 of 3",): 1},
        of(*THREE, within="1s", order="any"),
    ),
    Case(
        "and one that comes too late for it is none",
        "funnel_people",
        BOUGHT,
        {("1 of 2",): 4, ("2 of 2",): 1},
        of("trial", "signed-up", within="2d", order="any"),
    ),
    # user:2: the checkout between; a step repeated, or one of no funnel, is no other step.
    Case(
        "no other step lies between",
        "funnel_people",
        BETWEEN,
        {("1 signed-up",): 2, ("2 trial",): 1, ("3 checkout",): 1},
        of(*THREE, order="strict_steps"),
    ),
    # The trial: user:1, user:2 and user:4; the checkout: user:1.
    Case(
        "nothing else lies between",
        "funnel_people",
        NEXT,
        {("1 signed-up",): 4, ("2 trial",): 3, ("3 checkout",): 1},
        of(*THREE, order="strict"),
    ),
    Case(
        "a touch and a milestone that are no steps may lie between where only steps may not",
        "funnel_people",
        NEXT,
        {("1 signed-up",): 4, ("2 trial",): 4, ("3 checkout",): 2},
        of(*THREE, order="strict_steps"),
    ),
    Case(
        "of those who sign up twice the way from the second time counts",
        "funnel_time",
        NEXT,
        # 2 days of user:1 and user:2, and 1 of user:4: the median is 2, and so is the 90 % quantile.
        {("2 trial",): (2 * DAY, 2 * DAY), ("3 checkout",): (2 * DAY, 2 * DAY)},
        of(*THREE, order="strict"),
    ),
    Case(
        "where others may, it is no matter",
        "funnel_people",
        BETWEEN,
        {("1 signed-up",): 2, ("2 trial",): 2, ("3 checkout",): 2},
        of(*THREE),
    ),
)
