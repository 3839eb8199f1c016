"""What a CRM's exports say of deals, night after night, by the maps that ship: `journey ingest` to `journey report`."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemas.csv_map import load_map
from tests.app.command import here, put, touch, worked_out

MAPS = Path(__file__).parents[2] / "examples" / "maps"
HUBSPOT = (
    "Record ID,Deal Name,Pipeline,Deal Stage,Amount,Close Date,Create Date,Last Modified Date,Deal owner,Deal Type,Associated Contact IDs\n"
)
SALESFORCE = (
    '"Id","IsDeleted","AccountId","Name","StageName","Amount","Probability","CloseDate","Type","LeadSource","IsClosed","IsWon",'
    '"ForecastCategory","OwnerId","CreatedDate","LastModifiedDate","LastStageChangeDate","CampaignId"\n'
)
HISTORY = (
    '"Id","OpportunityId","StageName","Amount","ExpectedRevenue","CloseDate","Probability","ForecastCategory","CreatedById","CreatedDate",'
    '"IsDeleted"\n'
)


def hubspot(stage: str, amount: int, closes: str, modified: str) -> str:
    row = f"501,Acme,Sales Pipeline,{stage} (Sales Pipeline),{amount},{closes},2026-02-01 10:00,{modified},ann,New Business,701\n"
    return HUBSPOT + row


def salesforce(stage: str, amount: int, closes: str, modified: str, *, closed: bool, won: bool, moved: str = "") -> str:
    says = f'"{str(closed).lower()}","{str(won).lower()}"'
    row = f'"006A","false","001X","Acme","{stage}","{amount}.0","90.0","{closes}","New Customer","Web",{says}'
    return f'{SALESFORCE}{row},"Commit","005U","2026-02-01T09:00:00.000Z","{modified}","{moved or modified}",""\n'


def history(*rows: tuple[str, str, str, int]) -> str:
    """Of (when, stage, forecast category, amount)."""
    lines = (
        f'"008{at}","006A","{stage}","{amount}.0","0.0","2026-03-31","10.0","{category}","005U","{at}","false"\n'
        for at, stage, category, amount in rows
    )
    return HISTORY + "".join(lines)


def won(cwd: Path, until: str) -> dict[tuple[str, ...], int]:
    """By month and currency."""
    return {group: value for group, value in worked_out("won_value", "month", cwd=cwd, until=until).items() if value}


def still_open(cwd: Path, until: str) -> dict[tuple[str, ...], int]:
    """By currency."""
    return worked_out("open_value", cwd=cwd, until=until)


def take(cwd: Path, map: str, files: Iterable[tuple[str, str]]) -> None:
    """Each file by itself, as it comes."""
    for name, content in files:
        (cwd / name).write_text(content, encoding="utf-8")
        ran = here("ingest", name, "--map", str(MAPS / f"{map}.yaml"), "--strict", "--json", cwd=cwd)
        assert ran.status == 0, ran.err
        assert json.loads(ran.raw)["conflicts"] == 0


REOPENED = {
    "hubspot-deals": [
        ("hubspot-crm-exports-deals-march.csv", hubspot("Closed Won", 9000, "2026-03-20 15:00", "2026-03-20 15:00")),
        ("hubspot-crm-exports-deals-april.csv", hubspot("Contract Sent", 8000, "2026-05-31 15:00", "2026-04-02 09:00")),
    ],
    "salesforce-opportunity-history": [
        ("opportunities-1.csv", salesforce("Closed Won", 9000, "2026-03-20", "2026-03-20T15:00:00.000Z", closed=True, won=True)),
        ("opportunities-2.csv", salesforce("Negotiation/Review", 8000, "2026-05-31", "2026-04-02T09:00:00.000Z", closed=False, won=False)),
        ("OpportunityHistory.csv", history(
            ("2026-02-01T09:00:00.000Z", "Qualification", "Pipeline", 9000), ("2026-03-20T15:00:00.000Z", "Closed Won", "Closed", 9000),
            ("2026-04-02T09:00:00.000Z", "Negotiation/Review", "Commit", 8000),
        )),
    ],
}  # fmt: skip


@pytest.mark.parametrize("map", REOPENED)
@pytest.mark.parametrize("step", [1, -1], ids=["as they come", "the last first"])
def test_a_deal_that_is_moved_back_is_open_again_and_was_won_before(tmp_path: Path, map: str, step: int) -> None:
    take(tmp_path, map, REOPENED[map][::step])
    currency = "EUR" if map == "hubspot-deals" else "USD"
    assert won(tmp_path, "2026-03-31") == {("2026-03", currency): 900000}
    assert won(tmp_path, "2026-04-30") == {}
    assert still_open(tmp_path, "2026-04-30") == {(currency,): 800000}
    assert here("reconcile", cwd=tmp_path).status == 0


CORRECTED = {
    "hubspot-deals": [
        ("hubspot-crm-exports-deals-3.csv", hubspot("Closed Won", 9000, "2026-04-02 09:00", "2026-04-02 09:00")),
        ("hubspot-crm-exports-deals-9.csv", hubspot("Closed Won", 9000, "2026-03-31 17:00", "2026-04-08 09:00")),
    ],
    "salesforce-opportunity-history": [
        ("opportunities-1.csv", salesforce("Closed Won", 9000, "2026-04-02", "2026-04-02T09:00:00.000Z", closed=True, won=True)),
        ("opportunities-2.csv", salesforce(
            "Closed Won", 9000, "2026-03-31", "2026-04-08T09:00:00.000Z", closed=True, won=True, moved="2026-04-02T09:00:00.000Z",
        )),
        ("OpportunityHistory.csv", history(
            ("2026-02-01T09:00:00.000Z", "Qualification", "Pipeline", 9000), ("2026-04-02T09:00:00.000Z", "Closed Won", "Closed", 9000),
        )),
    ],
}  # fmt: skip


@pytest.mark.parametrize("map", CORRECTED)
@pytest.mark.parametrize("step", [1, -1], ids=["as they come", "the last first"])
def test_a_close_date_that_is_put_right_dates_the_win_once(tmp_path: Path, map: str, step: int) -> None:
    take(tmp_path, map, CORRECTED[map][::step])
    for until in ("2026-03-31", "2026-04-30"):
        assert [month for month, _ in won(tmp_path, until)] == ["2026-03"]
        assert still_open(tmp_path, until) == {}


def nights() -> list[tuple[str, str]]:
    """April, exported every night: the record is touched on every day; won on the 11th, dated back to March, and lost after all."""
    found = []
    first = datetime(2026, 4, 1, 8)
    for night in range(30):
        stage, closes = ("Contract Sent", "2026-05-31 15:00") if night < 10 else ("Closed Won", "2026-03-31 17:00")
        stage = "Closed Lost" if night > 27 else stage
        modified = f"{first + timedelta(days=night):%Y-%m-%d %H:%M}"
        found.append((f"hubspot-crm-exports-deals-{night:02}.csv", hubspot(stage, 9000, closes, modified)))
    return found


def test_a_month_of_nightly_exports_comes_to_the_same_in_any_order(tmp_path: Path) -> None:
    digests = set()
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        exports = nights()
        if seed:
            Random(seed).shuffle(exports)
        for name, content in exports:
            (folder / name).write_text(content, encoding="utf-8")
        bodies = [one.body for one in load_map(MAPS / "hubspot-deals.yaml").read([folder / name for name, _ in exports])]
        put(folder / "all.jsonl", *(body for body in bodies if body is not None))
        assert here("ingest", "all.jsonl", "--strict", cwd=folder).status == 0
        digest = json.loads(here("digest", "--json", cwd=folder).raw)
        digests.add((digest["marketing"], digest["sales"]))
        assert (won(folder, "2026-03-31"), won(folder, "2026-04-30")) == ({}, {})
        assert worked_out("win_rate", cwd=folder, until="2026-04-30") == {(): 0}
    assert len(digests) == 1


def test_stages_that_the_definition_does_not_know_are_said_at_the_end_of_an_ingest_and_by_the_report(tmp_path: Path) -> None:
    name, content = REOPENED["hubspot-deals"][1]
    (tmp_path / name).write_text(content, encoding="utf-8")
    ran = here("ingest", name, "--map", str(MAPS / "hubspot-deals.yaml"), cwd=tmp_path)
    assert "pipelines and stages that the definition does not know 2 pipeline Sales Pipeline 1" in " ".join(ran.out.split())
    assert "stage Contract Sent (Sales Pipeline) 1" in " ".join(ran.out.split())
    report = here("report", "sales", "--until", "2026-04-30", cwd=tmp_path)
    assert "The definition does not know this stage: Sales Pipeline / Contract Sent (Sales Pipeline)." in " ".join(report.out.split())
    assert worked_out("open_deals", cwd=tmp_path, until="2026-04-30") == {(): 1}
    assert worked_out("weighted_value", cwd=tmp_path, until="2026-04-30") == {("EUR",): 0}


def test_a_win_without_an_opening_before_it_has_no_cycle_and_stands(tmp_path: Path) -> None:
    put(
        tmp_path / "in.jsonl",
        touch("close", id="a", subject="deal:1", deal="1", at="2026-03-02T10:00:00Z"),
        touch("close", id="b", subject="deal:2", deal="2", at="2026-03-02T10:00:00Z"),
        touch("deal_opened", id="c", subject="deal:2", deal="2", at="2026-03-09T10:00:00Z"),
    )
    assert here("ingest", "in.jsonl", cwd=tmp_path).status == 0
    assert worked_out("deals_won", cwd=tmp_path) == {(): 2}
    assert worked_out("cycle_time", cwd=tmp_path) == {(): None}


# --- orders


def conversions(cwd: Path) -> dict[str, tuple[int, dict[str, int]]]:
    number, value = (worked_out(name, "conversion", cwd=cwd) for name in ("conversions_last", "conversion_value_last"))
    return {kind: (times, {one[1]: value[one] for one in value if one[0] == kind}) for (kind,), times in number.items() if times}


def call(event: str, id: str, at: str, **properties: Any) -> bytes:
    said = {"type": "track", "event": event, "messageId": id, "timestamp": at, "anonymousId": "a-1", "properties": properties}
    return json.dumps(said).encode()


def test_a_thank_you_page_that_is_opened_again_is_one_order(tmp_path: Path) -> None:
    order = {"order_id": "54763", "total": 17.94, "currency": "EUR"}
    calls = [call("Order Completed", f"m-{day}", f"2026-03-0{day}T08:00:00Z", **order) for day in (4, 5)]
    put(tmp_path / "calls.jsonl", *calls)
    assert here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path).status == 0
    assert conversions(tmp_path) == {"order": (1, {"EUR": 1794})}
    with closing(sqlite3.connect(tmp_path / "journey-data" / "marketing.db")) as db:
        assert db.execute("SELECT why FROM left_out").fetchall() == [("sent again",)]


def test_a_full_refund_after_a_partial_one_leaves_an_order_worth_nothing(tmp_path: Path) -> None:
    put(
        tmp_path / "calls.jsonl",
        call("Order Completed", "m-1", "2026-03-04T08:00:00Z", order_id="1", total=50, currency="USD"),
        call("Order Refunded", "m-2", "2026-03-05T08:00:00Z", order_id="#1", total=15, currency="USD"),
        call("Order Refunded", "m-3", "2026-03-06T08:00:00Z", order_id="1", total=50, currency="USD"),
    )
    assert here("ingest", "calls.jsonl", "--format", "segment", cwd=tmp_path).status == 0
    assert conversions(tmp_path) == {"order": (1, {"USD": 0})}
    told = here("timeline", "anon:a-1", "--until", "2026-03-31", cwd=tmp_path).out
    assert "35.00 USD paid back" in told
    assert here("reconcile", cwd=tmp_path).status == 0
