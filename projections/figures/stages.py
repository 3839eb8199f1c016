"""The stages of the journey: who enters and leaves them, who is in them and for how long, who goes back."""

from journey.facts import NEVER
from journey.instants import DAY
from projections.figures.defined import STAGES as IN_ORDER
from projections.figures.dimensions import (
    CAMPAIGN,
    CHANNEL,
    FIRST_TOUCH_MONTH,
    PERSON_STAGE,
    PROFILE,
    STAGE,
    Dimension,
    about,
    came_by,
    of_the_lead,
)
from projections.figures.figure import Figure
from projections.figures.measures import Computed, count, distinct, quantiles, running
from projections.figures.reads import STAGES
from projections.figures.survival import lasting_quantile, share_after
from projections.figures.views import View, as_of, history

_WAY, _PLACE, _NAME = "SUBSTR({}.column1, 1, 1)", "SUBSTR({}.column1, 2, 6)", "SUBSTR({}.column1, 8)"
"""Of a stage in `IN_ORDER`: `f` is the one that was left, `t` the one entered."""

entered = View(
    "entries of stages",
    "SELECT s.person, s.at, s.day, s.nth, s.stage, s.left_stage, s.stayed, s.rule, s.n, CASE WHEN s.left_stage = '' THEN 'first'"
    f" WHEN {_WAY.format('t')} = 'o' THEN 'out' WHEN {_WAY.format('t')} = 'b' THEN 'recycled'"
    f" WHEN {_WAY.format('f')} <> 'a' THEN 'returned'"
    f" WHEN {_PLACE.format('t')} < {_PLACE.format('f')} THEN 'backward' WHEN {_PLACE.format('t')} > {_PLACE.format('f')} THEN 'forward'"
    " ELSE '' END AS move FROM stages AS s"
    f" LEFT JOIN (VALUES :stages) AS f ON {_NAME.format('f')} = s.left_stage"
    f" LEFT JOIN (VALUES :stages) AS t ON {_NAME.format('t')} = s.stage WHERE s.at <= :until",
    unit=("person",),
    tables=("stages",),
    options=(IN_ORDER,),
)
_SINCE = f"CASE WHEN h.to_at < {NEVER} THEN h.to_at ELSE CAST(:until AS BIGINT) END - h.at"
stays = View(
    "stays in stages",
    f"SELECT h.person, h.at, h.day, h.nth, h.stage, h.left_stage, h.rule, h.n, h.to_at, ({_SINCE} + {DAY - 1}) / {DAY} AS days,"
    f" CASE WHEN h.to_at < {NEVER} THEN 1 ELSE 0 END AS has_ended FROM ({history('stages', 'person').sql}) AS h",
    unit=("person",),
    tables=("stages",),
)
stepped = as_of("milestones", unit=("person",))
moved = View(
    "entries and exits",
    "SELECT person, at, day, at AS entered_at, stage, n FROM stages WHERE at <= :until"
    " UNION ALL SELECT person, at, day, at - stayed AS entered_at, left_stage AS stage, -n AS n FROM stages"
    " WHERE at <= :until AND left_stage <> ''",
    unit=("person",),
    tables=("stages",),
)

LEFT_STAGE = Dimension("left_stage", "v.left_stage", says='stage that was left; "" for the first')
STAGE_LEFT = Dimension("stage", "v.left_stage", says="stage that was left, whose time this is")
ENTERED = Dimension("entered_stage", "v.stage", says="stage that was entered instead")
MOVE = Dimension(
    "move",
    "v.move",
    says="first; forward or backward along the journey; out of it; recycled, back into it; returned, from out of it or recycled",
)
MILESTONE = Dimension("milestone", "v.name", says="milestone, as the definition names it")
RULE = Dimension("rule", "v.rule", says="rule of the definition that moved them")

_LEAD = {"lead_source": "source", "team": "team"}
OF_LEAD = tuple(of_the_lead(name, says) for name, says in _LEAD.items())

_WHOSE = (*came_by("v.person"), *OF_LEAD, *PROFILE, FIRST_TOUCH_MONTH)
_OF_STAGE_LEFT = (STAGE_LEFT, ENTERED, LEFT_STAGE, MOVE, RULE, *_WHOSE)

_STEPS = ("signed_up", "trial_started", "checkout_started", "demo.status", "proposal_sent")
"""What the definition that ships names as milestones; others may be named."""

