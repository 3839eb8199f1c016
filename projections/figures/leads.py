"""Leads: where they come from."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, COUNTRY, LEAD_SOURCE
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, ratio
from projections.figures.views import View, as_of, last_of

created = as_of("leads", "step = 'created'", unit=("person", "cycle"), name="leads created")
reached = View(
    "people, and whether they became leads",
    "SELECT t.person, t.at, t.day, t.channel, t.campaign, CASE WHEN l.person IS NULL THEN 0 ELSE 1 END AS is_lead, t.n"
    " FROM first_touched AS t LEFT JOIN (SELECT DISTINCT person FROM leads WHERE step = 'created' AND at <= :until) AS l"
    " ON l.person = t.person WHERE t.is_first = 1 AND t.at <= :until",
    unit=("person",),
    tables=("first_touched", "leads"),
)
leads_at = last_of("lead_states", "person", "cycle")

new_leads = Figure(
    name="new_leads",
    says="Lead cycles that began. A person can be a lead again.",
    formula="number of lead cycles created",
    unit="leads",
    source="definition: lead",
    of=created,
    by=(CHANNEL, CAMPAIGN, LEAD_SOURCE, COUNTRY),
    measure=count(),
    reads=("lead_created.lead", "lead_created.lead_source", "lead_created.channel", "lead_created.campaign"),
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
    reads=new_leads.reads,
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
    reads=(*new_leads.reads, "form_submitted"),
)
visit_to_lead = Figure(
    name="visit_to_lead",
    says="Of the people whose first touchpoint that marketing counts was in the period, the share that ever became a lead up to the"
    " instant asked until.",
    formula="people who became a lead / people, dated by their first touchpoint",
    unit="share",
    source="definition: traffic",
    of=reached,
    by=(CHANNEL, CAMPAIGN, COUNTRY),
    measure=ratio(count("v.is_lead = 1"), count()),
    reads=("page_view", "ad_click", "*.channel", "*.campaign", "lead_created.lead"),
)
MARKETING = (new_leads, lead_people, new_mqls, visit_to_lead)
