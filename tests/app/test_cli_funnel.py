"""`journey funnel` tells of the definition's funnels, or of steps that are written on the line."""

import csv
from pathlib import Path

import pytest

from tests.app.command import here, put, touch


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people sign up; one of them orders after three days, and one has 90 days for it that are not over."""
    folder = tmp_path_factory.mktemp("shop")
    put(
        folder / "in.jsonl",
        touch("signed_up", id="one", subject="user:1", at="2026-03-01T10:00:00Z"),
        touch("order_placed", id="paid", subject="user:1", at="2026-03-04T10:00:00Z", order="7", amount="5.00", currency="EUR"),
        touch("lead_created", id="lead", subject="user:1", at="2026-03-02T10:00:00Z", lead="L1"),
        touch("ad_click", id="ad", subject="user:1", at="2026-03-03T10:00:00Z"),
        touch("signed_up", id="two", subject="user:2", at="2026-03-02T10:00:00Z"),
    )
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    return folder


def told(shop: Path, *arguments: str) -> dict[tuple[str, str], str]:
    """The values of the CSV, by figure and step."""
    ran = here("funnel", *arguments, "--until", "2026-03-31", "--csv", cwd=shop)
    assert ran.status == 0, ran.err
    rows = csv.DictReader(ran.out.splitlines())
    return {(row["figure"], row["step"]): row["value"] for row in rows if row["funnel"] != "sales"}


def test_a_funnel_of_the_definition_is_told_by_its_name(shop: Path) -> None:
    found = told(shop, "self-service")
    assert [found["funnel_people", step] for step in ("1 signed-up", "2 trial", "3 order")] == ["2", "0", "1"]
    assert (found["funnel_lost", "3 order"], found["funnel_under_way", "3 order"]) == ("0", "1")


def test_steps_that_are_written_on_the_line_are_a_funnel(shop: Path) -> None:
    assert told(shop, "signed-up,order")["funnel_people", "2 order"] == "1"
    found = told(shop, "signed-up,order", "--within", "2d")
    assert (found["funnel_people", "2 order"], found["funnel_lost", "2 order"]) == ("0", "2")


def test_behind_a_step_are_its_own_touchpoints_alone(shop: Path) -> None:
    arguments = ("--funnel", "signed-up,order", "--by", "step", "--where", "step=2 order", "--until", "2026-03-31", "--json")
    (unit,) = here("why", "funnel_people", *arguments, cwd=shop).json["units"]
    assert [touchpoint["id"] for touchpoint in unit["touchpoints"]] == ["one", "paid"]


def test_in_strict_order_nothing_else_is_between(shop: Path) -> None:
    """user:1 clicked an ad after becoming a lead, before the order."""
    assert told(shop, "lead,order", "--order", "strict")["funnel_people", "2 order"] == "0"
    assert told(shop, "lead,order", "--order", "strict_steps")["funnel_people", "2 order"] == "1"


def test_behind_a_step_in_strict_order_are_its_own_touchpoints_alone(shop: Path) -> None:
    arguments = (
        "--funnel",
        "signed-up,lead",
        "--order",
        "strict",
        "--by",
        "step",
        "--where",
        "step=2 lead",
        "--until",
        "2026-03-31",
        "--json",
    )
    (unit,) = here("why", "funnel_people", *arguments, cwd=shop).json["units"]
    assert [touchpoint["id"] for touchpoint in unit["touchpoints"]] == ["one", "lead"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["self-servise"], "there is no funnel 'self-servise'; did you mean 'self-service'?"),
        (["signed-up,ordr"], "which is no milestone, conversion, stage or step of leads; did you mean 'order'?"),
        (["signed-up,order", "--order", "first"], "--order 'first' is none of ordered, strict_steps, strict, any"),
        (["lead,signed-up:optional,order", "--order", "strict"], "is strict, so none of its steps can be optional"),
        (["signed-up,order", "--within", "soon"], "'soon' is not a length of time"),
        (["--within", "3d"], "--within and --order are of one funnel"),
    ],
)
def test_a_funnel_that_there_is_not_is_refused(shop: Path, arguments: list[str], message: str) -> None:
    ran = here("funnel", *arguments, cwd=shop)
    assert (ran.status, message in ran.err) == (1, True), ran.err
