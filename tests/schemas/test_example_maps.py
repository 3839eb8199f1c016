"""The maps that ship, on exports of the shapes they are made for: all that they make decodes, and means what the export says."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import orjson
import pytest
from pydantic import BaseModel

from journey.touchpoints import Touchpoint
from schemas.csv_dry_run import dry_run
from schemas.csv_fields import BooleanRule, FieldRule
from schemas.csv_map import load_map
from schemas.csv_number import NumberRule
from schemas.csv_rules import CsvCondition, FileRules, MapFile, QueryRule, TimeRule, TouchpointRule
from schemas.csv_template import FirstFilled
from schemas.decode import decode
from schemas.shipped_maps import shipped, shipped_path

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
SHOPPERS = ROOT.parent / "shared" / "data" / "online-shoppers" / "online_shoppers_intention.csv"

EXPORTS = {
    "hubspot-deals": ["hubspot-crm-exports-deals.csv"],
    "hubspot-contacts": ["hubspot-crm-exports-contacts.csv"],
    "salesforce-opportunity-history": [
        "Opportunity.csv",
        "OpportunityHistory.csv",
        "OpportunityContactRole.csv",
        "Lead.csv",
        "Contact.csv",
    ],
    "google-ads-cost": ["google-ads-cost-2026-03-05.csv"],
}


def path_of(name: str) -> Path:
    """The one in the examples, which for a map that ships is its file in the package."""
    return ROOT / "examples" / "maps" / f"{name}.yaml"


def read(name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What the map makes of its exports: bodies by id, and reasons by place."""
    bodies, reasons = {}, {}
    for incoming in load_map(path_of(name)).read([DATA / one for one in EXPORTS[name]]):
        if incoming.body is None:
            reasons[incoming.place] = incoming.reason or ""
        else:
            body = orjson.loads(incoming.body)
            bodies[body["id"]] = body
    return bodies, reasons


def touchpoints(name: str, paths: list[Path]) -> Iterator[Touchpoint]:
    for incoming in load_map(path_of(name)).read(paths):
        if incoming.body is not None:
            yield decode(incoming.body).touch


@pytest.mark.parametrize(
    "model", [MapFile, FileRules, QueryRule, TouchpointRule, TimeRule, CsvCondition, FieldRule, BooleanRule, NumberRule, FirstFilled]
)
def test_the_reference_has_every_key_and_every_word_that_a_key_may_have(model: type[BaseModel]) -> None:
    page = (ROOT / "examples" / "maps" / "README.md").read_text(encoding="utf-8")
    for name, field in model.model_fields.items():
        key = field.alias or name
        assert re.search(rf"\b{key}:\s", page), key
        words = [word for kind in (field.annotation, *get_args(field.annotation)) if get_origin(kind) is Literal for word in get_args(kind)]
        for word in words:
            assert not word.isalpha() or re.search(rf"\b{key}: {word}\b", page), f"{key}: {word}"


def test_a_map_is_in_one_place_and_the_examples_lead_to_it() -> None:
    for path in (ROOT / "examples" / "maps").glob("*.yaml"):
        assert path.is_symlink() == (path.stem in shipped()), path
        assert path.stem == "online-shoppers" or path.resolve() == shipped_path(path.stem)


def test_the_example_that_explains_maps_does_what_it_says(tmp_path: Path) -> None:
    told = (ROOT / "examples" / "maps" / "README.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", told, re.DOTALL))
    for name, block in (("deals.yaml", blocks["yaml"]), ("deals.csv", blocks["csv"])):
        (tmp_path / name).write_text(block, encoding="utf-8")
    found = list(load_map(tmp_path / "deals.yaml").read([tmp_path / "deals.csv"]))
    made = [orjson.loads(one.body) for one in found if one.body]
    for one in made:
        decode(orjson.dumps(one))
    assert [f"{one['id']} {one['type']} {one['time']}" for one in made] == blocks["text"].splitlines()
    assert [(one.place, one.reason) for one in found if one.reason] == [
        ("deals.csv:5", 'deal_updated: Changed: "soon" is no time in the format %d/%m/%Y %H:%M')
    ]


@pytest.mark.parametrize("name", EXPORTS)
def test_all_that_a_map_makes_decodes_and_names_what_the_vocabulary_names(name: str) -> None:
    found = dry_run(load_map(path_of(name)), [DATA / one for one in EXPORTS[name]], decode)
    reasons = [reason for reason in found.dead if not reason.startswith(tuple(found.counts))]
    assert reasons == []
    assert all(found.counts.values())
    assert found.unnamed == {}


