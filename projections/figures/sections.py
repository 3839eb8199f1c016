"""The sections of both reports, and all figures by name. What a terminal shows, a page and the reference are made from them."""

from typing import Final

from projections.figures import attribution, audience, deals, leads, stages
from projections.figures.figure import Figure, Section

SECTIONS: Final = (
    Section("audience", "Who was reached, and what it cost", "marketing", audience.FIGURES, ((), ("channel",), ("campaign",), ("week",))),
    Section("stages", "Stages of the journey", "marketing", stages.FIGURES, (("stage",),)),
    Section("demand", "New leads", "marketing", leads.MARKETING, ((), ("channel",))),
    Section("conversions", "Conversions and the touches before them", "marketing", attribution.CONVERSIONS, (("channel",), ("campaign",))),
    Section("value", "Value of conversions by touch", "marketing", attribution.VALUES, (("channel",), ("campaign",))),
    Section("leads", "What sales answers", "sales", leads.SALES, ((), ("team",))),
    Section("decided", "Deals decided", "sales", deals.DECIDED_DEALS, ((), ("month",))),
    Section("pipeline", "Open deals", "sales", deals.OPEN_DEALS, ((), ("pipeline", "stage"))),
)

FIGURES: Final[dict[str, Figure]] = {figure.name: figure for section in SECTIONS for figure in section.figures}
