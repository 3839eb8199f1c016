"""The stages of the journey: who enters them and who is in them."""

from projections.figures.dimensions import COUNTRY, STAGE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, running
from projections.figures.views import View, as_of

entered = as_of("stages", unit=("person",))
moved = View(
    "entries and exits",
    "SELECT person, at, day, stage, n FROM stages WHERE at <= :until"
    " UNION ALL SELECT person, at, day, left_stage AS stage, -n AS n FROM stages WHERE at <= :until AND left_stage <> ''",
    unit=("person",),
    tables=("stages",),
)

LEFT_STAGE = Dimension("left_stage", "v.left_stage", says='stage that was left; "" for the first')
RULE = Dimension("rule", "v.rule", says="rule of the definition that moved them")

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

FIGURES = (stage_entries, stage_people)
