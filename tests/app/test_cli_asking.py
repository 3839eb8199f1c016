"""What is asked is answered as of a stated instant, as a table or as JSON, and says where it is simulated."""

from pathlib import Path

import pytest

from tests.app.command import here, journey, put, touch

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


def people(cwd: Path, until: str) -> int:
    answer: int = here("report", "marketing", "--until", until, "--json", cwd=cwd).json["people"]
    return answer


# --- reports


def test_marketing_counts_people_leads_customers_and_channels(shop: Path) -> None:
    answer = here("report", "marketing", "--until", "2026-03-31", "--json", cwd=shop).json
    assert (answer["people"], answer["touchpoints"], answer["new_leads"], answer["buyers"]) == (2, 3, 1, 1)
    assert {row["name"]: row["people"] for row in answer["channels"]}["Search"] == 1
    assert {row["stage"]: row["people"] for row in answer["stages"]}["post_purchase"] == 1
    assert answer["asked"] == {"until": "2026-03-31T23:59:59.999999Z", "zone": "UTC", "position": answer["asked"]["position"]}
    assert answer["simulated"] is False


def test_sales_counts_leads_and_deals(shop: Path) -> None:
    answer = here("report", "sales", "--until", "2026-03-31", "--json", cwd=shop).json
    assert (answer["leads"], answer["opened"], answer["win_rate"], answer["cycle_days_median"]) == (1, 1, 1.0, 3.0)
    assert answer["outcomes"][0] == {"outcome": "won", "number": 1, "value": {"EUR": 90000}, "reasons": {}}


def test_reports_are_tables_without_blanks_at_the_ends_of_lines(shop: Path) -> None:
    marketing = journey("report", "marketing", "--until", "2026-03-31", cwd=shop)
    sales = here("report", "sales", "--until", "2026-03-31", cwd=shop)
    assert (marketing.status, marketing.err) == (0, "")
    assert marketing.out.startswith("Marketing · as of the end of 2026-03-31, UTC · position ")
    assert "900 EUR  makes a customer" in marketing.out
    assert sales.out.startswith("Sales · as of the end of 2026-03-31, UTC · position ")
    assert "new_business" not in sales.out, "there are no open deals"
    for line in (marketing.out + sales.out).splitlines():
        assert line == line.rstrip()
        assert len(line) <= 110


def test_a_report_of_nothing_is_short(shop: Path) -> None:
    assert here("report", "marketing", "--until", "2025-01-01", cwd=shop).out.endswith("nothing for marketing up to then\n\n")
    assert here("report", "sales", "--until", "2025-01-01", cwd=shop).out.endswith("no leads and no deals up to then\n\n")


SPRING = {"campaign": "spring", "channel": "Paid Search", "period_start": "2026-03-01", "period_end": "2026-03-01"}
WITHOUT_VISITS = {
    "a shop's orders": (touch("order_placed", order="1", amount="140.00", currency="EUR"), ["post_purchase", "order", "140 EUR"]),
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
    assert people(shop, until) == expected


def test_a_day_ends_where_the_definition_says_that_days_end(shop: Path, tmp_path: Path) -> None:
    # 22:30 in UTC is on the next day in Kyiv, and on the same one in New York.
    for zone, on in (("Europe/Kyiv", "2026-03-06"), ("America/New_York", "2026-03-05")):
        text = here("definition", "show", "--default", cwd=tmp_path).out.replace("zone: UTC ", f"zone: {zone} ", 1)
        (tmp_path / "mine.yaml").write_text(text)
        data = ("--data", tmp_path / on)
        assert here("definition", "use", "mine.yaml", *data, cwd=tmp_path).status == 0
        assert here("ingest", shop / "in.jsonl", *data, cwd=tmp_path).status == 0
        answers = {
            until: here("report", "marketing", "--until", until, "--json", *data, cwd=tmp_path).json
            for until in ("2026-03-05", "2026-03-06")
        }
        assert next(until for until, answer in answers.items() if answer["people"] == 2) == on
        assert answers[on]["asked"]["zone"] == zone
        assert f"as of the end of {on}, {zone} · position" in here("report", "marketing", "--until", on, *data, cwd=tmp_path).out


def test_asked_without_an_instant_it_says_how_to_have_today_too(shop: Path) -> None:
    assert "today is not over, so it is not in it; --until " in here("report", "sales", cwd=shop).err


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
    offered = [line.split()[1:] for line in ran.out.splitlines() if line.startswith("  journey ") or "bin/journey " in line]
    assert len(offered) == 5
    for arguments in offered:
        assert here(*arguments, cwd=tmp_path).status == 0, arguments


def test_the_demo_replaces_its_own_data_and_nothing_else(tmp_path: Path) -> None:
    assert here("demo", "--customers", "20", cwd=tmp_path).status == 0
    first = here("digest", "--data", ".demo-data", "--json", cwd=tmp_path).json
    assert here("demo", "--customers", "20", cwd=tmp_path).status == 0
    assert here("digest", "--data", ".demo-data", "--json", cwd=tmp_path).json == first
