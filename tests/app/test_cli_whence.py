"""Deals, orders and conversions by the channel and campaign that their person came by first."""

from pathlib import Path

import pytest

from tests.app.command import here, put, touch, worked_out

UNTIL = ("--until", "2026-12-31")
ANN, BEN = {"person": "user:ann", "primary": True}, {"person": "user:ben"}
AD = {"utm_source": "google", "utm_medium": "cpc", "click_id": None}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ben came first, by a link; Ann, the main contact of their deal, by an ad that a visitor clicked who turned out to be her. Ben's own
    deal was lost, and Zoe, whom nobody had touched, won one. Ben ordered, and so did Zoe's account."""
    folder = tmp_path_factory.mktemp("shop")
    worth = {"amount": "100.00", "currency": "EUR"}
    put(
        folder / "in.jsonl",
        touch(id="link", subject="user:ben", at="2026-02-01T10:00:00Z", channel="Referral", campaign="fair"),
        touch("ad_click", id="ad", subject="anon:a", at="2026-03-01T10:00:00Z", campaign="spring", **AD),
        touch("email_clicked", id="mail", subject="user:ann", at="2026-03-02T10:00:00Z", campaign=None),
        touch("lead_created", id="lead", subject="user:ann", at="2026-03-02T11:00:00Z", lead="L1", lead_source="fair", channel="Email"),
        touch("profile_updated", id="job", subject="user:ann", at="2026-03-02T12:00:00Z", job_title="CTO"),
        touch("deal_opened", id="open1", subject="deal:d1", at="2026-03-06T10:00:00Z", deal="d1", people=[BEN, ANN], lead="L1", **worth),
        touch("deal_opened", id="open2", subject="deal:d2", at="2026-03-06T11:00:00Z", deal="d2", people=[BEN], lead=None, **worth),
        touch("deal_opened", id="open3", subject="deal:d3", at="2026-03-06T12:00:00Z", deal="d3", people=[ZOE], lead=None, **worth),
        touch("close", id="won", subject="deal:d1", at="2026-03-09T10:00:00Z", deal="d1", outcome="won", **worth),
        touch("close", id="lost", subject="deal:d2", at="2026-03-10T10:00:00Z", deal="d2", outcome="lost", reason="price", **worth),
        touch("close", id="too", subject="deal:d3", at="2026-03-11T10:00:00Z", deal="d3", outcome="won", **worth),
        touch("order_placed", id="order", subject="user:ben", at="2026-03-12T10:00:00Z", order="1", **worth),
        touch("order_placed", id="other", subject="account:acme", at="2026-03-12T11:00:00Z", order="2", **worth),
        # What comes after the close says nothing of how the deal came about.
        touch(id="late", subject="user:zoe", at="2026-04-01T10:00:00Z", channel="Direct"),
        # The visitor was Ann.
        touch("identified", id="link2", subject="anon:a", at="2026-03-20T10:00:00Z", other="user:ann"),
    )
    assert here("ingest", "in.jsonl", "--strict", cwd=folder).status == 0
    return folder


ZOE = {"person": "user:zoe"}


@pytest.mark.parametrize(
    ("figure", "by", "cells"),
    [
        ("deals_won", "channel", {("",): 1, ("Paid Search",): 1}),
        ("deals_lost", "channel", {("Referral",): 1}),
        ("won_value", "campaign", {("", "EUR"): 10_000, ("spring", "EUR"): 10_000}),
        ("deals_won", "lead_source", {("",): 1, ("fair",): 1}),
        ("deals_won", "job_title", {("",): 1, ("CTO",): 1}),
        ("deals_opened", "channel", {("",): 1, ("Paid Search",): 1, ("Referral",): 1}),
        # Ann's lead is one too.
        ("conversions", "channel", {("",): 1, ("Paid Search",): 2, ("Referral",): 1}),
        ("order_value", "channel", {("", "EUR"): 10_000, ("Referral", "EUR"): 10_000}),
        ("orders", "campaign", {("",): 1, ("fair",): 1}),
        ("new_customers", "channel", {("",): 1, ("Paid Search",): 1, ("Referral",): 1}),
    ],
)
def test_what_came_of_people_is_broken_down_by_what_they_came_by(
    shop: Path, figure: str, by: str, cells: dict[tuple[str, ...], int]
) -> None:
    found = worked_out(figure, by, cwd=shop, until="2026-12-31")
    assert {group: value for group, value in found.items() if value} == cells


