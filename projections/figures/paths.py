"""Paths: which step follows which, how soon, and the last steps before a conversion or a loss."""

from typing import Final

from projections.figures.defined import WON
from projections.figures.dimensions import (
    KIND,
    MAIN_CONTACT,
    PERSON_STAGE,
    PIPELINE,
    PROFILE,
    Dimension,
    about,
    came_by,
    main_contact,
    of_the_lead,
    product_of_conversion,
    stage_of,
)
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, quantiles
from projections.figures.reads import STAGES
from projections.figures.views import View, last_of

START, END, NO_STEP = "(start)", "(so far)", "(no step)"
PATH_STEPS_MAX = 5
"""How many steps before an end a path tells: those nearest to it."""
PATHS_LISTED = 20

# What is of one instant comes in the order of the fold; a conversion comes last, since it is what the others led to.
_STEPS = (
    "SELECT person, at, day, nth, name AS step FROM milestones WHERE at <= :until"
    " UNION SELECT person, at, day, nth, stage AS step FROM stages WHERE at <= :until"
    " UNION SELECT person, at, day, 1000000 AS nth, conversion AS step FROM conversions AS c WHERE at <= :until"
    " AND (conversion NOT IN (VALUES :won) OR (of_what, at) IN (SELECT SUBSTR(deal, 6), closed_at FROM"
    f" ({last_of('deals', 'deal').sql}) AS d WHERE outcome = 'won'))"
)
_FOLLOWED = (
    "SELECT person, at, day, step, LEAD(step) OVER w AS next_step, LEAD(at) OVER w AS next_at, LAG(step) OVER w AS was"
    f" FROM ({_STEPS}) AS s WINDOW w AS (PARTITION BY person ORDER BY at, nth, step)"
)
followed = View(
    "steps and those after them",
    f"SELECT person, at, day, step AS from_step, COALESCE(next_step, '{END}') AS next_step, COALESCE(next_at, 0) AS next_at,"
    f" COALESCE(next_at - at, -1) AS took, 1 AS n FROM ({_FOLLOWED}) AS f"
    f" UNION ALL SELECT person, at, day, '{START}' AS from_step, step AS next_step, 0 AS next_at, -1 AS took, 1 AS n"
    f" FROM ({_FOLLOWED}) AS f WHERE was IS NULL",
    unit=("person",),
    tables=("milestones", "stages", "conversions", "deals"),
    options=(WON,),
    is_of_instants=True,
)

_WHOSE = (
    "SELECT d.outcome AS ending, SUBSTR(d.deal, 6) AS of_what, '' AS whose, d.closed_at AS at, d.closed_on AS day, d.deal,"
    " d.at AS stood_at, d.nth AS stood_nth, CASE WHEN d.account = '' THEN '' ELSE 'account:' || d.account END AS subject,"
    f" d.pipeline, d.deal_kind, COALESCE(p.person, '') AS person FROM ({last_of('deals', 'deal').sql}) AS d"
    # DISTINCT, so that SQLite makes an index of them: the table is kept by person.
    f" LEFT JOIN (SELECT DISTINCT person, deal FROM ({last_of('deal_people', 'person', 'deal').sql}) AS l) AS p"
    " ON p.deal = d.deal WHERE d.outcome IN ('won', 'lost', 'abandoned')"
    " UNION ALL SELECT conversion AS ending, of_what, person AS whose, at, day, '' AS deal, 0 AS stood_at, 0 AS stood_nth,"
    " person AS subject, '' AS pipeline, '' AS deal_kind, person FROM conversions"
    " WHERE at <= :until AND conversion NOT IN (VALUES :won)"
)
_END = "ending, of_what, whose, at, day, deal, stood_at, stood_nth, subject, pipeline, deal_kind"
# The stage that an end itself leads to is none of the steps before it.
_BEFORE = (
    f"SELECT {', '.join(f'w.{one}' for one in _END.split(', '))}, s.step, s.step_at, s.nth, s.person FROM ({_WHOSE}) AS w LEFT JOIN ("
    "SELECT person, at AS step_at, nth, name AS step, 0 AS is_stage FROM milestones"
    " UNION ALL SELECT person, at AS step_at, nth, stage AS step, 1 AS is_stage FROM stages"
    ") AS s ON s.person = w.person AND s.step_at <= w.at - s.is_stage"
)
_WITHIN = "OVER (PARTITION BY ending, of_what, whose, at ORDER BY step_at, nth, person, step)"
_CHANGED = f"SELECT b.*, LAG(step) {_WITHIN} AS was FROM ({_BEFORE}) AS b"
_BACK = (
    f"SELECT {_END}, step, step_at, ROW_NUMBER() OVER (PARTITION BY ending, of_what, whose, at"
    f" ORDER BY step_at DESC, nth DESC, person DESC, step DESC) AS back FROM ({_CHANGED}) AS c WHERE was IS NULL OR was <> step"
)
_PATH = " || ".join(
    [
        f"COALESCE(MAX(CASE WHEN back = {PATH_STEPS_MAX + 1} THEN '(earlier) > ' END), '')",
        *(f"COALESCE(MAX(CASE WHEN back = {back} THEN step || ' > ' END), '')" for back in range(PATH_STEPS_MAX, 1, -1)),
        f"COALESCE(MAX(CASE WHEN back = 1 THEN step END), '{NO_STEP}')",
    ]
)
ended = View(
    "ends and the steps before them",
    f"SELECT {_END}, {_PATH} AS path, COALESCE(MIN(step_at), 0) AS began_at, COALESCE(at - MIN(step_at), -1) AS took,"
    f" stood_nth AS nth, 1 AS n FROM ({_BACK}) AS b GROUP BY {_END}",
    unit=("ending", "of_what", "whose", "at"),
    tables=("deals", "conversions", "deal_people", "milestones", "stages"),
    options=(WON,),
    is_of_instants=True,
)

