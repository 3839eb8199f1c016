"""The way through the journey, from touchpoints to what is printed: from lead to win, and how long people stay in a stage."""

import shutil
from pathlib import Path

import pytest

from tests.app.command import here, put, touch, worked_out

PEOPLE = [{"person": "user:7", "primary": True}, {"person": "user:9"}]
DEAL = {"subject": "deal:d1", "deal": "d1", "amount": "1000.00", "currency": "EUR"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two leads take part in a deal that came of one of them and is won; a visitor is a lead who is never heard of again."""
    folder = tmp_path_factory.mktemp("shop")
    put(
        folder / "in.jsonl",
        touch("page_view", id="seen", subject="user:7", at="2026-02-27T10:00:00Z"),
        touch("form_submitted", id="asked", subject="anon:x", at="2026-03-02T10:00:00Z", intent="demo"),
        touch("lead_created", id="l7", subject="user:7", at="2026-03-03T10:00:00Z", lead="L7", channel="Email"),
        touch("lead_created", id="l9", subject="user:9", at="2026-03-04T10:00:00Z", lead="L9", channel="Email"),
        touch("lead_accepted", id="taken", subject="user:7", at="2026-03-05T10:00:00Z", lead="L7", owner="ann"),
        touch("deal_opened", id="open", at="2026-03-06T10:00:00Z", owner="ann", people=PEOPLE, lead="L7", **DEAL),
        touch("close", id="won", at="2026-03-09T10:00:00Z", outcome="won", **DEAL),
    )
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    return folder


def to_win(shop: Path, *within: str) -> object:
    where = ("--where", "from_step=lead", "--where", "to_step=win", *(f"--where=within={days}" for days in within))
    return worked_out("lead_conversion", "from_step", cwd=shop, more=where)[("lead",)]


def test_a_win_is_of_the_lead_that_its_deal_came_of(shop: Path) -> None:
    assert worked_out("lead_steps", "step", cwd=shop) == {("lead",): 3, ("mql",): 1, ("opportunity",): 1, ("sal",): 1, ("win",): 1}
    # From March 3rd to March 9th.
    assert (to_win(shop), to_win(shop, "6"), to_win(shop, "5")) == ("1/3", "1/3", 0)


def test_steps_stand_in_their_order_also_where_they_are_as_large(shop: Path) -> None:
    told = here("report", "marketing", "steps", "--by", "step", "--until", "2026-03-31", cwd=shop).out.splitlines()
    assert [line.split()[0] for line in told if line.split()[1:2] in (["1"], ["3"])] == ["lead", "mql", "sal", "opportunity", "win"]


def test_what_links_people_after_the_win_makes_one_lead_of_two(shop: Path, tmp_path: Path) -> None:
    shutil.copy(shop / "in.jsonl", tmp_path)
    put(tmp_path / "linked.jsonl", touch("identified", id="same", subject="anon:x", at="2026-03-20T10:00:00Z", other="user:7"))
    assert here("ingest", "in.jsonl", "linked.jsonl", cwd=tmp_path).status == 0
    # The visitor was a lead before: from March 2nd on.
    assert (to_win(tmp_path), to_win(tmp_path, "7"), to_win(tmp_path, "6")) == ("0.5", "0.5", 0)


def test_stays_are_told_with_those_that_go_on(shop: Path) -> None:
    """In awareness are user:7 from February 27th and user:9 from March 4th until the deal is opened on the 6th, for 7 days and for 2."""
    told = here("report", "marketing", "stays", "--where", "stage=awareness", "--from", "2026-02-01", "--to", "2026-03-06",
                "--until", "2026-03-31", "--csv", cwd=shop).out.splitlines()  # fmt: skip
    columns = told[0].split(",")
    rows = [dict(zip(columns, row.split(","), strict=True)) for row in told[1:]]
    assert [(row["figure"], row["value"], row["n"], row["complete"]) for row in rows] == [
        ("still_after_7", "0", "2", "true"),
        ("still_after_30", "0", "2", "false"),
        ("still_after_90", "0", "2", "false"),
        ("stay_median", f"{2 * 86_400 * 10**6}", "2", "false"),
        ("stay_p90", f"{7 * 86_400 * 10**6}", "2", "false"),
    ]


def test_whoever_asks_for_no_days_is_told_what_days_are(shop: Path) -> None:
    said = "within 'a month' is no number of days from 1 to 9,999, nor 'ever'"
    assert said in here("report", "marketing", "steps", "--where", "within=a month", cwd=shop).err
