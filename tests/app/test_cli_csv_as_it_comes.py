"""Exports as people have them go in by a map, and the reports say what they hold."""

from pathlib import Path
from typing import Any

import pytest

from tests.app.command import here, worked_out

VISITS = """\
name: visits
zone: UTC
touchpoints:
  - type: page_view
    id: "{Visitor}"
    subject: "user:{Visitor}"
    time: {from: When, format: ["%d/%m/%Y", "%m/%d/%Y"]}
    data: {url: "https://shop.example/", channel: {from: Source, blank: "", values: {g: Google}, else: keep}}
"""

SPEND = """\
name: ads
zone: Europe/Berlin
delimiter: tab
touchpoints:
  - type: spend_recorded
    id: "{Day} {Campaign}"
    subject: "campaign:{Campaign}"
    time: Day
    data:
      campaign: "{Campaign}"
      provider: google-ads
      period_start: {from: Day, date: iso}
      period_end: {from: Day, date: iso}
      amount: {from: Cost, number: true}
      currency: "{Currency code | upper}"
      channel: {from: Channel, blank: ""}
      function: marketing
      kind: media
"""

DEALS = """\
name: deals
zone: UTC
touchpoints:
  - type: deal_updated
    id: "{Deal ID}-{Changed}"
    subject: "deal:{Deal ID}"
    time: {from: Changed, format: "%Y-%m-%d %H:%M"}
    data:
      deal: "{Deal ID}"
      stage: "{Stage}"
      amount: {from: Value, number: true}
      currency: EUR
      expected_close_on: {from: Closes, date: iso}
      people: {from: Buyers, list: ";", each: {person: "user:{item | lower}"}}
"""


@pytest.fixture
def ingest(tmp_path: Path) -> Any:
    def taken_in(text: str, content: str | bytes, *more: str) -> Any:
        (tmp_path / "map.yaml").write_text(text)
        (tmp_path / "in.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        return here("ingest", "in.csv", "--map", "map.yaml", *more, cwd=tmp_path)

    return taken_in


def test_a_channel_stated_as_blank_is_a_row_of_its_own_for_people_and_for_spend(tmp_path: Path, ingest: Any) -> None:
    assert ingest(VISITS, "Visitor,When,Source\n1,13/04/2026,\n2,13/04/2026,g\n3,13/04/2026\n", "--json").json["accepted"] == 3
    lines = "Campaign\tDay\tCost\tCurrency code\tChannel\r\nFrühling\t2026-04-01\t12.50\teur\t\r\n"
    assert ingest(SPEND, b"\xff\xfe" + lines.encode("utf-16-le"), "--json").json["accepted"] == 1
    assert worked_out("people", "channel", cwd=tmp_path, until="2026-04-30") == {("(blank)",): 2, ("Google",): 1}
    spend = worked_out("spend", "channel", "campaign", cwd=tmp_path, until="2026-04-30")
    assert spend == {("(blank)", "Frühling", "EUR"): 1250}


def test_deals_without_their_blank_end_cells_are_all_in_the_report(tmp_path: Path, ingest: Any) -> None:
    deals = "1,proposal,900,2026-03-01 10:00,2026-04-30,Ana\n2,proposal,500,2026-03-02 10:00\n3,proposal,700,2026-03-03 10:00,2026-04-30\n"
    summary = ingest(DEALS, f"Deal ID,Stage,Value,Changed,Closes,Buyers\n{deals}", "--json").json
    assert (summary["accepted"], summary["dead_lettered"]) == (3, 0)
    assert worked_out("open_deals", "stage", cwd=tmp_path, until="2026-04-30") == {("proposal",): 3}
    assert worked_out("open_value", "stage", cwd=tmp_path, until="2026-04-30") == {("proposal", "EUR"): 210_000}


TWICE = 'When: "03/04/2026" (in.csv:2) is read as 2026-04-03 by %d/%m/%Y, and 2026-03-04 fits %m/%d/%Y too (2 cells)'
ROWS = "Visitor,When,Source\n1,03/04/2026,g\n2,03/04/2026,bing\n3,13/04/2026,bing\n"


def test_an_ingest_says_which_cells_fit_two_formats(ingest: Any) -> None:
    ran = ingest(VISITS, ROWS)
    assert TWICE in ran.err.replace("\n", " ")
    assert ingest(VISITS, ROWS, "--json").json["warnings"] == [TWICE]


def test_a_dry_run_says_so_too_and_which_texts_no_entry_knows(ingest: Any) -> None:
    ran = ingest(VISITS, ROWS, "--dry-run")
    assert TWICE in ran.out.replace("\n", " ")
    assert 'page_view.channel: no values entry for "bing" (2)' in ran.out
    told = ingest(VISITS, ROWS, "--dry-run", "--json").json
    assert told["warnings"] == [TWICE]
    assert told["unknown"] == [{"field": "page_view.channel", "known": "values", "texts": {"bing": 2}}]
