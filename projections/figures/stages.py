"""The stages of the journey: who enters them and who is in them."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, PERSON_STAGE, PROFILE, STAGE, Dimension, about, came_by, of_the_lead
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, quantiles, running
from projections.figures.reads import STAGES
from projections.figures.views import View, as_of

entered = as_of("stages", unit=("person",))
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
MILESTONE = Dimension("milestone", "v.name", says="milestone, as the definition names it")
RULE = Dimension("rule", "v.rule", says="rule of the definition that moved them")

_LEAD = {"lead_source": "source", "team": "team"}
OF_LEAD = tuple(of_the_lead(name, says) for name, says in _LEAD.items())

_STEPS = ("signed_up", "trial_started", "checkout_started", "demo.status", "proposal_sent")
"""What the definition that ships names as milestones; others may be named."""

stage_entries = Figure(
    name="stage_entries",
    says="How often people entered a stage, by a touchpoint or because time passed.",
    formula="number of entries",
    unit="entries",
    source="definition: stages",
    of=entered,
    by=(STAGE, LEFT_STAGE, RULE, *came_by("v.person"), *OF_LEAD, *PROFILE),
    measure=count(),
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
    by=(STAGE_LEFT, ENTERED, LEFT_STAGE, RULE, *came_by("v.person"), *OF_LEAD, *PROFILE),
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
    by=(MILESTONE, CHANNEL, CAMPAIGN, *OF_LEAD, *PROFILE, PERSON_STAGE),
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
    by=(MILESTONE, CHANNEL, CAMPAIGN, *OF_LEAD, *PROFILE, PERSON_STAGE),
    measure=distinct("person"),
    reads=_STEPS,
)

FIGURES = (stage_entries, stage_people, time_in_stage, milestones, milestone_people)