def test_a_hubspot_deal_is_opened_moved_and_closed_with_its_people() -> None:
    bodies, reasons = read("hubspot-deals")
    assert sorted(bodies) == [
        "9001-2026-02-10 15:31", "9001-closed-2026-02-10 15:31", "9001-opened-2026-02-10 15:31",
        "9002-2026-02-11 10:00", "9002-closed-2026-02-11 10:00", "9002-opened-2026-02-11 10:00",
        "9003-2026-03-30 11:00", "9003-opened-2026-03-30 11:00", "9004-2026-03-30 11:05",
    ]  # fmt: skip
    opened = bodies["9001-opened-2026-02-10 15:31"]
    assert "stage" not in opened["data"]
    assert opened["time"] == "2026-01-05T08:12:00Z"
    assert opened["data"]["people"] == [{"person": "user:hubspot:101"}, {"person": "user:hubspot:102"}]
    closed = bodies["9001-closed-2026-02-10 15:31"]
    assert (closed["data"]["outcome"], closed["time"], closed["data"]["stated_at"]) == (
        "won", "2026-02-10T14:30:00Z", "2026-02-10T14:31:00Z",
    )  # fmt: skip
    updated = [bodies[id]["data"]["stage_outcome"] for id in ("9001-2026-02-10 15:31", "9002-2026-02-11 10:00", "9004-2026-03-30 11:05")]
    assert updated == ["won", "lost", "open"]
    lost = bodies["9002-closed-2026-02-11 10:00"]["data"]
    assert (lost["outcome"], lost["reason"], lost["amount"]) == ("lost", "not_stated", "0")
    assert "owner" not in bodies["9002-2026-02-11 10:00"]["data"]
    assert bodies["9003-2026-03-30 11:00"]["data"]["amount"] == "8000"
    assert reasons == {"hubspot-crm-exports-deals.csv:6": 'deal_opened: Deal Type: "Barter" is not among the map\'s `values`'}


def test_a_hubspot_contact_becomes_lead_mql_and_sql_when_hubspot_says() -> None:
    bodies, reasons = read("hubspot-contacts")
    assert Counter(body["type"] for body in bodies.values() if body["subject"] == "user:hubspot:101") == {
        "identified": 1, "lead_created": 1, "lead_scored": 1, "lead_qualified": 1, "account_joined": 1, "profile_updated": 1,
    }  # fmt: skip
    assert [body["type"] for body in bodies.values() if body["subject"] == "user:hubspot:102"] == ["identified", "profile_updated"]
    assert bodies["101-mql-2026-01-03 09:00"]["time"] == "2026-01-03T08:00:00Z"
    assert list(reasons) == ["hubspot-crm-exports-contacts.csv:4"]


def test_a_salesforce_opportunity_opens_with_what_its_first_change_says() -> None:
    names = EXPORTS["salesforce-opportunity-history"]
    found = sorted(touchpoints("salesforce-opportunity-history", [DATA / name for name in names]), key=lambda touch: touch.order)
    deal = [touch for touch in found if touch.subject == "deal:006A1"]
    assert [(touch.type, touch.id) for touch in deal] == [
        ("deal_opened", "006A1-opened-2026-02-19T16:05:00.000Z"),
        ("deal_updated", "008H1"),
        ("deal_updated", "00K1"),
        ("deal_updated", "00K2"),
        ("deal_updated", "006A1-2026-02-19T16:05:00.000Z"),
        ("deal_updated", "008H2"),
        ("close", "006A1-closed-2026-02-19T16:05:00.000Z"),
    ]
    assert [touch.data.stage_outcome for touch in deal if touch.type == "deal_updated" and touch.data.stage] == ["open", "won", "won"]


def test_a_salesforce_opportunity_closes_once_and_a_deleted_one_is_left_out() -> None:
    bodies, reasons = read("salesforce-opportunity-history")
    closed = {body["subject"]: body["data"] for body in bodies.values() if body["type"] == "close"}
    assert {subject: data["outcome"] for subject, data in closed.items()} == {"deal:006A1": "won", "deal:006A2": "lost"}
    assert "reason" not in closed["deal:006A1"]
    assert not any(body["subject"] == "deal:006A3" for body in bodies.values())
    assert reasons == {}


