"""Leads: where they come from."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, FIRST_TOUCH_MONTH, LEAD_SOURCE, PERSON_STAGE, PROFILE, REASON, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct
from projections.figures.reads import LEADS, MQLS
from projections.figures.views import as_of, last_of

created = as_of("leads", "step = 'created'", unit=("person", "cycle"), name="leads created")
leads_at = last_of("lead_states", "person", "cycle")

TEAM = Dimension(
    "team",
    "COALESCE(team.team, '')",
    f"LEFT JOIN ({leads_at.sql}) AS team ON team.person = v.person AND team.cycle = v.cycle",
    "team that has the lead, as it stands at the instant asked until",
    tables=leads_at.tables,
)

new_leads = Figure(
    name="new_leads",
    says="Lead cycles that began. A person can be a lead again.",
    formula="number of lead cycles created",
    unit="leads",
    source="definition: lead",
    of=created,
    by=(CHANNEL, CAMPAIGN, LEAD_SOURCE, FIRST_TOUCH_MONTH, TEAM, *PROFILE, PERSON_STAGE),
    measure=count(),
    reads=LEADS,
)
lead_people = Figure(
    name="lead_people",
    says="Distinct people who became a lead. They do not add up over channels, campaigns or periods.",
    formula="distinct people with a lead cycle created",
    unit="people",
    source="definition: lead",
    of=created,
    by=new_leads.by,
    measure=distinct("person"),
    reads=LEADS,
)
new_mqls = Figure(
    name="new_mqls",
    says="Marketing qualified leads (MQL): those that became one in the period.",
    formula="number of lead cycles, dated by when they became an MQL",
    unit="leads",
    source="definition: lead.mql",
    of=leads_at,
    dated="mql",
    by=new_leads.by,
    measure=count("v.is_mql = 1"),
    reads=MQLS,
)
recycled_leads = Figure(
    name="recycled_leads",
    says="Lead cycles that sales gave back to marketing in the period. Whoever becomes a lead again begins another cycle.",
    formula="number of lead cycles recycled, dated by when they were",
    unit="leads",
    source="definition: lead",
    of=as_of("leads", "step = 'recycled'", unit=("person", "cycle"), name="leads recycled"),
    by=(*new_leads.by, REASON),
    measure=count(),
    reads=LEADS,
)
MARKETING = (new_leads, lead_people, new_mqls, recycled_leads)
