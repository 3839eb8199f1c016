"""What is asked is answered as of a stated instant, as a table or as JSON, and says where it is simulated."""

import asyncio
import csv
import re
import sys
from datetime import date
from pathlib import Path

import pytest

from app.engine import asking
from app.engine.embedded import reading
from app.engine.question import Question
from projections.figures.reports import Report
from projections.figures.sections import FIGURES, grouped
from tests.app.command import here, journey, put, touch, worked_out

DEAL = {"deal": "12", "people": [{"person": "user:7"}], "amount": "900.00", "currency": "EUR"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A visitor comes on 2 March by search, asks for a demo the next day, is user:7, and buys on the 9th. Another one comes on the 5th."""
    folder = tmp_path_factory.mktemp("shop")
    put(
        folder / "in.jsonl",
        touch(id="1", subject="anon:a", at="2026-03-02T10:00:00Z", channel="Search"),
        touch("form_submitted", id="2", subject="anon:a", at="2026-03-03T09:00:00Z", intent="demo"),
        touch("identified", id="3", subject="anon:a", at="2026-03-03T09:00:01Z", other="user:7"),
        touch(id="4", subject="anon:b", at="2026-03-05T22:30:00Z", channel="Direct"),
        touch("deal_opened", id="5", subject="deal:12", at="2026-03-06T10:00:00Z", **DEAL),
        touch("close", id="6", subject="deal:12", at="2026-03-09T10:00:00Z", deal="12", outcome="won", amount="900.00", currency="EUR"),
        touch("campaign_launched", id="7", subject="campaign:spring", at="2026-03-01T00:00:00Z"),
    )
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    return folder


# --- reports


MARCH = ("--until", "2026-03-31")
LINES = {
    "marketing audience": "Search        1           1          1            1    100.0%",
    "marketing stages": "consideration        1            1             ·         ·        ·      3 d         3 d",
    "marketing demand": "Direct           1            1         1",
    "marketing conversions": "won                   1     900 EUR           1          1          1         0.0%",
    "marketing attribution": "Search          2      2     ·       1",
    "marketing value": "Search    900 EUR  900 EUR        ·  450 EUR",
    "sales decided": "2026-03    100.0%             1       900 EUR          1    900 EUR           ·          3 d          3 d",
}


@pytest.mark.parametrize("section", LINES)
def test_each_section_is_a_table(shop: Path, section: str) -> None:
    told = here("report", *section.split(), *MARCH, cwd=shop).out
    assert LINES[section] in told.splitlines(), told


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who came by a mail and is a lead orders for 300.00, of which 50.00 are paid back."""
    folder = tmp_path_factory.mktemp("till")
    put(
        folder / "in.jsonl",
        touch("campaign_launched", id="c", subject="campaign:spring", at="2026-03-01T00:00:00Z"),
        touch("email_clicked", id="m", subject="user:1", at="2026-03-02T10:00:00Z", message="m-1", campaign="spring"),
        touch("lead_created", id="l", subject="user:1", at="2026-03-02T10:30:00Z"),
        touch("order_placed", id="o", subject="user:1", at="2026-03-03T10:00:00Z", order="o-1", amount="300.00", currency="EUR"),
        touch("refund", id="r", subject="user:1", at="2026-03-09T10:00:00Z", order="o-1", amount="50.00", currency="EUR"),
    )
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    return folder


# Of W and full path the part of the deal's opening, which there is not, is nobody's: 30 and 10/3 of 100, and 22.5 and 2.5, of 250.00.
LINES_OF_TILL = {
    "orders": "2026-03       1   300.00 EUR   300.00 EUR  -50.00 EUR   250.00 EUR",
    "models_value": "(no milestone)         ·        ·        ·        ·           ·         ·         ·    83 EUR     62 EUR"
    "         ·         ·         ·        ·",
    "positions": "1                   2     250 EUR",
    "lifecycle": "2026-03             1             ·             ·           ·",
}


@pytest.mark.parametrize("section", LINES_OF_TILL)
def test_sections_of_orders_models_and_months_are_tables(till: Path, section: str) -> None:
    told = here("report", "marketing", section, *MARCH, cwd=till).out
    assert LINES_OF_TILL[section] in told.splitlines(), told


def test_figures_of_a_section_as_a_whole_stand_above_its_tables(shop: Path) -> None:
    told = here("report", "sales", "decided", *MARCH, cwd=shop).out
    names = told.index("win rate   deals closed   closed value   deals won   won value   deals lost")
    assert told[:names].rstrip().splitlines()[-1].split() == ["100.0%", "1", "900", "EUR", "1", "900", "EUR", "0", "3", "d"]
    assert names < told.index("outcome  reason")


def test_json_is_the_answers_as_python_has_them(shop: Path) -> None:
    asked = Question(
        "sales",
        ["decided"],
        by=["pipeline", "month"],
        where={"pipeline": ["new_business"]},
        from_on=date(2026, 3, 1),
        to_on=date(2026, 4, 1),
        until=date(2026, 3, 31),
    )
    with reading(shop / "journey-data") as engine:
        expected = asyncio.run(asking.report(engine, asked))
    options = ("--by", "pipeline,month", "--where", "pipeline=new_business", "--from", "2026-03-01", "--to", "2026-04-01", *MARCH)
    printed = here("report", "sales", "decided", *options, "--json", cwd=shop)
    assert Report.model_validate_json(printed.raw) == expected
    (answer,) = expected.sections[0].answers
    assert (answer.until, answer.zone, answer.grain, answer.position) == ("2026-03-31T23:59:59.999999Z", "UTC", "instant", 2)
    (won,) = expected.figure("deals_won").cells
    assert (won.group, won.value, won.complete) == ({"pipeline": "new_business", "month": "2026-03"}, 1, True)


def test_csv_is_one_table_in_which_each_row_says_what_it_is(shop: Path) -> None:
    printed = here("report", "sales", "--from", "2026-03-01", "--until", "2026-03-20T12:00:00Z", "--csv", cwd=shop).out
    rows = list(csv.DictReader(printed.splitlines()))
    assert {row["section"] for row in rows} == {
        "leads",
        "handoff",
        "scores",
        "people",
        "decided",
        "win_costs",
        "pipeline",
        "waterfall",
        "slippage",
        "targets",
    }
    (rate,) = [row for row in rows if row["figure"] == "win_rate" and row["by"] == "month"]
    said = {name: rate[name] for name in ("month", "value", "part", "whole", "n", "complete", "from", "until", "zone", "grain")}
    assert said == {
        "month": "2026-03", "value": "1", "part": "1", "whole": "1", "n": "1", "complete": "false", "from": "2026-03-01",
        "until": "2026-03-20T12:00:00Z", "zone": "UTC", "grain": "instant",
    }  # fmt: skip


def test_a_period_that_is_not_over_and_figures_without_the_dimension_are_said(shop: Path) -> None:
    told = here("report", "sales", "decided", "--by", "month", "--until", "2026-03-20T12:00:00Z", cwd=shop).out
    assert told.startswith("Sales · as of 2026-03-20 12:00:00, UTC · position ")
    assert "\n2026-03 so far  " in told
    told = here("report", "sales", "--by", "reason", *MARCH, cwd=shop).out
    assert "Without reason, and so left out: win rate, won value, cycle time." in told
    sections = (
        "What sales answers, and how soon, Open leads and their scores, People by stage of the journey, What a deal that was won had cost,"
        " Open deals, Targets, and the pipeline for what is left of them."
    )
    assert f"Without reason, and so left out: {sections}" in " ".join(told.split())


def test_what_is_summed_by_day_stands_at_the_end_of_one_and_says_so(shop: Path) -> None:
    told = here("report", "marketing", "--until", "2026-03-06T12:00:00Z", cwd=shop).out
    assert told.startswith("Marketing · as of 2026-03-06 12:00:00, UTC")
    assert "Who was reached, and what it cost · as of the end of 2026-03-05, since its rows are summed by day" in told


def test_campaigns_are_asked_for_and_shown_by_their_names(tmp_path: Path) -> None:
    lines = (
        touch(id="1", campaign="c-1"),
        touch("campaign_launched", id="2", subject="campaign:c-1", at="2026-03-01T00:00:00Z", campaign="c-1", name="Spring"),
    )
    assert here("ingest", put(tmp_path / "in.jsonl", *lines), cwd=tmp_path).status == 0
    told = here("report", "marketing", "audience", "--by", "campaign", "--where", "campaign=Spring", *MARCH, cwd=tmp_path).out
    assert "Spring         1           1          1            1" in told


def test_the_largest_rows_are_shown_and_csv_has_all(tmp_path: Path) -> None:
    lines = [touch(id=f"{n}-{m}", subject=f"user:{m}", channel=f"channel {n:02}") for n in range(1, 21) for m in range(1, n + 1)]
    assert here("ingest", put(tmp_path / "in.jsonl", *lines), cwd=tmp_path).status == 0
    told = here("report", "marketing", "audience", *MARCH, cwd=tmp_path).out
    shown = [line.split()[1] for line in told.splitlines() if line.startswith("channel ") and line.split()[1].isdigit()]
    assert shown == [f"{n:02}" for n in range(20, 8, -1)]
    assert "and 8 more; --csv has all\n" in told
    rows = csv.DictReader(here("report", "marketing", "audience", *MARCH, "--csv", cwd=tmp_path).out.splitlines())
    assert sum(row["figure"] == "people" and row["by"] == "channel" for row in rows) == 20


def test_a_terminal_lists_the_highest_leads_and_csv_and_json_have_all(tmp_path: Path) -> None:
    put(
        tmp_path / "in.jsonl",
        *(touch("lead_created", id=f"{n}", subject=f"user:{n}", lead=f"{n}", lead_source="fair") for n in range(1, 26)),
    )
    assert here("ingest", "in.jsonl", cwd=tmp_path).status == 0
    asked = ("report", "sales", "scores", *MARCH)

    def people(*more: str) -> list[str]:
        rows = csv.DictReader(here(*asked, "--csv", *more, cwd=tmp_path).out.splitlines())
        return [row["person"] for row in rows if row["figure"] == "lead_score" and row["person"]]

    def shown(*more: str) -> int:
        return here(*asked, *more, cwd=tmp_path).out.count("user:")

    assert (len(set(people())), len(people("--top", "3"))) == (25, 3)
    told = Report.model_validate_json(here(*asked, "--json", cwd=tmp_path).raw)
    assert [len(answer.figures[0].cells) for answer in told.sections[0].answers if "person" in answer.by] == [25]
    assert (shown(), shown("--top", "24"), shown("--top", "3")) == (20, 24, 3)


def test_what_has_no_rate_is_named_with_the_first_day(shop: Path) -> None:
    told = here("report", "sales", "decided", "--currency", "USD", *MARCH, cwd=shop).out
    assert "There is no rate for EUR on 2026-03-09, so money is shown per currency." in told


def test_a_section_of_which_nothing_can_be_worked_out_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [
        touch("order_placed", id=f"{person} {on}", subject=f"user:{person}", order=f"{person} {on}", at=f"{on}T10:00:00Z")
        for person in range(1, 11) for on in ("2026-01-05", "2026-02-02")
    ]  # fmt: skip
    assert here("ingest", put(tmp_path / "in.jsonl", *orders), cwd=tmp_path).status == 0
    monkeypatch.setitem(sys.modules, "numpy", None)
    told = " ".join(here("report", "marketing", "loyalty", *MARCH, cwd=tmp_path).out.split())
    assert "The models of customers who buy again: numpy and scipy work it out, and are not installed; " in told
    assert "Without still active, expected purchases, expected order value: numpy and scipy" in told


def test_reports_have_no_blanks_at_the_ends_of_lines(shop: Path) -> None:
    marketing = journey("report", "marketing", *MARCH, cwd=shop)
    assert (marketing.status, marketing.err) == (0, "")
    assert marketing.out.startswith("Marketing · as of the end of 2026-03-31, UTC · position ")
    for line in (marketing.out + here("report", "sales", *MARCH, cwd=shop).out).splitlines():
        assert line == line.rstrip()


def test_a_report_of_nothing_is_short_and_a_section_that_is_asked_for_says_what_it_is_made_of(shop: Path) -> None:
    for model in ("marketing", "sales"):
        assert f"nothing for {model} up to then\n\n" in here("report", model, "--until", "2025-01-01", cwd=shop).out
    told = here("report", "marketing", "demand", "--until", "2025-01-01", cwd=shop).out
    assert "New leads\nnothing up to then; it is made of lead_created.lead, lead_assigned.team, " in told


def test_each_period_that_is_asked_for_has_a_row_also_where_nothing_was(shop: Path) -> None:
    """In February there was nothing; in 2024 nothing at all."""
    of = ("report", "marketing", "audience", *MARCH)
    spring = here(*of, "--by", "month,channel", "--from", "2026-02-01", "--to", "2026-04-01", cwd=shop).out.splitlines()
    rows = [line.split() for line in spring if line.startswith("2026")]
    assert [row[:3] for row in rows] == [["2026-02", "·", "·"], ["2026-03", "Direct", "2"], ["2026-03", "Search", "1"]], spring
    ever = ("--from", "2024-11-01", "--to", "2025-02-01", "--by")
    for by in ("month", "month,channel"):
        told = here("report", "marketing", *MARCH, *ever, by, cwd=shop)
        assert [line.split()[:2] for line in told.out.splitlines() if line[:2] == "20"][:3] == [[on, "·"] for on in WINTER]
        assert "nothing for marketing" not in told.out
        rows_told = csv.DictReader(here(*of, *ever, by, "--csv", cwd=shop).out.splitlines())
        assert [row["month"] for row in rows_told if row["figure"] == "spend"] == WINTER
        (section,) = here(*of, *ever, by, "--json", cwd=shop).json["sections"]
        assert all([cell["group"]["month"] for cell in one["cells"]] == WINTER for one in section["answers"][0]["figures"])


WINTER = ["2024-11", "2024-12", "2025-01"]


def test_a_report_says_what_its_empty_sections_and_figures_are_made_of(shop: Path) -> None:
    told = here("report", "marketing", *MARCH, cwd=shop)
    assert "\nOrders and revenue: nothing yet. It is made of order_placed.order, order_placed.amount, " in told.out
    lacking = "no spend, no spend without touches: nothing up to then counts of spend_recorded.amount, spend_recorded.currency"
    assert lacking in " ".join(here("report", "marketing", *MARCH, "--csv", cwd=shop).err.split())
    assert "Nothing in this period: " in here("report", "marketing", *MARCH, "--from", "2026-03-10", cwd=shop).out


def test_where_nothing_is_found_the_report_says_whether_a_period_or_a_filter_was_asked_for(shop: Path) -> None:
    period, only = ("--from", "2025-01-01", "--to", "2025-02-01"), ("--where", "channel=Direct")
    for narrowed, said in ((period, "in this period"), ((*period, *only), "in this period, with these filters")):
        told = here("report", "marketing", *MARCH, *narrowed, cwd=shop).out
        assert f"nothing for marketing {said}\n\n" in told
        assert f"\nNothing {said}: Who was reached" in told
        assert "up to then" not in told


def test_a_figure_that_is_called_so_far_is_not_called_so_twice(shop: Path) -> None:
    """A period that is not over is told so far."""
    told = here("report", "marketing", "audience", "--until", "2026-03-10", "--from", "2026-03-01", "--to", "2026-04-01", cwd=shop).out
    assert "new people so far" in " ".join(told.split())
    assert "so far so far" not in " ".join(told.split())


def test_figures_are_listed_and_one_is_told_in_full(shop: Path) -> None:
    listed = here("figures", "--json", cwd=shop).json["figures"]
    assert {entry["name"] for entry in listed} == FIGURES.keys()
    (win_rate,) = [entry for entry in listed if entry["name"] == "win_rate"]
    assert win_rate["formula"] == FIGURES["win_rate"].formula
    assert win_rate["dimensions"]["owner"] == "owner"
    assert win_rate["reads"] == [*FIGURES["win_rate"].reads]
    assert all(f"\n{name} " in here("figures", cwd=shop).out for name in FIGURES)
    assert "formula     won / (won + lost), dated by the last close\n" in here("figures", "win_rate", cwd=shop).out


def test_a_dry_run_says_which_figures_read_what_would_be_taken_in(shop: Path, tmp_path: Path) -> None:
    put(tmp_path / "lead.jsonl", touch("lead_created", lead="1", lead_source="Fair", channel="Events", campaign="fair"))
    told = here("ingest", "lead.jsonl", "--dry-run", cwd=tmp_path).out
    assert "marketing demand (all 4); marketing steps (all 4); marketing conversions (conversions, converting_people)" in " ".join(
        told.split()
    )
    for type, is_read in (("lead_accepted", True), ("lead_created", False)):
        put(tmp_path / "in.jsonl", touch(type, lead="1"))
        assert ("time_to_accept" in here("ingest", "in.jsonl", "--dry-run", "--json", cwd=tmp_path).json["figures"]) is is_read


SPRING = {"campaign": "spring", "channel": "Paid Search", "period_start": "2026-03-01", "period_end": "2026-03-01"}
WITHOUT_VISITS = {
    "a shop's orders": (touch("order_placed", order="1", amount="140.00", currency="EUR"), ["post_purchase", "140 EUR"]),
    "the cost of ads": (
        touch("spend_recorded", subject="campaign:spring", amount="100.00", currency="EUR", **SPRING),
        ["spring", "Paid Search", "100 EUR"],
    ),
    "a CRM's leads": (touch("lead_created", lead="1", lead_source="Trade Show", channel=None), ["awareness", "Events"]),
}


@pytest.mark.parametrize("what", WITHOUT_VISITS)
def test_marketing_shows_what_there_is_without_any_visit(what: str, tmp_path: Path) -> None:
    line, shown = WITHOUT_VISITS[what]
    assert here("ingest", put(tmp_path / "in.jsonl", line), cwd=tmp_path).status == 0
    told = here("report", "marketing", "--until", "2026-03-31", cwd=tmp_path).out
    assert [word for word in shown if word not in told] == []


# --- until


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-03-01", 0),
        ("2026-03-02", 1),
        ("2026-03-04", 1),
        ("2026-03-05", 2),
        ("2026-03-05T23:59:59.999999Z", 2),
        ("2026-03-05T23:59:59Z", 1),
        ("2026-03-06T00:59:59.999999+01:00", 2),
        ("1970-01-01", 0),
        ("9998-12-31", 2),
    ],
)
def test_a_day_is_asked_to_its_end_and_an_instant_to_the_last_day_that_ended(shop: Path, until: str, expected: int) -> None:
    assert worked_out("people", cwd=shop, until=until) == {(): expected}