def test_google_ads_cost_is_stated_by_campaign_and_day_without_the_totals() -> None:
    bodies, reasons = read("google-ads-cost")
    cost = {(body["data"]["period_start"], body["subject"]): body["data"] for body in bodies.values() if body["type"] == "spend_recorded"}
    assert {key: data["amount"] for key, data in cost.items()} == {
        ("2026-03-01", "campaign:Search | Brand, DE"): "1204.50",
        ("2026-03-02", "campaign:Search | Brand, DE"): "0.00",
        ("2026-03-01", "campaign:Display – Prospecting"): "87.05",
    }
    assert {data["stated_at"] for data in cost.values()} == {"2026-03-04T23:00:00Z"}
    media = [body["data"] for body in bodies.values() if body["type"] == "media_reported"]
    assert [(one["impressions"], one.get("clicks")) for one in media] == [(48210, 1930), (12, None), (120004, 64)]
    assert reasons == {}


def test_google_ads_cost_that_is_not_one_row_a_campaign_and_day_is_seen(tmp_path: Path) -> None:
    export = (DATA / "google-ads-cost-2026-03-05.csv").read_text(encoding="utf-8")
    again = tmp_path / "google-ads-cost-2026-03-06.csv"
    again.write_text(
        export.replace("Total: Account", "2026-03-01,Display – Prospecting,222,EUR,1.00,1,1\nTotal: Account"), encoding="utf-8"
    )
    found = list(load_map(path_of("google-ads-cost")).read([again]))
    assert [one.place for one in found if one.body is None] == ["google-ads-cost-2026-03-06.csv:7"]


# --- online shoppers


HEADER = (
    "Administrative,Administrative_Duration,Informational,Informational_Duration,ProductRelated,ProductRelated_Duration,BounceRates,ExitRates,"
    "PageValues,SpecialDay,Month,OperatingSystems,Browser,Region,TrafficType,VisitorType,Weekend,Revenue\n"
)
MONTHS = ["Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """300 sessions as those of the data set; 30 of them equal another, 50 bought."""
    rows = [
        f"0,0,0,0,{n % 7},{n / 3:.4f},0.2,0.2,0,0,{MONTHS[n % 10]},1,1,3,{n % 20 + 1},Returning_Visitor,FALSE,{['0', 'FALSE'][n % 2]}\n"
        for n in range(220)
    ]
    rows += rows[:30]
    rows += [
        f"0,0,0,0,{n},0,0,0,0,0,{MONTHS[n % 10]},1,1,3,2,{['New_Visitor', 'Other'][n % 2]},TRUE,{['1', 'TRUE'][n % 2]}\n" for n in range(50)
    ]
    path = tmp_path / "online_shoppers_sample.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


def shoppers(path: Path) -> tuple[list[Touchpoint], list[Touchpoint]]:
    """The page views and the purchases of a file of sessions."""
    found = list(touchpoints("online-shoppers", [path]))
    assert len({(touch.id, touch.subject) for touch in found}) == len({touch.id for touch in found}) == len(found)
    return [touch for touch in found if touch.type == "page_view"], [touch for touch in found if touch.type == "custom"]


def test_each_session_is_a_visitor_and_each_revenue_a_purchase_half_an_hour_later(sample: Path) -> None:
    views, purchases = shoppers(sample)
    assert (len(views), len(purchases)) == (300, 50)
    assert [touch.subject for touch in views] == [f"anon:session-{n}" for n in range(300)]
    at = {touch.subject: touch.occurred_at for touch in views}
    assert {touch.occurred_at - at[touch.subject] for touch in purchases} == {30 * 60 * 1_000_000}
    assert {touch.about.channel for touch in views} == {f"traffic type {n}" for n in range(1, 21)}


@pytest.mark.skipif(not SHOPPERS.exists(), reason="the data set is not ours to ship: it lies beside the project, or not at all")
def test_the_real_sessions_are_12330_visitors_of_whom_1908_bought() -> None:
    views, purchases = shoppers(SHOPPERS)
    assert (len(views), len(purchases)) == (12_330, 1_908)
    assert len({touch.subject for touch in views}) == 12_330
    assert {touch.about.channel for touch in purchases} < {touch.about.channel for touch in views}


def test_a_salesforce_lead_has_its_source_and_the_contact_that_it_became() -> None:
    found = list(touchpoints("salesforce-opportunity-history", [DATA / "Lead.csv"]))
    assert [(one.subject, one.type) for one in found] == [
        ("user:salesforce:00Q000000000Aa1EAE", "lead_created"), ("user:salesforce:00Q000000000Aa1EAE", "identified"),
        ("user:salesforce:00Q000000000Aa2EAE", "lead_created"),
    ]  # fmt: skip
    assert [one.data.lead_source for one in found if one.type == "lead_created"] == ["Web", "not_stated"]
