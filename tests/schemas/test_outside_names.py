"""Each name in the table that ships: an event under it becomes the touchpoint that the table says, with nothing but what that needs."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from journey.errors import Refused
from journey.outside_names import OutsideName, fitting, meant
from schemas.decode import decode
from schemas.outside_calls import CallReading
from schemas.outside_names import load_outside_names, outside_names, shipped_names
from schemas.segment import read_segment
from tests.schemas.lines import of_lines

MESSAGE = {"email_id": "spring-1", "campaign_name": "spring"}

NAMES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    # their name: (their properties, our type, our data)
    "Order Completed": (
        {"order_id": "o1", "total": 20, "currency": "EUR", "products": [{"product_id": "p"}]}, "order_placed",
        {"order": "o1", "amount": 20, "currency": "EUR", "products": ["p"]},
    ),
    "Order Refunded": (
        {"order_id": "o1", "total": "20.50", "currency": "EUR"}, "refund", {"order": "o1", "amount": "20.50", "currency": "EUR"},
    ),
    "Product Viewed": (
        {"product_id": "p", "price": 3, "currency": "EUR"}, "product_viewed",
        {"product": "p", "value": 3, "currency": "EUR", "products": ["p"]},
    ),
    "Product Added": ({"product_id": 7}, "cart_updated", {"items": ["7"], "products": ["7"]}),
    "Cart Viewed": ({"products": [{"product_id": "p"}]}, "cart_updated", {"items": [{"product_id": "p"}], "products": ["p"]}),
    "Checkout Started": ({"value": 9, "currency": "EUR"}, "checkout_started", {"value": 9, "currency": "EUR"}),
    "Signed Up": ({"plan": "pro"}, "signed_up", {"plan": "pro"}),
    "Trial Started": (
        {"trial_plan_name": "Business", "trial_end_date": "2026-08-28T04:09:47Z"}, "trial_started",
        {"plan": "Business", "ends_at": "2026-08-28T04:09:47Z"},
    ),
    "Account Created": ({"account_id": "acme", "account_name": "Acme"}, "account_joined", {"account": "acme"}),
    "Email Delivered": (MESSAGE, "email_delivered", {"message": "spring-1", "campaign": "spring"}),
    "Email Opened": (MESSAGE, "email_opened", {"message": "spring-1", "campaign": "spring"}),
    "Email Link Clicked": (
        {**MESSAGE, "link_url": "https://x.example/"}, "email_clicked", {"message": "spring-1", "campaign": "spring", "url": "https://x.example/"},
    ),
    "Email Bounced": (
        {**MESSAGE, "bounce_type": "Permanent"}, "email_bounced", {"message": "spring-1", "campaign": "spring", "kind": "hard"},
    ),
    "Email Marked as Spam": (MESSAGE, "email_complained", {"message": "spring-1", "campaign": "spring"}),
    "Unsubscribed": (MESSAGE, "email_unsubscribed", {"message": "spring-1", "campaign": "spring"}),
    "generate_lead": ({"lead_source": "webinar", "value": 3}, "lead_created", {"lead": "m1", "lead_source": "webinar"}),
    "working_lead": ({"owner": "ana", "lead_id": "l1"}, "lead_accepted", {"owner": "ana", "lead": "l1"}),
    "qualify_lead": ({"owner": "ana"}, "lead_qualified", {"owner": "ana"}),
    "disqualify_lead": ({"disqualified_lead_reason": "student"}, "lead_disqualified", {"reason": "student"}),
    "close_convert_lead": (
        {"deal": "d1", "value": 900, "currency": "EUR"}, "close", {"deal": "d1", "outcome": "won", "amount": 900, "currency": "EUR"},
    ),
    "close_unconvert_lead": (
        {"deal": "d1", "value": 900, "currency": "EUR", "unconvert_lead_reason": "price"}, "close",
        {"deal": "d1", "outcome": "lost", "amount": 900, "currency": "EUR", "reason": "price"},
    ),
    "$groupidentify": (
        {"$group_type": "company", "$group_key": "acme", "$group_set": {"name": "Acme", "employees": 12}}, "account_updated",
        {"account": "acme", "name": "Acme", "employees": 12},
    ),
    "$create_alias": ({"alias": "u2"}, "identified", {"other": "user:u2", "method": "alias", "presumed": True}),
    "BuyAction": (
        {"object": {"orderNumber": "o1"}, "price": "20.00", "priceCurrency": "EUR"}, "order_placed",
        {"order": "o1", "amount": "20.00", "currency": "EUR"},
    ),
    "Order": ({"orderNumber": "o1", "price": 20, "priceCurrency": "EUR"}, "order_placed", {"order": "o1", "amount": 20, "currency": "EUR"}),
    "ReviewAction": (
        {"object": {"name": "Chair"},
         "resultReview": {"reviewRating": {"ratingValue": 4, "worstRating": 1, "bestRating": 5}, "reviewBody": "Good"}},
        "survey_answered",
        {"survey": "reviews", "wave": "always", "kind": "other", "question": "rating", "about": "Chair", "score": 4,
         "scale_min": 1, "scale_max": 5, "text": "Good"},
    ),
}  # fmt: skip


def tracked(name: str, properties: dict[str, Any]) -> list[Any]:
    """The CloudEvents that Segment's event `name` becomes, each of which decodes."""
    line = orjson.dumps(
        {
            "type": "track",
            "event": name,
            "messageId": "m1",
            "anonymousId": "a1",
            "timestamp": "2026-03-02T10:00:00Z",
            "properties": properties,
        }
    )
    found = [one.body or b"" for one in read_segment(of_lines(line), CallReading(shipped_names()))]
    for one in found:
        decode(one)
    return [orjson.loads(one) for one in found]