def test_a_day_ends_where_the_definition_says_that_days_end(shop: Path, tmp_path: Path) -> None:
    # 22:30 in UTC is on the next day in Kyiv, and on the same one in New York.
    for zone, on in (("Europe/Kyiv", "2026-03-06"), ("America/New_York", "2026-03-05")):
        text = here("definition", "show", "--default", cwd=tmp_path).out.replace("zone: UTC ", f"zone: {zone} ", 1)
        (tmp_path / "mine.yaml").write_text(text)
        data = ("--data", tmp_path / on)
        assert here("definition", "use", "mine.yaml", *data, cwd=tmp_path).status == 0
        assert here("ingest", shop / "in.jsonl", *data, cwd=tmp_path).status == 0
        people = {day: worked_out("people", cwd=tmp_path, until=day, more=(*map(str, data),)) for day in ("2026-03-05", "2026-03-06")}
        assert next(day for day, found in people.items() if found == {(): 2}) == on
        assert f"as of the end of {on}, {zone} · position" in here("report", "marketing", "--until", on, *data, cwd=tmp_path).out


def test_asked_without_an_instant_it_says_how_to_have_today_too(shop: Path) -> None:
    assert "today is not over, so it is not in audience; --until " in here("report", "marketing", "audience", cwd=shop).err
    assert here("report", "sales", cwd=shop).err == ""


