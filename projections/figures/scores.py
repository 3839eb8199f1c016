"""Scores: the points that count at an instant, and the open leads that have them."""

from projections.figures.dimensions import LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension, came_by, of_the_lead
from projections.figures.figure import Figure
from projections.figures.lead_cycles import ANSWER, OPENS, STATE, WHENCE, WHOSE
from projections.figures.measures import count, distinct, quantiles, total
from projections.figures.stages import RULE
from projections.figures.views import View, last_of

points_at = View(
    "points that count",
    "SELECT * FROM scores WHERE at <= :until AND :until < until_at",
    unit=("person", "rule", "at"),
    tables=("scores",),
)
open_leads_at = last_of("lead_states", "person", "cycle", where="is_open = 1", name="open leads")
scored_leads_at = View(
    "open leads with their score",
    f"SELECT l.*, COALESCE(s.score, 0) AS score FROM ({open_leads_at.sql}) AS l"
    f" LEFT JOIN (SELECT person, CAST(SUM(points * n) AS BIGINT) AS score FROM ({points_at.sql}) AS c GROUP BY person) AS s"
    " ON s.person = l.person",
    unit=open_leads_at.unit,
    tables=("lead_states", "scores"),
)

LEADS_SHOWN = 20
LISTED = ("person", "cycle", "stage", "answer", "owner", "since", "channel")
"""What a list of open leads is broken down by, which `lead_score` puts in order."""

PERSON = Dimension("person", "v.person", says="person", top=LEADS_SHOWN)
CYCLE = Dimension("cycle", "CAST(v.cycle AS TEXT)", says="which of the person's lead cycles, from 1")
STAGE = Dimension(
    "stage",
    "COALESCE(stage.stage, '')",
    f"LEFT JOIN ({last_of('stages', 'person').sql}) AS stage ON stage.person = v.person",
    "stage that the person is in at the instant asked until",
    tables=("stages",),
)
SINCE = Dimension("since", "v.created_on", says="day on which the lead was created")
PERSONS = (
    *came_by("v.person"), of_the_lead("owner", "owner"), LEAD_TEAM, *PROFILE, PERSON_STAGE,
)  # fmt: skip
OPEN = (STAGE, ANSWER, STATE, *WHOSE, *WHENCE)
_SCORED = (
    "content_view",
    "content_download",
    "form_submitted.intent",
    "trial_started",
    "email_clicked",
    "event_attended",
    "call.outcome",
    "meeting.status",
    "demo.status",
    "product_used",
)
"""What the definition that ships gives points for; others may be named."""

open_leads = Figure(
    name="open_leads",
    says="Leads open at the instant asked until: neither rejected, expired, withdrawn, recycled or disqualified, nor closed with a deal.",
    formula="number of lead cycles",
    unit="leads",
    source="definition: lead",
    of=open_leads_at,
    dated=None,
    by=OPEN,
    measure=count(),
    reads=OPENS,
)
lead_score = Figure(
    name="lead_score",
    says="Score of the open leads: the points of their person that count at the instant asked until. By person and cycle, of each lead.",
    formula="sum of points with given <= until < expired, over open leads",
    unit="points",
    source="definition: scoring",
    of=scored_leads_at,
    dated=None,
    by=(PERSON, CYCLE, SINCE, *OPEN),
    measure=total("score"),
    reads=OPENS,
)
lead_score_spread = Figure(
    name="lead_score_spread",
    says="What half and nine tenths of the open leads score at most at the instant asked until.",
    formula="median and 90 % quantile (type 7) of the score of an open lead",
    unit="points",
    source="definition: scoring",
    of=scored_leads_at,
    dated=None,
    by=OPEN,
    measure=quantiles("score", "1/2", "9/10"),
    reads=OPENS,
)
points = Figure(
    name="points",
    says="Points that count at the instant asked until, of all people, leads or not.",
    formula="sum of points with given <= until < expired",
    unit="points",
    source="definition: scoring",
    of=points_at,
    dated=None,
    by=(RULE, PERSON, *PERSONS),
    measure=total("points"),
    reads=_SCORED,
)
people_scored = Figure(
    name="people_scored",
    says="People with points that count at the instant asked until. By rule they do not add up: a person may have points of several.",
    formula="distinct people",
    unit="people",
    source="definition: scoring",
    of=points_at,
    dated=None,
    by=(RULE, *PERSONS),
    measure=distinct("person"),
    reads=_SCORED,
)

FIGURES = (open_leads, lead_score, lead_score_spread, points, people_scored)
