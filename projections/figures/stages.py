"""The stages of the journey: who enters them and who is in them."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, COUNTRY, STAGE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, quantiles, running
from projections.figures.views import View, as_of

entered = as_of("stages", unit=("person",))
stepped = as_of("milestones", unit=("person",))
moved = View(
    "entries and exits",
    "SELECT person, at, day, stage, n FROM stages WHERE at <= :until"
    " UNION ALL SELECT person, at, day, left_stage AS stage, -n AS n FROM stages WHERE at <= :until AND left_stage <> ''",
    unit=("person",),
    tables=("stages",),
)

LEFT_STAGE = Dimension("left_stage", "v.left_stage", says='stage that was left; "" for the first')
STAYED_IN = Dimension("stage", "v.left_stage", says="stage that they had been in")
NEXT_STAGE = Dimension("next_stage", "v.stage", says="stage that they entered when they left it")
MILESTONE = Dimension("milestone", "v.name", says="milestone, as the definition names it")
RULE = Dimension("rule", "v.rule", says="rule of the definition that moved them")

_STEPS = ("signed_up", "trial_started", "checkout_started", "demo.status", "proposal_sent")
"""What the definition that ships names as milestones; others may be named."""

stage_entries = Figure(
    name="stage_entries",
    says="How often people entered a stage, by a touchpoint or because time passed.",
    formula="number of entries",
    unit="entries",
    source="definition: stages",
    of=entered,
    by=(STAGE, LEFT_STAGE, RULE, COUNTRY),
    measure=count(),
    reads=("page_view", "form_submitted", "lead_created.lead", "deal_opened.people", "close.outcome"),
)
stage_people = Figure(
    name="stage_people",
    says="People in a stage at the end of each period, or at the instant asked until.",
    formula="entries - exits, from the first on",
    unit="people",
    source="definition: stages",
    of=moved,
    by=(STAGE,),
    measure=running(count()),
    reads=stage_entries.reads,
)

time_in_stage = Figure(
    name="time_in_stage",
    says="How long people had been in a stage when they left it in the period: looks short while slow ones are still in it.",
    formula="median and 90 % quantile (type 7) of left - entered",
    unit="duration",
    source="definition: stages",
    of=entered,
    by=(STAYED_IN, NEXT_STAGE, RULE, COUNTRY),
    measure=quantiles("stayed", "1/2", "9/10", where="v.stayed >= 0"),
    reads=stage_entries.reads,
)
milestones = Figure(
    name="milestones",
    says="Steps of funnels that the definition names besides stages, leads and deals, each time that one was reached.",
    formula="number of milestones",
    unit="milestones",
    source="definition: milestones",
    of=stepped,
    by=(MILESTONE, CHANNEL, CAMPAIGN, COUNTRY),
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
    by=(MILESTONE, CHANNEL, CAMPAIGN, COUNTRY),
    measure=distinct("person"),
    reads=_STEPS,
)

FIGURES = (stage_entries, stage_people, time_in_stage, milestones, milestone_people)
