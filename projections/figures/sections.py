"""The sections of both reports, and all figures by name. What a terminal shows, a page and the reference are made from them."""

from typing import Final

from projections.figures import attribution, audience, conversions, deals, lead_cycles, leads, orders, scores, stages, visits
from projections.figures.figure import Figure, Section

SECTIONS: Final = (
    Section("audience", "Who was reached, and what it cost", "marketing", audience.FIGURES),
    Section("visits", "Visits, and who came", "marketing", visits.FIGURES),
    Section("stages", "Stages of the journey, and milestones", "marketing", stages.FIGURES),
    Section("demand", "New leads", "marketing", leads.MARKETING),
    Section("conversions", "Conversions and customers", "marketing", conversions.FIGURES),
    Section("attribution", "Conversions by the touches before them", "marketing", attribution.CONVERSIONS),
    Section("value", "Value of conversions by touch", "marketing", attribution.VALUES),
    Section("orders", "Orders and revenue", "marketing", orders.FIGURES),
    Section("leads", "Leads", "sales", lead_cycles.LEADS),
    Section("handoff", "What sales answers, and how soon", "sales", lead_cycles.HANDOFF),
    Section("scores", "Open leads and their scores", "sales", scores.FIGURES),
    Section("people", "People by stage of the journey", "sales", (stages.stage_entries, stages.stage_people)),
    Section("decided", "Deals decided", "sales", deals.DECIDED_DEALS),
    Section("pipeline", "Open deals", "sales", deals.OPEN_DEALS),
)
"""A figure may be in sections of both read models, where both hold what it reads."""

FIGURES: Final[dict[str, Figure]] = {figure.name: figure for section in SECTIONS for figure in section.figures}