@pytest.mark.parametrize(
    ("where", "units"),
    [
        ("channel=Paid Search", [(1, ["open1", "won"])]),
        ("campaign=spring", [(1, ["open1", "won"])]),
        ("channel=Referral", [(0, ["open2", "lost"])]),
        ("lead_source=fair", [(1, ["open1", "won"])]),
    ],
)
def test_the_touchpoints_behind_deals_of_a_channel_are_those_of_these_deals(
    shop: Path, where: str, units: list[tuple[int, list[str]]]
) -> None:
    answer = here("why", "win_rate", "--where", where, *UNTIL, "--json", cwd=shop).json
    assert answer["agrees"]
    assert [(one["value"], [each["id"] for each in one["touchpoints"]]) for one in answer["units"]] == units


def test_of_a_channel_that_no_deal_came_by_those_are_named_that_some_did(shop: Path) -> None:
    told = here("why", "win_rate", "--where", "channel=Email", *UNTIL, cwd=shop).out
    assert "without filters, channel is (none), Paid Search, Referral\n" in told


def test_orders_are_told_by_product_as_their_last_statement_has_them(tmp_path: Path) -> None:
    ordered = {"subject": "user:ben", "order": "1", "amount": "50.00", "currency": "EUR"}
    put(
        tmp_path / "in.jsonl",
        touch("order_placed", id="both", at="2026-03-12T10:00:00Z", products=["desk", "lamp"], **ordered),
        touch("order_placed", id="none", at="2026-03-12T11:00:00Z", products=[], **ordered | {"order": "2"}),
        touch("refund", id="back", at="2026-03-13T10:00:00Z", **ordered | {"amount": "20.00"}),
    )
    assert here("ingest", "in.jsonl", "--strict", cwd=tmp_path).status == 0
    assert worked_out("order_value", "product", cwd=tmp_path) == {("", "EUR"): 5_000, ("desk", "EUR"): 5_000, ("lamp", "EUR"): 5_000}
    assert worked_out("net_revenue", "product", cwd=tmp_path) == {("", "EUR"): 5_000, ("desk", "EUR"): 3_000, ("lamp", "EUR"): 3_000}
    of_lamps = ("why", "order_value", "--where", "product=lamp", *UNTIL, "--json")
    answer = here(*of_lamps, cwd=tmp_path).json
    assert answer["agrees"]
    assert [(one["value"], [each["id"] for each in one["touchpoints"]]) for one in answer["units"]] == [(5_000, ["both"])]
    stated = touch("order_placed", id="again", at="2026-03-12T10:00:00Z", products=["desk"], stated_at="2026-03-14T10:00:00Z", **ordered)
    put(tmp_path / "later.jsonl", stated)
    assert here("ingest", "later.jsonl", "--strict", cwd=tmp_path).status == 0
    assert worked_out("orders", "product", cwd=tmp_path) == {("",): 1, ("desk",): 1}


def test_what_nothing_counts_of_can_be_filtered_by_all_the_same(shop: Path) -> None:
    """No deal by Referral was won, and a deal came by no channel at all."""
    for value, closed in (("Referral", 1), ("", 1), ("(none)", 1)):
        told = here("report", "sales", "decided", "--where", f"channel={value}", *UNTIL, "--json", cwd=shop).json
        answers = [figure for answer in told["sections"][0]["answers"] for figure in answer["figures"] if not answer["by"]]
        assert {figure["name"]: figure["cells"][0]["value"] for figure in answers if figure["cells"]}["deals_closed"] == closed
    refused_there = here("report", "sales", "decided", "--where", "channel=Refferal", *UNTIL, cwd=shop)
    assert "did you mean 'Referral'?" in refused_there.err


def test_why_takes_a_campaign_by_its_name(tmp_path: Path) -> None:
    put(
        tmp_path / "in.jsonl",
        touch("campaign_launched", id="c", subject="campaign:spring", at="2026-02-01T10:00:00Z", campaign="spring", name="Spring sale"),
        touch("ad_click", id="ad", subject="user:ann", at="2026-03-01T10:00:00Z", campaign="spring", **AD),
    )
    assert here("ingest", "in.jsonl", "--strict", cwd=tmp_path).status == 0
    for name in ("spring", "Spring sale"):
        assert len(here("why", "new_people", "--where", f"campaign={name}", *UNTIL, "--json", cwd=tmp_path).json["units"]) == 1