stage_entries = Figure(
    name="stage_entries",
    says="How often people entered a stage, by a touchpoint or because time passed.",
    formula="number of entries",
    unit="entries",
    source="definition: stages",
    of=entered,
    by=(STAGE, LEFT_STAGE, MOVE, RULE, *_WHOSE),
    measure=count(),
    reads=STAGES,
)
stage_exits = Figure(
    name="stage_exits",
    says="How often people left a stage for another one.",
    formula="number of entries with a stage before, dated by the entry",
    unit="exits",
    source="definition: stages",
    of=entered,
    by=_OF_STAGE_LEFT,
    measure=count("v.left_stage <> ''"),
    reads=STAGES,
)
backward_moves = Figure(
    name="backward_moves",
    says="How often people went back: from a stage along the journey to an earlier one, or into one that leads back, such as recycled.",
    formula="number of entries of a stage before the one that was left, or of way back",
    unit="moves",
    source="definition: stages, their order and way",
    of=entered,
    by=_OF_STAGE_LEFT,
    measure=count("v.move IN ('backward', 'recycled')"),
    reads=STAGES,
)
stage_returns = Figure(
    name="stage_returns",
    says="How often people came back to the journey who had been lost, had churned or had been recycled.",
    formula="number of entries of a stage along the journey from one of way out or back",
    unit="moves",
    source="definition: stages, their way",
    of=entered,
    by=_OF_STAGE_LEFT,
    measure=count("v.move = 'returned'"),
    reads=STAGES,
)
stage_people = Figure(
    name="stage_people",
    says="People in a stage at the end of each period, or at the instant asked until.",
    formula="entries - exits, from the first on",
    unit="people",
    source="definition: stages",
    of=moved,
    # As of the entry, so that who leaves is taken from where they are counted.
    by=(
        STAGE,
        *came_by("v.person", since="v.entered_at"),
        *(of_the_lead(name, says, "v.entered_at") for name, says in _LEAD.items()),
        *about("v.person", "v.entered_at"),
        FIRST_TOUCH_MONTH,
    ),
    measure=running(count()),
    reads=STAGES,
)

time_in_stage = Figure(
    name="time_in_stage",
    says="How long people had been in a stage when they left it in the period: looks short while slow ones are still in it.",
    formula="median and 90 % quantile (type 7) of left - entered",
    unit="duration",
    source="definition: stages",
    of=entered,
    by=_OF_STAGE_LEFT,
    measure=quantiles("stayed", "1/2", "9/10", where="v.stayed >= 0"),
    reads=STAGES,
)
milestones = Figure(
    name="milestones",
    says="Steps of funnels that the definition names besides stages, leads and deals, each time that one was reached.",
    formula="number of milestones",
    unit="milestones",
    source="definition: milestones",
    of=stepped,
    by=(MILESTONE, CHANNEL, CAMPAIGN, *OF_LEAD, *PROFILE, PERSON_STAGE, FIRST_TOUCH_MONTH),
    measure=count(),
    reads=_STEPS,
)
milestone_people = Figure(
    name="milestone_people",
    says="Distinct people who reached a milestone. They do not add up over milestones, channels, campaigns or periods.",
    formula="distinct people",
    unit="people",
    source="definition: milestones",
    of=stepped,
    by=(MILESTONE, CHANNEL, CAMPAIGN, *OF_LEAD, *PROFILE, PERSON_STAGE, FIRST_TOUCH_MONTH),
    measure=distinct("person"),
    reads=_STEPS,
)


def _stays(name: str, says: str, formula: str, measure: Computed, *, unit: str, within_days: int | None) -> Figure:
    return Figure(
        name=name,
        says=f"{says} Who is still there counts for as long as is known: as of the instant asked until.",
        formula=f"Kaplan-Meier: {formula}; times in days, begun ones counted whole, dated by the entry",
        unit=unit,
        source="Kaplan and Meier 1958; definition: stages",
        of=stays,
        by=(STAGE, LEFT_STAGE, RULE, *_WHOSE),
        measure=measure,
        reads=STAGES,
        within_days=within_days,
    )


def _still_after(days: int) -> Figure:
    return _stays(
        f"still_after_{days}",
        f"Of the stays in a stage that began in the period, the share that lasts over {days} days; null where none is known so long.",
        f"product over the days d up to {days} of (1 - left on day d / there on day d), in millionths",
        share_after(days),
        unit="share",
        within_days=days,
    )


STAYS = (
    *map(_still_after, (7, 30, 90)),
    _stays(
        "stay_median",
        "After what time half of the stays in a stage that began in the period are over; null where more than half are not.",
        "the first day after which the share still there is at most 1/2",
        lasting_quantile("1/2"),
        unit="duration",
        within_days=None,
    ),
    _stays(
        "stay_p90",
        "After what time nine in ten of the stays in a stage that began in the period are over; null where more than one in ten is not.",
        "the first day after which the share still there is at most 1/10",
        lasting_quantile("9/10"),
        unit="duration",
        within_days=None,
    ),
)

FIGURES = (stage_entries, stage_exits, stage_people, backward_moves, stage_returns, time_in_stage, milestones, milestone_people)
