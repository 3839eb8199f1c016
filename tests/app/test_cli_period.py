"""`journey period` and `journey report --period`, `--between`: what was told of a month, what is known now, and what changed it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from streams import record_steps
from tests.app.command import here, put, refused, touch

SOURCE = orjson.loads(touch())["source"]


def order(id: str, who: str, on: str, amount: str) -> bytes:
    return touch("order_placed", id=id, subject=who, at=f"{on}T10:00:00Z", order=id.upper(), amount=amount, currency="EUR")


def form(id: str, who: str, on: str) -> bytes:
    return touch("form_submitted", id=id, subject=who, at=f"{on}T10:00:00Z", intent="demo")


MARCH = [
    order("o1", "user:1", "2026-03-05", "100.00"),
    order("o2", "user:2", "2026-03-10", "50.00"),
    form("f1", "anon:x", "2026-03-02"),
    form("f2", "user:1", "2026-03-03"),
]
LATE = order("o3", "user:1", "2026-03-04", "30.00")
RETRACTED = touch("retracted", id="r1", subject="user:2", at="2026-04-05T10:00:00Z", of_source=SOURCE, of_id="o2")
LINK = touch("identified", id="l1", subject="anon:x", at="2026-04-06T10:00:00Z", other="user:1")
APRIL = order("o4", "user:1", "2026-04-20", "900.00")


def ingest(cwd: Path, *lines: bytes) -> None:
    assert here("ingest", put(cwd / "some.jsonl", *lines), cwd=cwd).status == 0


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder in which March was closed at position 2; then came an order that is late, one of April, a retraction and a link."""
    ingest(tmp_path, *MARCH)
    assert here("period", "close", "2026-03", "--reason", "books closed", "--actor", "ann", cwd=tmp_path).status == 0
    for line in (LATE, APRIL, RETRACTED, LINK):
        ingest(tmp_path, line)
    return tmp_path


def report(cwd: Path, *arguments: str) -> Any:
    return here("report", "marketing", *arguments, "--json", cwd=cwd).json


def cell(told: Any, figure: str, **group: str) -> Any:
    (found,) = [one for one in told["cells"] if one["figure"] == figure and group.items() <= one["group"].items()]
    return found


def causes(one: Any) -> list[tuple[str, Any, list[str]]]:
    return [(by["cause"], by["difference"]["value"], [touch["id"] for touch in by["touchpoints"]]) for by in one["causes"]]


def test_a_closed_month_is_told_as_it_was_beside_what_is_known_and_what_changed_it(closed: Path) -> None:
    told = report(closed, "--period", "2026-03")
    assert (told["closed"]["position"], told["closed"]["reason"], told["closed"]["computed_differently"]) == (2, "books closed", [])
    value = cell(told, "conversion_value_linear")
    assert (value["before"]["value"], value["after"]["value"], value["currency"]) == (150_00, 130_00, "EUR")
    assert causes(value) == [("late touchpoint", 30_00, ["o3"]), ("retraction", -50_00, ["o2"])]
    assert [one["touchpoints"][0]["position"] for one in value["causes"]] == [3, 5]
    leads = cell(told, "new_leads")
    assert (leads["before"]["value"], leads["after"]["value"], causes(leads)) == (2, 1, [("link", -1, ["l1"])])
    assert report(closed, "--from", "2026-03-01", "--to", "2026-04-01")["cells"] == told["cells"]


def test_days_of_recording_are_positions_at_their_ends(closed: Path) -> None:
    told = report(closed, "--between", "1999-12-31", "9998-12-31", "--by", "month", "--until", "2026-05-01")
    assert (told["earlier"], told["later"]) == (0, 6)
    assert told["cells"] == report(closed, "--between", "0", "6", "--by", "month", "--until", "2026-05-01")["cells"]