# --- timelines


def test_a_person_is_found_by_any_of_its_ids(shop: Path) -> None:
    by_user, by_anon = (here("timeline", id, "--until", "2026-03-31", "--json", cwd=shop).json for id in ("user:7", "anon:a"))
    assert by_user == by_anon
    assert (by_user["subject"], by_user["ids"], by_user["stage"]) == ("user:7", ["anon:a", "user:7"], "post_purchase")
    entered = [entry for entry in by_user["entries"] if entry["what"] == "stage"]
    assert [entry["says"] for entry in entered][-1] == "decision -> post_purchase"
    assert entered[0]["because"] == [["urn:test", "1", "anon:a"]]
    assert all(entry["rule"] for entry in entered)


def test_a_timeline_is_told_as_of_an_instant(shop: Path) -> None:
    story = here("timeline", "user:7", "--until", "2026-03-02T23:00:00Z", "--json", cwd=shop).json
    assert (story["stage"], story["until"]) == ("awareness", "2026-03-02T23:00:00Z")
    assert {entry["id"] for entry in story["entries"] if entry["id"]} == {"1"}


def test_a_timeline_reads_as_a_story(shop: Path) -> None:
    told = journey("timeline", "user:7", "--until", "2026-03-31", cwd=shop).out
    assert told.startswith("user:7 · stage post_purchase · score ")
    assert "known as anon:a, user:7" in told
    assert "2026-03-02 10:00:00  stage           -> awareness · rule first-contact\n" in told
    assert "because of 1\n" in told


