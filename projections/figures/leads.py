"""Leads: where they come from, and what sales answers."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, COUNTRY, LEAD_SOURCE, OWNER, TEAM, TEAM_OF_OWNER
from projections.figures.figure import Figure
from projections.figures.measures import count, quantiles
from projections.figures.views import as_of, last_of

created = as_of("leads", "step = 'created'", unit=("person", "cycle"), name="leads created")
leads_at = last_of("lead_states", "person", "cycle")

new_leads = Figure(
    name="new_leads",
    says="Lead cycles that began. A person can be a lead again.",
    formula="number of lead cycles created",
    unit="leads",
    source="metric definitions: lead cycles",
    of=created,
    by=(CHANNEL, CAMPAIGN, LEAD_SOURCE, COUNTRY),
    measure=count(),
    reads=("lead_created.lead", "lead_created.lead_source", "lead_created.channel", "lead_created.campaign"),
)
time_to_accept = Figure(
    name="time_to_accept",
    says="From the handoff of a lead to its acceptance by sales, in wall time, of the leads accepted in the period.",
    formula="median and 90 % quantile (type 7) of accepted - handed over",
    unit="duration",
    source="definition: handoff",
    of=leads_at,
    dated="answered",
    by=(TEAM, TEAM_OF_OWNER, OWNER, CHANNEL, CAMPAIGN, LEAD_SOURCE),
    measure=quantiles("to_accept", "1/2", "9/10", where="v.answer = 'accepted' AND v.to_accept >= 0"),
    reads=("lead_assigned.team", "lead_accepted.owner"),
)

MARKETING = (new_leads,)
SALES = (time_to_accept,)