def test_what_was_told_is_what_the_report_said_then(closed: Path) -> None:
    until = ("--from", "2026-03-01", "--to", "2026-04-01", "--until", "2026-03-31", "--by", "month")
    then = here("report", "marketing", *until, "--known-at", "2", "--json", cwd=closed).json
    now = here("report", "marketing", *until, "--data", "anew", "--json", cwd=anew(closed)).json
    both = report(closed, "--period", "2026-03", "--by", "month")
    for plain, side in ((then, "before"), (now, "after")):
        said = {
            (figure["name"], one["currency"]): (one["value"], one["n"])
            for section in plain["sections"]
            for answer in section["answers"]
            for figure in answer["figures"]
            for one in figure["cells"]
        }
        assert said
        assert {(one["figure"], one["currency"]): (one[side]["value"], one[side]["n"]) for one in both["cells"]} == said


def anew(cwd: Path) -> Path:
    """The same touchpoints in another folder, in which nothing was closed."""
    assert here("ingest", put(cwd / "all.jsonl", *MARCH, LATE, APRIL, RETRACTED, LINK), "--data", "anew", cwd=cwd).status == 0
    return cwd


def test_between_two_positions_only_what_differs_is_told_each_with_its_cause(closed: Path) -> None:
    told = report(closed, "--between", "3", "6", "--until", "2026-04-30")
    value = cell(told, "conversion_value_last")
    assert causes(value) == [("touchpoint", 900_00, ["o4"]), ("retraction", -50_00, ["o2"])]
    assert all(one["causes"] for one in told["cells"])
    assert report(closed, "--between", "6", "6")["cells"] == []
    assert here("report", "marketing", "--between", "6", "6", cwd=closed).out.endswith("no difference\n")
    by_month = report(closed, "attribution", "--between", "2", "6", "--by", "month", "--until", "2026-04-30")
    assert causes(cell(by_month, "conversions_last", month="2026-04")) == [("touchpoint", 1, ["o4"])]


def test_a_correction_a_withdrawn_import_and_a_definition_are_causes_too(closed: Path) -> None:
    ingest(closed, order("o1", "user:1", "2026-03-01", "70.00"))
    ingest(closed, order("o5", "user:1", "2026-03-07", "5.00"))
    wrong = here("imports", "--json", cwd=closed).json["imports"][-1]["number"]
    known = "9"
    assert here("retract", "--import", str(wrong), "--reason", "wrong file", cwd=closed).status == 0
    told = report(closed, "--period", "2026-03")
    assert causes(cell(told, "conversion_value_last"))[1] == ("correction", -30_00, ["o1"])
    since = report(closed, "--between", "8", known)
    assert causes(cell(since, "conversion_value_last")) == [("import", -5_00, ["o5"])]
    definition = here("definition", "show", cwd=closed).out.replace("zone: UTC", "zone: Asia/Tokyo")
    (closed / "other.yaml").write_text(definition if "Tokyo" in definition else definition + "\nzone: Asia/Tokyo\n")
    here("definition", "use", "other.yaml", "--reason", "we moved", cwd=closed)
    other = report(closed, "--between", known, "10", "--by", "day", "--until", "2026-03-31T00:00:00Z")
    assert {one["cause"] for each in other["cells"] for one in each["causes"]} <= {"definition"}


def test_the_terminal_and_csv_say_the_same(closed: Path) -> None:
    shown = here("report", "marketing", "conversions", "value", "--period", "2026-03", cwd=closed).out
    assert "closed at position 2 by ann" in shown
    assert "+30.00 EUR late touchpoint at 3: order_placed o3" in shown
    assert "-50.00 EUR retraction at 5: order_placed o2" in shown
    rows = here("report", "marketing", "value", "--period", "2026-03", "--csv", cwd=closed).out.splitlines()
    assert next(row for row in rows if row.startswith("conversion_value_last,")).startswith(
        "conversion_value_last,money,,15000,13000,-2000,EUR,2,late touchpoint,3000,1,"
    )