@pytest.mark.parametrize("id", ["deal:12", "campaign:spring"])
def test_deals_and_campaigns_have_a_timeline_too(shop: Path, id: str) -> None:
    assert here("timeline", id, "--json", cwd=shop).json["subject"] == id
    assert here("timeline", id, cwd=shop).out.startswith(f"{id}\n")


# --- simulated


def test_what_is_simulated_says_so_wherever_it_is_shown(tmp_path: Path) -> None:
    lines = here("simulate", "--customers", "20", "--days", "30", cwd=tmp_path).raw
    (tmp_path / "in.jsonl").write_bytes(lines)
    assert here("ingest", "in.jsonl", cwd=tmp_path).status == 0
    put(tmp_path / "more.jsonl", touch())
    assert here("ingest", "more.jsonl", cwd=tmp_path).status == 0
    assert here("report", "marketing", cwd=tmp_path).out.startswith("Marketing (simulated) · ")
    assert here("report", "sales", cwd=tmp_path).out.startswith("Sales (simulated) · ")
    assert here("timeline", "user:7", cwd=tmp_path).out.startswith("user:7 (simulated) · ")
    assert here("timeline", "user:7", "--json", cwd=tmp_path).json["simulated"] is True


def test_the_demo_shows_both_read_models_says_that_they_are_simulated_and_what_to_try_next(tmp_path: Path) -> None:
    ran = journey("demo", "--customers", "300", cwd=tmp_path)
    assert ran.status == 0
    assert "Marketing (simulated) · as of the end of 2025-06-29, UTC" in ran.out
    assert "Sales (simulated) · as of the end of 2025-06-29, UTC" in ran.out
    assert "All of this is simulated, 2025-01-01 to 2025-06-29. Look around:" in ran.out
    assert " serve --data " in ran.out.rstrip().splitlines()[-1]
    offered = [line.split()[1:] for line in ran.out.splitlines() if line.startswith("  journey ") or "bin/journey " in line]
    assert len(offered) == 7
    offered.remove(["serve", "--data", ".demo-data"])  # which goes on until it is stopped
    for arguments in offered:
        assert here(*arguments, cwd=tmp_path).status == 0, arguments


