"""The sections of both reports, and all figures by name. What a terminal shows, a page and the reference are made from them."""

from collections.abc import Iterator, Mapping
from typing import Final

from projections.figures import (
    attribution,
    audience,
    campaigns,
    content,
    content_before,
    conversions,
    costs,
    deals,
    exposure,
    forecast,
    funnels,
    lead_cycles,
    lead_steps,
    leads,
    lifecycle,
    lifetime,
    mail,
    market,
    needs,
    orders,
    paths,
    retention,
    scores,
    segments,
    social,
    stages,
    surveys,
    visits,
)
from projections.figures.figure import Figure, Group, Model, Section

SECTIONS: Final = (
    Section(
        "audience",
        "Who was reached, and what it cost",
        "marketing",
        audience.FIGURES,
        ((), ("channel",), ("campaign",), ("week",)),
        opens=Group("reach", "Reach: who was met, and where"),
    ),
    Section("visits", "Visits, and who came", "marketing", visits.FIGURES, ((), ("channel",), ("week",))),
    Section("exposure", "Advertisements shown, and whom they reached", "marketing", exposure.EXPOSURE, ((), ("channel",), ("campaign",))),
    Section("media", "What platforms state of themselves", "marketing", exposure.STATED, (("provider", "campaign"),)),
    Section("email", "E-mail", "marketing", mail.EMAIL, ((), ("campaign",))),
    Section("social", "Social networks", "marketing", social.SOCIAL, ((), ("network", "action"))),
    Section(
        "content", "Content", "marketing", content.CONTENTS, ((), ("content",)), opens=Group("interest", "Interest: content and needs")
    ),
    Section(
        "content_before", "Content before stages and closes", "marketing", content_before.CONTENT_BEFORE, (("stage",), (), ("content",))
    ),
    Section("needs", "Needs, objections, and what answers them", "marketing", needs.NEEDS, (("topic", "answered"), ("gap",))),
    Section(
        "stages",
        "Stages of the journey, and milestones",
        "marketing",
        stages.FIGURES,
        (("stage",), ("milestone",)),
        opens=Group("journeys", "Journeys: stages, segments, funnels and paths"),
    ),
    Section(
        "segments",
        "Segments of the audience, and who may be written to",
        "marketing",
        segments.FIGURES,
        (("segment",), ("segment", "other_segment"), ("purpose", "channel")),
    ),
    Section("stays", "How long people stay in a stage, with those who are still there", "marketing", stages.STAYS, (("stage",),)),
    Section("funnel", "Funnels: how far people come, and how soon", "marketing", funnels.FUNNEL_FIGURES, (("funnel", "step"),)),
    Section("paths", "Which step follows which, and paths", "marketing", paths.PATHS, (("from_step", "next_step"), ("ending",))),
    Section(
        "demand",
        "New leads",
        "marketing",
        leads.MARKETING,
        ((), ("channel",)),
        opens=Group("results", "Results: leads, conversions and customers"),
    ),
    Section("steps", "From lead to win", "marketing", lead_steps.FIGURES, (("step",), ("from_step", "to_step"))),
    Section("conversions", "Conversions and customers", "marketing", (*conversions.FIGURES, retention.repeat_rate), ((), ("conversion",))),
    Section(
        "attribution",
        "Conversions by the touches before them",
        "marketing",
        attribution.CONVERSIONS,
        (("channel",), ("campaign",)),
        opens=Group("credit", "Credit: the touches before conversions"),
    ),
    Section("value", "Value of conversions by touch", "marketing", attribution.VALUES, (("channel",), ("campaign",))),
    Section("models", "Conversions under all models, side by side", "marketing", attribution.SIDE_BY_SIDE, (("channel",),)),
    Section("models_value", "Value under all models, side by side", "marketing", attribution.SIDE_BY_SIDE_VALUES, (("channel",),)),
    Section("positions", "Conversions by the place of touches in their path", "marketing", attribution.POSITIONS, (("position",),)),
    Section(
        "spend",
        "What was spent",
        "marketing",
        costs.SPEND,
        ((), ("function", "cost_kind"), ("channel",), ("campaign",), ("month",)),
        opens=Group("money", "Money: what was spent, and what came of it"),
    ),
    Section("costs", "What results cost of media", "marketing", costs.MEDIA_COSTS, ((), ("channel",), ("campaign",), ("month",))),
    Section("full_costs", "What results cost in all", "marketing", costs.FULL_COSTS, ((), ("channel",), ("month",))),
    Section("returns", "What customers cost, and what spending returned", "marketing", costs.RETURNS, ((), ("channel",), ("campaign",))),
    Section("gaps", "Spend without touches, and touches without spend", "marketing", campaigns.GAPS, (("campaign", "alias"),)),
    Section("comparison", "A comparison: before, during and after campaigns", "marketing", campaigns.COMPARED, campaigns.BY_WINDOW),
    Section(
        "orders",
        "Orders and revenue",
        "marketing",
        orders.FIGURES,
        ((), ("month",), ("reason",)),
        opens=Group("loyalty", "Loyalty: who buys and comes again"),
    ),
    Section("lifetime", "Customers who buy again", "marketing", lifetime.LIFETIME, ((),)),
    Section("lifetime_fit", "The models of customers who buy again", "marketing", lifetime.FIT, ((),)),
    Section("retention", "Who comes back, and who buys again", "marketing", retention.RETAINED, (("after",),)),
    Section("lifecycle", "Who is new, returns, comes back or falls asleep", "marketing", lifecycle.LIFECYCLE, (("month",), ("channel",))),
    Section(
        "experience",
        "What people say of us",
        "marketing",
        surveys.EXPERIENCE,
        ((), ("survey", "wave")),
        opens=Group("standing", "Standing: opinions, brand and market"),
    ),
    Section("brand", "How well we are known", "marketing", surveys.BRAND, (("measured", "about", "wave"),)),
    Section("market", "The market, and the press", "marketing", market.MARKETS, (("basis", "market", "competitor"), ("competitor",))),
    Section("leads", "Leads", "sales", lead_cycles.LEADS, ((), ("answer", "state"), ("month",)), opens=Group("selling", "Leads and deals")),
    Section("handoff", "What sales answers, and how soon", "sales", lead_cycles.HANDOFF, ((), ("team",))),
    Section("scores", "Open leads and their scores", "sales", scores.FIGURES, ((), ("stage",), scores.LISTED)),
    Section("people", "People by stage of the journey", "sales", (stages.stage_entries, stages.stage_people), (("stage",),)),
    Section("decided", "Deals decided", "sales", deals.DECIDED_DEALS, ((), ("outcome", "reason"), ("month",))),
    Section("win_costs", "What a deal that was won had cost", "sales", costs.OF_WINS, ((), ("channel",), ("month",))),
    Section("pipeline", "Open deals", "sales", deals.OPEN_DEALS, ((), ("pipeline", "stage"), ("expected_quarter",))),
    Section("waterfall", "What moved in the pipeline of the period, or of this quarter", "sales", forecast.WATERFALL, (("movement",),)),
    Section(
        "slippage",
        "What was expected to close in the period, or in this quarter, and did not",
        "sales",
        forecast.SLIPPAGE,
        ((), ("owner",)),
    ),
    Section("targets", "Targets, and the pipeline for what is left of them", "sales", forecast.TARGETS, ((), ("team",), ("owner",))),
)
"""A figure may be in sections of both read models, where both hold what it reads. Whoever asks for them asks this module, each time."""


def grouped(model: Model) -> list[tuple[Group, list[Section]]]:
    """The sections of a report by group, both in their order."""
    found: list[tuple[Group, list[Section]]] = []
    for section in SECTIONS:
        if section.model == model:
            if section.opens or not found:
                found.append((section.opens or Group(section.name, section.title), []))
            found[-1][1].append(section)
    return found


class _ByName(Mapping[str, Figure]):
    """Of the sections that there are when it is asked: a figure that is added to one of them is here as well."""

    def __getitem__(self, name: str) -> Figure:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    @property
    def _now(self) -> dict[str, Figure]:
        return {figure.name: figure for section in SECTIONS for figure in section.figures}


FIGURES: Final = _ByName()
