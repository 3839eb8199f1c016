"""The maps that ship, on whole exports with the columns of the real ones: every row goes in, and says what the export says."""

import csv
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import pytest

from journey.errors import Refused
from journey.identity import resolve
from journey.touchpoints import Touchpoint
from schemas.csv_dry_run import dry_run
from schemas.csv_map import load_map
from schemas.decode import decode
from schemas.definition_files import default_definition
from schemas.shipped_maps import FOLDER, asked_map, assumed, map_named, shipped, shipped_path
from tests.app.command import ROOT, copied
from tests.test_readme import PACKAGES

DATA = Path(__file__).parent / "data" / "exports"
EXPORTS = {
    "hubspot-contacts": ["hubspot-crm-exports-all-contacts-2026-11-02.csv"],
    "hubspot-deals": ["hubspot-crm-exports-all-deals-2026-11-02.csv"],
    "salesforce-opportunity-history": ["Opportunity.csv", "OpportunityHistory.csv", "OpportunityContactRole.csv"],
    "google-ads-cost": ["google-ads-cost-2026-10-04.csv"],
    "meta-ads-cost": ["Acme-Campaigns-1-Oct-2026-3-Oct-2026.csv"],
    "stripe-payments": ["unified_payments.csv", "refunds.csv"],
    "stripe-subscriptions": ["subscriptions.csv"],
}

Body = dict[str, Any]


def bodies(name: str, *paths: Path) -> list[Body]:
    """What the map makes of the files, or of its exports; there is no dead letter among them."""
    found = list(load_map(shipped_path(name)).read(list(paths) or [DATA / one for one in EXPORTS[name]]))
    assert [(one.place, one.reason) for one in found if one.body is None] == []
    return [orjson.loads(one.body or b"") for one in found]


def of(made: Sequence[Body], type: str, *fields: str) -> list[tuple[Any, ...]]:
    """The subjects and some fields of the touchpoints of one type; `time` and `id` are fields of theirs too."""
    return [(one["subject"], *(one["data"].get(name, one.get(name)) for name in fields)) for one in made if one["type"] == type]


def touches(*names: str) -> list[Touchpoint]:
    return [decode(orjson.dumps(one)).touch for name in names for one in bodies(name)]


def test_every_map_that_ships_is_tried_here() -> None:
    assert set(shipped()) == set(EXPORTS)


@pytest.mark.parametrize("name", EXPORTS)
def test_every_row_goes_in_and_every_field_is_in_the_vocabulary(name: str) -> None:
    found = dry_run(load_map(shipped_path(name)), [DATA / one for one in EXPORTS[name]], decode)
    assert (found.dead, found.unnamed) == ({}, {})


@pytest.mark.parametrize("name", EXPORTS)
def test_the_same_export_again_gives_the_same_touchpoints(name: str) -> None:
    made = bodies(name)
    assert made == bodies(name)
    assert len({(one["id"], one["subject"]) for one in made}) == len(made)


# --- HubSpot


def test_hubspot_deals_have_their_amounts_currency_people_and_company() -> None:
    made = bodies("hubspot-deals")
    assert of(made, "deal_opened", "amount", "currency", "account", "kind") == [
        ("deal:7001", "12960.00", "EUR", "hubspot:9001", "new"),
        ("deal:7002", "24000", "EUR", "hubspot:9002", "new"),
        ("deal:7003", "8400.50", "EUR", "hubspot:9003", "new"),
        ("deal:7004", "3000", "EUR", None, "new"),
        ("deal:7005", "4200", "EUR", "hubspot:9001", "expansion"),
        ("deal:7006", "0", "EUR", None, "new"),
    ]
    people = {subject: [one["person"] for one in people or []] for subject, people in of(made, "deal_opened", "people")}
    assert people["deal:7003"] == ["user:hubspot:106", "user:hubspot:107"]
    assert people["deal:7006"] == []
    assert of(made, "close", "outcome", "amount", "time", "reason") == [
        ("deal:7001", "won", "12960.00", "2026-08-12T15:00:00Z", None),
        ("deal:7004", "lost", "3000", "2026-09-25T10:00:00Z", "No budget"),
        ("deal:7005", "won", "4200", "2026-10-15T10:00:00Z", None),
    ]