def test_the_demo_replaces_its_own_data_and_nothing_else(tmp_path: Path) -> None:
    assert here("demo", "--customers", "20", cwd=tmp_path).status == 0
    first = here("digest", "--data", ".demo-data", "--json", cwd=tmp_path).json
    assert here("demo", "--customers", "20", cwd=tmp_path).status == 0
    assert here("digest", "--data", ".demo-data", "--json", cwd=tmp_path).json == first


def test_what_a_spreadsheet_would_take_for_a_formula_is_text(tmp_path: Path) -> None:
    assert here("ingest", put(tmp_path / "in.jsonl", touch(channel="=1+1")), cwd=tmp_path).status == 0
    assert ",'=1+1," in here("report", "marketing", "audience", *MARCH, "--csv", cwd=tmp_path).out


def test_a_terminal_shows_the_first_section_of_each_group_that_has_something_and_names_the_others(shop: Path) -> None:
    of = ("report", "marketing", *MARCH)
    told, everything = here(*of, cwd=shop).out, here(*of, "--json", cwd=shop).json["sections"]
    assert [section["name"] for section in everything] == [one.name for _, some in grouped("marketing") for one in some]
    assert ("Who was reached, and what it cost\n" in told, "Visits, and who came\n" in told) == (True, False)
    assert re.search(r"^reach +visits", told[told.index("There is more\n") :], re.MULTILINE)
    assert "`journey report marketing NAME...` shows groups" in told
    reach = here("report", "marketing", "reach", *MARCH, cwd=shop).out
    assert ("Who was reached, and what it cost\n" in reach, "Visits, and who came\n" in reach, "There is more" in reach) == (
        True,
        True,
        False,
    )
    named = {section["name"] for section in here("report", "marketing", "reach", *MARCH, "--json", cwd=shop).json["sections"]}
    assert named == {"audience", "visits", "exposure", "media", "email", "social"}
    assert "Visits, and who came\n" in here(*of, "--by", "channel", cwd=shop).out
