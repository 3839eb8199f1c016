"""Leads: where they come from."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, COUNTRY, LEAD_SOURCE
from projections.figures.figure import Figure
from projections.figures.measures import count
from projections.figures.views import as_of

created = as_of("leads", "step = 'created'", unit=("person", "cycle"), name="leads created")

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
MARKETING = (new_leads,)