@pytest.mark.parametrize(("sign", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16")])
def test_an_export_that_a_spreadsheet_saved_with_its_own_sign_gives_the_same(tmp_path: Path, sign: str, encoding: str) -> None:
    export = DATA / EXPORTS["hubspot-deals"][0]
    saved = tmp_path / export.name
    with export.open(encoding="utf-8-sig", newline="") as read, saved.open("w", encoding=encoding, newline="") as written:
        csv.writer(written, delimiter=sign).writerows(csv.reader(read))
    assert bodies("hubspot-deals", saved) == bodies("hubspot-deals", export)


def test_a_hubspot_deal_in_another_currency_is_in_that(tmp_path: Path) -> None:
    export = tmp_path / "deals.csv"
    export.write_text((DATA / EXPORTS["hubspot-deals"][0]).read_text(encoding="utf-8").replace(",EUR,", ",usd,"), encoding="utf-8")
    assert {
        currency
        for kind in ("deal_opened", "deal_updated", "close")
        for _, currency in of(bodies("hubspot-deals", export), kind, "currency")
    } == {"USD"}


def test_hubspots_primary_company_counts_before_the_others(tmp_path: Path) -> None:
    lines = (DATA / EXPORTS["hubspot-deals"][0]).read_text(encoding="utf-8").splitlines()
    head, one, other = f"{lines[0]},Associated Company IDs (Primary)", f"{lines[1].removesuffix('9001')}9001;9009,9009", f"{lines[2]};9001,"
    export = tmp_path / "deals.csv"
    export.write_text(f"{head}\n{one}\n{other}\n", encoding="utf-8")
    assert of(bodies("hubspot-deals", export), "deal_opened", "account") == [("deal:7001", "hubspot:9009"), ("deal:7002", None)]


def test_hubspot_contacts_say_their_addresses_in_one_form() -> None:
    made = bodies("hubspot-contacts")
    assert of(made, "identified", "other")[:2] == [
        ("user:hubspot:101", "user:anna.schmidt@muster.example"), ("user:hubspot:102", "user:joerg.mueller@firma.example"),
    ]  # fmt: skip
    assert of(made, "account_joined", "account") == [
        ("user:hubspot:101", "hubspot:9001"), ("user:hubspot:102", "hubspot:9002"), ("user:hubspot:106", "hubspot:9003"),
    ]  # fmt: skip
    assert [len(of(made, kind)) for kind in ("lead_created", "lead_scored", "lead_qualified", "profile_updated")] == [5, 4, 3, 6]


def test_a_contact_with_another_owner_in_a_later_export_is_no_conflict(tmp_path: Path) -> None:
    export = tmp_path / "contacts.csv"
    text = (DATA / EXPORTS["hubspot-contacts"][0]).read_text(encoding="utf-8")
    export.write_text(
        text.replace("Lena Vogt,Connected", "Tom Berg,Connected").replace("2026-08-15 11:02", "2026-11-03 09:00"), encoding="utf-8"
    )
    first, later = ({one["id"]: one for one in made} for made in (bodies("hubspot-contacts"), bodies("hubspot-contacts", export)))
    assert [id for id in first.keys() & later.keys() if first[id] != later[id]] == []
    assert len(later.keys() - first.keys()) == 2


# --- Salesforce


def test_salesforce_deals_are_as_opportunities_and_their_history_say() -> None:
    made = bodies("salesforce-opportunity-history")
    assert of(made, "deal_opened", "amount", "currency", "kind") == [
        ("deal:0065g00000AAA1AAA", "12960.0", "USD", "new"), ("deal:0065g00000AAA2AAA", "24000.0", "USD", "new"),
        ("deal:0065g00000AAA3AAA", "8400.5", "USD", "expansion"), ("deal:0065g00000AAA4AAA", "0", "USD", "renewal"),
    ]  # fmt: skip
    assert of(made, "close", "outcome", "amount", "time") == [
        ("deal:0065g00000AAA1AAA", "won", "12960.0", "2026-08-12T12:00:00Z"),
        ("deal:0065g00000AAA3AAA", "lost", "8400.5", "2026-10-28T12:00:00Z"),
    ]
    people = [(subject, people[0]) for subject, people in of(made, "deal_updated", "people") if people]
    assert people[0] == ("deal:0065g00000AAA1AAA", {"person": "user:salesforce:0035g01", "role": "Decision Maker", "primary": True})
    assert len(people) == 3


def test_salesforce_contacts_and_leads_say_their_addresses(tmp_path: Path) -> None:
    contact = tmp_path / "Contact.csv"
    contact.write_text(
        '"Id","IsDeleted","AccountId","Email","Title","MailingCountry","CreatedDate","LastModifiedDate"\n'
        '"0035g01","false","0015g1","Ana@Firm.example","CTO","DE","2026-01-01T08:00:00.000Z","2026-02-01T08:00:00.000Z"\n'
        '"0035g02","true","","bo@firm.example","","","2026-01-01T08:00:00.000Z","2026-02-01T08:00:00.000Z"\n'
        '"0035g03","false","","","","","2026-01-01T08:00:00.000Z","2026-02-01T08:00:00.000Z"\n'
    )
    lead = tmp_path / "Lead.csv"
    lead.write_text('"Id","LeadSource","Email","CreatedDate"\n"00Q1","Web","ana@firm.example ","2026-01-01T08:00:00.000Z"\n')
    made = bodies("salesforce-opportunity-history", contact, lead)
    assert of(made, "identified", "other") == [
        ("user:salesforce:0035g01", "user:ana@firm.example"), ("user:salesforce:00Q1", "user:ana@firm.example"),
    ]  # fmt: skip
    assert [(subject, account) for subject, account in of(made, "account_joined", "account")] == [("user:salesforce:0035g01", "0015g1")]


# --- Google, Meta


GOOGLE = [
    ("campaign:brand-de", "2026-10-01", "17.00", "Paid Search"),
    ("campaign:hr-software-de", "2026-10-01", "1096.40", "Paid Search"),
    ("campaign:pmax-at", "2026-10-02", "40.00", "Cross-network"),
    ("campaign:brand-de", "2026-10-02", "16.00", "Paid Search"),
]


@pytest.mark.parametrize("file", ["google-ads-cost-2026-10-04.csv", "Campaign report.csv"])
def test_google_ads_cost_is_that_of_the_campaigns_and_not_of_the_totals(file: str) -> None:
    made = bodies("google-ads-cost", DATA / file)
    assert of(made, "spend_recorded", "period_start", "amount", "channel") == GOOGLE
    assert {currency for _, currency in of(made, "spend_recorded", "currency")} == {"EUR"}
    assert [number for _, number in of(made, "media_reported", "impressions")] == [310, 4210, 12010, 290]
    stated = {at for _, at in of(made, "spend_recorded", "stated_at")}
    assert stated == ({"2026-10-03T22:00:00Z"} if file.startswith("google") else {None})


def test_a_total_in_the_column_of_the_campaign_is_none(tmp_path: Path) -> None:
    export = tmp_path / "Campaign report (1).csv"
    rows = "brand,2026-10-01,EUR,5.00,1,1\nTotal: Campaigns,--,EUR,5.00,1,1\n--,Total: Account,EUR,5.00,1,1\n"
    export.write_text(f"Campaign report\nOctober\nCampaign,Day,Currency code,Cost,Impr.,Clicks\n{rows}")
    assert of(bodies("google-ads-cost", export), "spend_recorded", "amount") == [("campaign:brand", "5.00")]


def test_a_later_export_says_a_days_cost_again_under_an_id_of_its_own_only_where_its_name_has_a_date(tmp_path: Path) -> None:
    text = (DATA / "google-ads-cost-2026-10-04.csv").read_text(encoding="utf-8")
    for name in ("google-ads-cost-2026-10-05.csv", "Campaign report.csv"):
        (tmp_path / name).write_text(text.replace("17.00", "18.00"), encoding="utf-8")
    first, later = (
        bodies("google-ads-cost", folder / name) for folder, name in ((DATA, EXPORTS["google-ads-cost"][0]), (tmp_path, name_of(5)))
    )
    assert {one["id"] for one in first}.isdisjoint(one["id"] for one in later)
    assert of(later, "spend_recorded", "stated_at")[0] > of(first, "spend_recorded", "stated_at")[0]
    assert {one for _, one in of(first, "spend_recorded", "statement")} == {one for _, one in of(later, "spend_recorded", "statement")}
    undated, restated = (bodies("google-ads-cost", folder / "Campaign report.csv") for folder in (DATA, tmp_path))
    assert [one["id"] for one in undated] == [one["id"] for one in restated]


def name_of(day: int) -> str:
    return f"google-ads-cost-2026-10-{day:02}.csv"


def test_meta_ads_cost_is_that_of_the_campaigns_and_not_of_the_account() -> None:
    made = bodies("meta-ads-cost")
    assert of(made, "spend_recorded", "period_start", "period_end", "amount", "currency", "channel") == [
        ("campaign:summer-sale", "2026-10-01", "2026-10-01", "60.45", "EUR", "Paid Social"),
        ("campaign:summer-sale", "2026-10-02", "2026-10-02", "61", "EUR", "Paid Social"),
        ("campaign:Retargeting, EU", "2026-10-02", "2026-10-02", "0", "EUR", "Paid Social"),
        ("campaign:Retargeting, EU", "2026-10-03", "2026-10-03", "61", "EUR", "Paid Social"),
    ]
    assert of(made, "media_reported", "impressions", "clicks", "reach")[0] == ("campaign:summer-sale", 20000, 180, 7100)


def test_meta_names_the_currency_of_the_account_in_the_name_of_a_column(tmp_path: Path) -> None:
    text = (DATA / EXPORTS["meta-ads-cost"][0]).read_text(encoding="utf-8")
    export = tmp_path / "meta-ads-cost-2026-10-04.csv"
    export.write_text(text.replace("(EUR)", "(SEK)"), encoding="utf-8")
    made = bodies("meta-ads-cost", export)
    assert {currency for _, currency in of(made, "spend_recorded", "currency")} == {"SEK"}
    assert {at for _, at in of(made, "spend_recorded", "stated_at")} == {"2026-10-03T22:00:00Z"}
    export.write_text(text.replace('"Amount spent (EUR)"', '"Amount spent (EUR)","Amount spent (USD)"'), encoding="utf-8")
    with pytest.raises(Refused, match=r"column 'Amount spent \(\*\)' may be Amount spent \(EUR\) or Amount spent \(USD\)"):
        bodies("meta-ads-cost", export)
    export.write_text(text.replace("Amount spent", "Spent"), encoding="utf-8")
    with pytest.raises(Refused, match=r"column 'Amount spent \(\*\)' is not in"):
        bodies("meta-ads-cost", export)


# --- Stripe


def test_stripe_payments_are_orders_unless_they_failed() -> None:
    made = bodies("stripe-payments")
    assert of(made, "order_placed", "order", "amount", "currency") == [
        ("user:stripe:cus_A1", "ch_3A1", "49.00", "EUR"),
        ("user:stripe:cus_A2", "ch_3A2", "129.90", "EUR"),
        ("user:stripe:cus_A3", "ch_3A3", "80.00", "EUR"),
        ("user:guest@x.example", "ch_3A5", "1250.00", "USD"),
    ]
    assert of(made, "refund", "order", "refund", "amount", "currency") == [
        ("user:stripe:cus_A2", "ch_3A2", "re_1", "129.90", "EUR"), ("user:stripe:cus_A3", "ch_3A3", "re_2", "20.00", "EUR"),
    ]  # fmt: skip
    assert ("user:stripe:cus_A1", "user:anna.schmidt@muster.example") in of(made, "identified", "other")


def test_a_payment_of_somebody_unknown_is_an_order_and_its_refund_finds_it(tmp_path: Path) -> None:
    payments, refunds = tmp_path / "unified_payments.csv", tmp_path / "refunds.csv"
    paid, back = "2026-10-01 09:00:00,10.00,jpy", "ch_1,2026-10-02 09:00,jpy"
    payments.write_text(
        f"id,Created date (UTC),Amount,Currency,Captured,Status\nch_1,{paid},true,Paid\nch_2,{paid},false,Uncaptured\nch_3,{paid},,Failed\n"
    )
    refunds.write_text(f"id,Amount,Charge,Created (UTC),Currency,Status\nre_1,5,{back},succeeded\nre_2,5,{back},failed\n")
    made = bodies("stripe-payments", payments, refunds)
    assert [(one["type"], one["subject"]) for one in made] == [("order_placed", "anon:stripe-ch_1"), ("refund", "anon:stripe-ch_1")]


def test_stripe_subscriptions_have_their_monthly_revenue_and_trials_none() -> None:
    made = bodies("stripe-subscriptions")
    assert of(made, "subscription_started", "mrr", "currency", "auto_renew", "term_start_on") == [
        ("user:stripe:cus_A1", "49.000000", "EUR", True, "2026-10-01"),
        ("user:stripe:cus_A2", "117.500000", "EUR", False, "2026-03-15"),     # 470 a year, three of them
        ("user:stripe:cus_A3", "98.000000", "EUR", False, "2026-05-01"),
        ("user:stripe:cus_A7", "49.000000", "EUR", True, "2026-04-28"),
    ]  # fmt: skip
    assert of(made, "trial_started", "ends_at", "plan", "channel") == [("user:stripe:cus_A6", "2026-11-11T10:00:00Z", "price_pro_m", "")]
    assert of(made, "contract_ended", "subscription", "ended_on") == [("user:stripe:cus_A3", "sub_3", "2026-10-01")]


@pytest.mark.parametrize(
    ("status", "trial_end", "ended", "types"),
    [
        ("active", "2026-10-15 10:00", "", ["trial_started", "subscription_started"]),
        ("canceled", "2026-10-15 10:00", "2026-10-10 10:00", ["trial_started"]),
        ("canceled", "2026-10-15 10:00", "2026-11-15 10:00", ["trial_started", "subscription_started", "contract_ended"]),
        ("incomplete_expired", "", "2026-10-02 10:00", []),
    ],
)
def test_a_subscription_starts_when_its_trial_ends_and_one_that_was_never_paid_is_none(
    tmp_path: Path, status: str, trial_end: str, ended: str, types: list[str]
) -> None:
    head = (DATA / "subscriptions.csv").read_text(encoding="utf-8").splitlines()[0]
    start = "2026-10-01 10:00"
    trial = f"{start if trial_end else ''},{trial_end}"
    row = f'sub_1,cus_1,,a@x.example,pro,prod,2,month,"1,049.00",{status},{start},{start},{start},{start},{start},{trial},,,,,false,{ended}'
    export = tmp_path / "subscriptions-2026.csv"
    export.write_text(f"{head}\n{row}\n", encoding="utf-8")
    made = bodies("stripe-subscriptions", export)
    assert [one["type"] for one in made if one["type"] != "identified"] == types
    for _, mrr, at in of(made, "subscription_started", "mrr", "time"):
        assert (mrr, at) == ("2098.000000", "2026-10-15T10:00:00Z")


# --- people


def test_one_person_is_one_in_hubspot_and_stripe_and_numbers_of_two_systems_are_two() -> None:
    people = resolve(touches("hubspot-contacts", "stripe-payments", "stripe-subscriptions"), default_definition())
    assert people["user:hubspot:101"] == people["user:stripe:cus_A1"] == "user:anna.schmidt@muster.example"
    assert people["user:hubspot:102"] != people["user:stripe:cus_A2"]
    assert "user:101" not in people


def test_ids_of_record_systems_are_kinds_of_their_own_so_that_one_device_keeps_its_person() -> None:
    kind = default_definition().identity.kind
    assert [kind(one) for one in ("user:hubspot:101", "user:salesforce:003A", "user:stripe:cus_1", "user:ana@x.example", "user:101")] == [
        "hubspot", "salesforce", "stripe", "email", "other",
    ]  # fmt: skip


# --- names and clocks


def test_a_map_is_meant_by_name_or_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert map_named(Path("hubspot-deals")) == FOLDER / "hubspot-deals.yaml"
    assert map_named(Path("hubspot-deals.yaml")) == Path("hubspot-deals.yaml")
    (tmp_path / "hubspot-deals").write_text("mine")
    assert map_named(Path("hubspot-deals")) == Path("hubspot-deals")
    with pytest.raises(Refused, match="no map that ships is named 'hubspot-deal'; there are hubspot-deals, hubspot-contacts"):
        map_named(Path("hubspot-deal"))


def test_a_zone_stands_in_the_place_of_the_maps_own() -> None:
    def opened(zone: str | None) -> str:
        found = next(asked_map(Path("hubspot-deals"), zone).read([DATA / EXPORTS["hubspot-deals"][0]]))
        return str(orjson.loads(found.body or b"")["time"])

    assert (opened(None), opened("America/New_York")) == ("2026-06-09T14:00:00Z", "2026-06-09T20:00:00Z")
    with pytest.raises(Refused, match="'America/Newyork' is no time zone; did you mean 'America/New_York'"):
        opened("America/Newyork")
    with pytest.raises(Refused, match=r"each time in stripe-payments.yaml says its zone \(UTC\)"):
        asked_map(Path("stripe-payments"), "Europe/Berlin")


def test_what_a_map_takes_for_granted_is_said_where_the_export_does_not_say_it() -> None:
    deals = [DATA / EXPORTS["hubspot-deals"][0]]
    of_deals, of_subscriptions = asked_map(Path("hubspot-deals"), None), asked_map(Path("stripe-subscriptions"), None)
    assert assumed(of_deals, None, deals) == "hubspot-deals: times are read on the clock of Europe/Berlin (--zone says another)"
    assert assumed(of_deals, "UTC", deals) is None
    assert "taken for EUR" in (assumed(of_subscriptions, None, [DATA / "subscriptions.csv"]) or "")


def test_the_package_has_the_maps() -> None:
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["schemas"]
    for name in shipped():
        assert any(fnmatch(f"maps/{name}.yaml", pattern) for pattern in packaged)


@pytest.mark.slow
def test_a_wheel_has_the_maps_and_finds_them_by_name(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", *PACKAGES):
        copied(name, tmp_path)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
        str(tmp_path),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    ZipFile(wheel).extractall(tmp_path / "installed")
    shown = [sys.executable, "-c", "from app.cli import run; run(['maps', 'show', 'hubspot-deals'])"]
    said = subprocess.run(shown, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")}, capture_output=True, check=False)
    assert re.search(rb"^name: hubspot-deals$", said.stdout, re.MULTILINE), said.stderr