FROM_STEP = Dimension("from_step", "v.from_step", says=f"milestone, stage or conversion; {START} before the first")
NEXT_STEP = Dimension("next_step", "v.next_step", says=f"the one after it; {END} where there is none yet")
ENDING = Dimension("ending", "v.ending", says="how it ended: a deal won, lost or abandoned, or another conversion")
PATH = Dimension(
    "path", "v.path", says=f"the last {PATH_STEPS_MAX} milestones and stages before the end, each once in a row", top=PATHS_LISTED
)
_BY = (
    FROM_STEP,
    NEXT_STEP,
    *came_by("v.person"),
    *(of_the_lead(name, says) for name, says in {"lead_source": "source", "team": "team"}.items()),
    *PROFILE,
    PERSON_STAGE,
)
_OF_END = (
    PIPELINE,
    KIND,
    product_of_conversion("v.whose"),
    *came_by(
        "COALESCE({name}_person.person, v.whose)",
        beside=main_contact("v.deal"),
        of=MAIN_CONTACT,
        whose="the person, of a deal its main contact,",
    ),
    *about("v.subject"),
    stage_of("v.subject"),
)
_CLOSED: Final = ("close.outcome", "order_placed.order", "lead_created.lead")

follows = Figure(
    name="follows",
    says="How often one step came right after another: milestones, stages and conversions of a person. Repeats count.",
    formula="number of pairs of steps without another between them, dated by the first",
    unit="pairs",
    source="process mining: the directly-follows graph",
    of=followed,
    by=_BY,
    measure=count(),
    reads=STAGES,
)
following_people = Figure(
    name="following_people",
    says="Distinct people of whom one step came right after another. They do not add up over steps or periods.",
    formula="distinct people",
    unit="people",
    source="process mining: the directly-follows graph",
    of=followed,
    by=_BY,
    measure=distinct("person"),
    reads=STAGES,
)
time_to_next = Figure(
    name="time_to_next",
    says="How long it took from one step to the one right after it.",
    formula="median and 90 % quantile (type 7) of the next - the step",
    unit="duration",
    source="process mining: the directly-follows graph",
    of=followed,
    by=_BY,
    measure=quantiles("took", "1/2", "9/10", where="v.took >= 0"),
    reads=STAGES,
)
path_ends = Figure(
    name="path_ends",
    says="Conversions and lost deals by the last steps before them. A deal has one path, of the steps of all its people.",
    formula="number of ends",
    unit="ends",
    source="definition: milestones, stages, attribution.conversions",
    of=ended,
    by=(ENDING, PATH, *_OF_END),
    measure=count(),
    reads=_CLOSED,
)
path_time = Figure(
    name="path_time",
    says="How long it took from the very first step to a conversion or a loss.",
    formula="median and 90 % quantile (type 7) of the end - the first milestone or stage of its people",
    unit="duration",
    source="definition: milestones, stages, attribution.conversions",
    of=ended,
    by=(ENDING, *_OF_END),
    measure=quantiles("took", "1/2", "9/10", where="v.took >= 0"),
    reads=_CLOSED,
)

PATHS: Final = (follows, following_people, time_to_next, path_ends, path_time)
