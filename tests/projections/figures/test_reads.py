"""What figures say that they read is what the definition that ships makes them of."""

from collections.abc import Iterator
from typing import Any

import pytest

from journey.touchpoints import TYPES, field_names
from projections.figures.catalogue import computable
from projections.figures.reads import ENGAGED, LEADS, SESSIONS, STAGES, TRAFFIC
from projections.figures.sections import SECTIONS
from schemas.definition_files import default_definition

DEFINITION = default_definition()


def types(reads: tuple[str, ...]) -> set[str]:
    return {read.partition(".")[0] for read in reads} - {"*"}


def named(rule: Any) -> Iterator[str]:
    """The touchpoint types that a part of the definition names."""
    if isinstance(rule, dict):
        yield from rule.get("types") or ()
        rule = [*rule.values()]
    for part in rule if isinstance(rule, list | tuple) else ():
        yield from named(part)


def test_traffic_and_sessions_are_those_of_the_definition() -> None:
    assert types(TRAFFIC) == set(DEFINITION.traffic)
    assert types(SESSIONS) == set(DEFINITION.session_types)
    begins = {key for match in DEFINITION.key_events for key in match.types} & set(DEFINITION.session_types)
    assert types(ENGAGED) == {"page_view", "page_engaged", *begins}


def test_a_stage_is_entered_by_all_that_a_rule_names_for_people_without_one() -> None:
    rules = [rule.model_dump() for stage in DEFINITION.stages for rule in stage.rules if not rule.from_]
    gives_points = {type for rule in DEFINITION.scoring if rule.points > 0 for type in named(rule.model_dump())}
    assert types(STAGES) == {*named(rules)} | gives_points | {"deal_opened", "close"}


def test_a_lead_is_made_by_what_the_definition_and_a_crm_make_one_of() -> None:
    assert DEFINITION.lead.created_by is not None
    assert types(LEADS) == {*DEFINITION.lead.created_by.types, "lead_created", "lead_assigned", "lead_accepted"}


@pytest.mark.parametrize(
    ("type", "figures"),
    [
        ("social_engagement", {"people", "new_people", "people_so_far", "touchpoints", "visit_to_lead"}),
        ("product_viewed", {"sessions", "visitors", "new_visitors", "returning_visitors", "engagement_rate"}),
        ("subscription_started", {"stage_entries", "stage_people", "time_in_stage"}),
        ("form_submitted", {"new_leads", "lead_people", "new_mqls", "conversions", "converting_people", "conversions_first"}),
        ("custom", {"customers", "new_customers", "conversions_last"}),
    ],
)
def test_who_has_such_touchpoints_is_told_of_figures_of_them(type: str, figures: set[str]) -> None:
    assert figures <= told(type)


@pytest.mark.parametrize("type", ["account_joined", "lead_recycled", "profile_updated"])
def test_who_only_has_what_others_are_told_by_is_told_of_none_of_marketing(type: str) -> None:
    assert not told(type)


def told(type: str) -> set[str]:
    filled = {f"{type}.{field}" for field in field_names(TYPES[type])}
    return {entry.name for entry in computable([type], filled) if entry.model == "marketing"}


def test_refunds_alone_are_no_revenue() -> None:
    assert told("refund") == {"refunded", "left_out"}


def test_rows_of_new_leads_are_by_the_channel_of_the_lead_and_of_nothing_else() -> None:
    (demand,) = (section for section in SECTIONS if section.name == "demand")
    assert {figure.of.tables for figure in demand.figures} == {("leads",), ("lead_states",)}