def test_of_a_share_it_is_told_what_is_in_it_of_how_many(tmp_path: Path) -> None:
    opened = [touch("deal_opened", id=f"d{n}", subject="user:1", deal=str(n), owner="ann", at="2026-03-02T10:00:00Z") for n in (1, 2)]
    ingest(tmp_path, *opened)
    ingest(tmp_path, touch("close", id="c1", subject="user:1", deal="1", at="2026-03-09T10:00:00Z", outcome="won"))
    ingest(
        tmp_path,
        touch("close", id="c2", subject="user:1", deal="2", at="2026-03-10T10:00:00Z", outcome="lost", margin=None, reason="price"),
    )
    shown = here("report", "sales", "decided", "--between", "2", "4", "--by", "owner", cwd=tmp_path).out
    assert "+100.00% (1 of 1) touchpoint at 3: close c1" in shown
    assert "-50.00% (0 of 1) touchpoint at 4: close c2" in shown


def test_closed_again_it_is_restated_and_once_more_at_the_same_position_nothing_changes(closed: Path) -> None:
    again = here("period", "close", "2026-03", "--reason", "a late invoice", "--json", cwd=closed).json
    assert (again["changed"], again["restates"], again["position"]) == (True, 3, 6)
    assert here("period", "close", "2026-03", "--reason", "again", "--json", cwd=closed).json["changed"] is False
    listed = here("period", "list", "--json", cwd=closed).json["closings"]
    assert [(one["number"], one["restated_by"]) for one in listed] == [(3, again["number"]), (again["number"], None)]
    told = report(closed, "--period", "2026-03")
    assert told["closed"]["number"] == again["number"]
    assert all(one["causes"] == [] for one in told["cells"])
    audit = here("audit", "--action", "close-period", cwd=closed).out
    assert "2026-03 at position 6: 2026-03-01 up to 2026-04-01, which restates closing 3" in audit
    assert "a late invoice" in audit


def test_a_period_that_was_not_closed_is_short_for_its_days(closed: Path) -> None:
    assert report(closed, "--period", "2026-04", "--until", "2026-05-01") == report(
        closed, "--from", "2026-04-01", "--to", "2026-05-01", "--until", "2026-05-01"
    )


REFUSED = [
    (("period", "close", "2026-13", "--reason", "x"), "'2026-13' is no period; write a week by its Monday (2026-03-02), 2026-03, "),
    (("period", "close", "2026-03-03", "--reason", "x"), "2026-03-03 is no Monday, by which a week is named"),
    (("period", "close", "9998-12", "--reason", "x"), "9998-12 is not between 1970 and 9998"),
    (("period", "close", "2400-Q1", "--reason", "x"), "2400-Q1 is not over: its last day is 2400-03-31 (UTC)"),
    (("period", "close", "2026-03"), "why? --reason says it to whoever reads `journey audit`"),
    (("report", "sales", "--between", "2", "1"), "position 2 is after 1; name the earlier one first"),
    (("report", "sales", "--between", "1", "99"), "position 99 is not there yet; the last one is 2"),
    (("report", "sales", "--between", "1", "2", "--known-at", "2"), "--between names two positions, so --known-at has no place"),
    (("report", "sales", "--period", "2026-03", "--from", "2026-03-01"), "--period says from when and up to when, so --from"),
    (("report", "sales", "--between", "1", "2", "--by", "colour"), "no figure of the sales report has a dimension 'colour'"),
]


def test_what_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    ingest(tmp_path, *MARCH)
    for arguments, says in REFUSED:
        assert says in refused(here(*arguments, cwd=tmp_path))


def test_beyond_bounds_it_is_refused_in_words(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, says in (("SUBJECTS_MAX", "of more than 1 subjects"), ("STEPS_MAX", "more than 1 touchpoints came or went")):
        with monkeypatch.context() as patch:
            patch.setattr(record_steps, bound, 1)
            told = refused(here("report", "sales", "--between", "1", "6", cwd=closed))
        assert says in told
        assert "name positions closer together" in told