def test_every_name_that_ships_is_tried_here() -> None:
    assert NAMES.keys() == shipped_names().keys()


@pytest.mark.parametrize("name", NAMES)
def test_an_event_of_this_name_is_our_touchpoint(name: str) -> None:
    properties, kind, data = NAMES[name]
    first = tracked(name, properties)[0]
    first["data"].pop("properties", None)
    assert (first["type"], first["data"]) == (kind, data)


@pytest.mark.parametrize("name", [name for name, row in shipped_names().items() if row.needs])
def test_an_event_that_does_not_say_enough_is_kept_as_custom(name: str) -> None:
    (found,) = tracked(name, {"anything": "else"})
    assert (found["type"], found["data"]) == ("custom", {"name": name, "properties": {"anything": "else"}})


def test_a_lead_won_without_a_deal_is_kept_as_custom() -> None:
    assert tracked("close_convert_lead", {"value": 900, "currency": "EUR"})[0]["type"] == "custom"


def test_an_account_that_is_created_is_joined_and_named() -> None:
    joined, updated = tracked("Account Created", {"account_id": "acme", "account_name": "Acme"})
    assert (joined["id"], joined["subject"], joined["type"]) == ("m1", "anon:a1", "account_joined")
    assert (updated["id"], updated["subject"], updated["data"]["name"]) == ("m1#account_updated", "account:acme", "Acme")


def test_a_group_that_is_identified_is_updated_and_joined() -> None:
    updated, joined = tracked("$groupidentify", {"$group_key": "acme"})
    assert (updated["type"], updated["subject"]) == ("account_updated", "account:acme")
    assert (joined["id"], joined["type"], joined["subject"]) == ("m1#account_joined", "account_joined", "anon:a1")


def test_an_alias_under_another_name_presumes_that_it_is_a_user_or_an_anonymous_one() -> None:
    found = tracked("$create_alias", {"alias": "u2"})
    assert [(one["id"], one["subject"], one["data"]["other"], one["data"]["presumed"]) for one in found] == [
        ("m1", "anon:a1", "user:u2", True),
        ("m1#identified", "anon:a1", "anon:u2", True),
    ]
    assert [one["data"]["other"] for one in tracked("$create_alias", {"alias": "a1"})] == ["user:a1"]


def test_money_that_is_none_is_left_out_where_it_is_not_needed() -> None:
    (found,) = tracked("Product Viewed", {"product_id": "p", "price": 3})
    assert found["data"] == {"product": "p", "products": ["p"], "properties": {"price": 3}}


@pytest.mark.parametrize(
    ("kind", "field", "value", "expected"),
    [
        ("order_placed", "order", 7, "7"),
        ("order_placed", "order", True, None),
        ("order_placed", "amount", "12.50", "12.50"),
        ("order_placed", "amount", "12,50", None),
        ("order_placed", "amount", "NaN", None),
        ("order_placed", "currency", "eur", "EUR"),
        ("order_placed", "products", ["a", 1, None, ""], ["a", "1"]),
        ("order_placed", "products", "a", ["a"]),
        ("account_updated", "employees", "12", 12),
        ("account_updated", "employees", "a dozen", None),
        ("email_opened", "machine", "yes", None),
        ("email_bounced", "kind", "medium", None),
        ("trial_started", "ends_at", "2026-01-01", None),
        ("trial_started", "ends_at", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("contract_ended", "ended_on", "2026-01-01", "2026-01-01"),
        ("contract_ended", "ended_on", "soon", None),
        ("custom", "properties", {"a": 1}, {"a": 1}),
        ("custom", "properties", [1], None),
    ],
)
def test_a_value_is_brought_into_the_form_of_its_field_or_left_out(kind: str, field: str, value: object, expected: object) -> None:
    assert fitting(kind, field, value) == expected


def test_a_name_with_dots_in_it_is_found_before_what_is_inside() -> None:
    name = OutsideName.model_validate({"type": "signed_up", "fields": {"plan": "a.b"}})
    events: list[dict[str, Any]] = [{"a.b": "x", "a": {"b": "y"}}, {"a": {"b": "y"}}, {"a": 1}]
    assert [meant(name, properties, {}).touchpoints[0].data.get("plan") for properties in events] == ["x", "y", None]


def test_a_definition_adds_names_and_replaces_those_that_ship() -> None:
    names = outside_names(
        {"Signed Up": {"type": "trial_started", "needs": ["plan"], "fields": {"plan": "p"}}, "Demo Booked": {"type": "signed_up"}}
    )
    assert names["Signed Up"].type == "trial_started"
    assert names["Demo Booked"].type == "signed_up"
    assert names["Unsubscribed"] == shipped_names()["Unsubscribed"]
    with pytest.raises(Refused, match=r"outside_names\.X: there is no touchpoint type 'y'"):
        outside_names({"X": {"type": "y"}})


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("X: {type: signed_upp}", "names.yaml:1: X: there is no touchpoint type 'signed_upp'"),
        ("X:\n  type: signed_up\n  fields: {plann: plan}", "names.yaml:1: X: signed_up has no field plann"),
        ("X: {type: refund, needs: [order]}", "names.yaml:1: X: nothing says where order comes from"),
        (
            "X: {type: account_updated, about: account, fields: {account: a}}",
            "it is about the account that its data names, so it needs account",
        ),
        ("X:\n  type: refund\n  field: {order: a}", "names.yaml:3: X, field: "),
    ],
)
def test_a_table_that_speaks_another_vocabulary_is_refused(tmp_path: Path, table: str, told: str) -> None:
    path = tmp_path / "names.yaml"
    path.write_text(table, encoding="utf-8")
    with pytest.raises(Refused) as refused:
        load_outside_names(path)
    assert told in str(refused.value)
