from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from journey import definition, matching
from journey.definition import Match
from journey.matching import SEARCHED_MAX, matcher, passes
from journey.touchpoints import Touchpoint
from tests.journey.builders import saying


def holds(type: str, where: dict[str, Any], **fields: Any) -> bool:
    found = matcher(Match.model_validate({"types": type, "where": where}))
    assert found.passes is not None
    return found.passes(saying(type, **fields))


def demo(**fields: Any) -> Touchpoint:
    return saying("demo", **({"owner": "ann", "starts_at": datetime(2026, 3, 9, 15, tzinfo=UTC), "status": "held"} | fields))


def test_a_match_without_tests_leaves_nothing_to_call() -> None:
    assert matcher(Match(types=("demo", "meeting"))) == (frozenset({"demo", "meeting"}), None)


def test_all_fields_have_to_pass() -> None:
    match = matcher(Match.model_validate({"types": "demo", "where": {"status": "held", "owner": "ann"}}))
    assert match.passes is not None
    assert match.passes(demo())
    assert not match.passes(demo(status="no_show"))
    assert not match.passes(demo(owner="bob"))


def test_text_is_compared_without_regard_to_case() -> None:
    assert holds("custom", {"name": "Purchase"}, name="PURCHASE")
    assert holds("custom", {"name": {"contains": "CHASE"}}, name="purchase")
    assert holds("custom", {"name": {"matches": "^pur"}}, name="PURCHASE")
    assert not holds("custom", {"name": {"not": "PURCHASE"}}, name="purchase")


def test_any_of_a_list_of_values_will_do() -> None:
    assert holds("form_submitted", {"intent": ["demo", "trial"]}, form="f", intent="trial")
    assert not holds("form_submitted", {"intent": ["demo", "trial"]}, form="f", intent="other")


@pytest.mark.parametrize("test", [{"is": "crm"}, {"contains": "cr"}, {"matches": "^crm$"}, "crm"])
def test_of_a_list_any_member_will_do(test: Any) -> None:
    assert holds("page_view", {"products": test}, url="/", products=("erp", "CRM"))
    assert not holds("page_view", {"products": test}, url="/", products=("erp",))
    assert not holds("page_view", {"products": test}, url="/")


def test_not_of_a_list_holds_if_no_member_is_it() -> None:
    assert holds("page_view", {"products": {"not": "crm"}}, url="/", products=("erp",))
    assert not holds("page_view", {"products": {"not": "crm"}}, url="/", products=("erp", "crm"))


def test_numbers_are_compared_exactly() -> None:
    value = {"name": "x", "currency": "EUR"}
    assert holds("custom", {"value": Decimal("0.1")}, value=Decimal("0.10"), **value)
    assert not holds("custom", {"value": Decimal("0.1")}, value=Decimal("0.11"), **value)
    assert holds("call", {"seconds": {"at_least": "0.1", "at_most": "0.1"}}, owner="a", direction="in", outcome="connected", seconds=0.1)
    assert not holds("call", {"seconds": {"at_least": 60}}, owner="a", direction="in", outcome="connected", seconds=59.9)
    assert not holds("call", {"seconds": {"at_least": 60}}, owner="a", direction="in", outcome="connected")


def test_a_value_means_the_same_as_number_and_as_text() -> None:
    """A fingerprint does not tell `is: 0.5` from `is: '0.5'`, so nor may a test."""
    for value in (Decimal("0.5"), "0.5"):
        same = passes(definition.Test(is_=(value,)))
        assert all(same(spelled) for spelled in (Decimal("0.5"), "0.5", 0.5))


def test_true_and_false_are_compared_with_flags_only() -> None:
    assert holds("page_view", {"bot": False}, url="/")
    assert not holds("page_view", {"bot": True}, url="/")
    assert not passes(definition.Test(is_=(1,)))(True)
    assert not passes(definition.Test.model_validate({"at_least": 0}))(True)


def test_what_is_inside_of_properties_and_traits_is_reached_by_a_dot() -> None:
    assert holds("custom", {"properties.plan": "pro"}, name="x", properties={"plan": "Pro"})
    assert holds("custom", {"properties.team.size": {"at_least": 5}}, name="x", properties={"team": {"size": 5}})
    assert not holds("custom", {"properties.plan": "pro"}, name="x", properties={"plan": {"name": "pro"}})
    assert not holds("custom", {"properties.plan": "pro"}, name="x")
    assert holds("profile_updated", {"traits.tags": "vip"}, traits={"tags": ["a", "vip"]})


def test_what_is_not_said_passes_only_not_and_not_filled() -> None:
    assert holds("page_view", {"channel": {"filled": False}}, url="/")
    assert holds("page_view", {"channel": {"not": "Email"}}, url="/")
    assert holds("page_view", {"channel": {"filled": False}}, url="/", channel="")
    assert holds("page_view", {"channel": {"filled": True}}, url="/", channel="Email")
    for test in ({"is": "none"}, {"contains": "n"}, {"matches": ".*"}, {"at_least": 0}, {"filled": True}):
        assert not holds("page_view", {"channel": test}, url="/")


def test_a_field_that_only_another_type_has_is_not_filled() -> None:
    match = matcher(Match.model_validate({"types": ["demo", "page_view"], "where": {"status": "held"}}))
    assert match.passes is not None
    assert match.passes(demo())
    assert not match.passes(saying("page_view", url="/"))


def test_what_a_type_says_itself_is_tested_before_what_any_touchpoint_may_say() -> None:
    assert holds("social_engagement", {"network": "linkedin"}, network="linkedin", action="like")
    assert holds("form_submitted", {"network": "internal"}, form="demo", intent="demo", network="internal")


def test_the_field_named_from_is_found() -> None:
    assert holds("seller_updated", {"from": "2026-01-01"}, owner="ann", since=datetime(2026, 1, 1).date())


def test_a_regular_expression_sees_only_the_beginning_of_a_long_text() -> None:
    assert holds("page_view", {"url": {"matches": "x$"}}, url="a" * (SEARCHED_MAX - 1) + "x" + "b" * 10)
    assert not holds("page_view", {"url": {"matches": "x"}}, url="a" * SEARCHED_MAX + "x")


def test_several_conditions_on_one_field_all_have_to_hold() -> None:
    test = {"contains": "pricing", "not": "/pricing/old"}
    assert holds("page_view", {"url": test}, url="/pricing/new")
    assert not holds("page_view", {"url": test}, url="/pricing/old")


def test_tests_read_from_whatever_says_a_value() -> None:
    rule = Match.model_validate({"types": "x", "where": {"source": "google", "medium": {"matches": "^cp"}}}).where
    assert matching.tests(rule)({"source": "Google", "medium": "cpc"}.get)
    assert not matching.tests(rule)({"source": "google"}.get)
