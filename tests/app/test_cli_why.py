"""`journey why` lists the touchpoints behind a figure."""

import asyncio
import shutil
from pathlib import Path

import pytest

from app.engine.embedded import reading
from app.engine.evidence import why as behind
from app.engine.question import Question
from projections.figures.figure import Model
from projections.figures.sections import FIGURES
from tests.app.command import Ran, here, put, refused, touch

UNTIL = ("--until", "2026-12-31")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann's deal was won after an ad and an e-mail, Bob's was lost; a lead was accepted after a day, another one waits; an ad cost 90."""
    folder = tmp_path_factory.mktemp("shop")
    person = {"deal": "d1", "amount": "1000.00", "currency": "EUR"}
    other = {"deal": "d2", "amount": "500.00", "currency": "EUR"}
    put(
        folder / "in.jsonl",
        touch("ad_click", id="ad", at="2026-03-01T10:00:00Z", utm_source="google", utm_medium="cpc", click_id=None, campaign=None),
        touch("email_clicked", id="mail", at="2026-03-02T10:00:00Z", campaign=None),
        touch("lead_created", id="lead", at="2026-03-03T10:00:00Z", lead="L1", channel="Email"),
        touch("lead_created", id="cold", subject="user:8", at="2026-03-03T11:00:00Z", lead="L2", channel="Events"),
        touch("lead_assigned", id="handed", at="2026-03-04T10:00:00Z", lead="L1", owner="ann", team="north"),
        touch("lead_accepted", id="taken", at="2026-03-05T10:00:00Z", lead="L1", owner="ann"),
        touch("deal_opened", id="open1", subject="deal:d1", at="2026-03-06T10:00:00Z", owner="ann", people=PEOPLE, lead=None, **person),
        touch("deal_opened", id="open2", subject="deal:d2", at="2026-03-06T11:00:00Z", owner="bob", people=PEOPLE, lead=None, **other),
        touch("close", id="won", subject="deal:d1", at="2026-03-09T10:00:00Z", outcome="won", **person),
        touch("close", id="lost", subject="deal:d2", at="2026-03-10T10:00:00Z", outcome="lost", reason="price", **other),
        touch("spend_recorded", id="cost", subject="campaign:spring", at="2026-03-01T00:00:00Z", campaign="spring", **COST),
    )
    assert here("ingest", "in.jsonl", cwd=folder).status == 0
    return folder


PEOPLE = [{"person": "user:7", "primary": True}]
COST = {"amount": "90.00", "currency": "EUR", "period_start": "2026-03-01", "period_end": "2026-03-03", "provider": "google"}


def why(shop: Path, *arguments: str) -> list[tuple[object, list[str]]]:
    """What each unit comes to, and the touchpoints behind it."""
    answer = here("why", *arguments, *UNTIL, "--json", cwd=shop).json
    assert answer["agrees"]
    return [(one["value"], [each["id"] for each in one["touchpoints"]]) for one in answer["units"]]


def test_a_count_lists_what_is_counted(shop: Path) -> None:
    assert why(shop, "new_leads", "--where", "channel=Email") == [(1, ["lead"])]


def test_a_figure_of_both_reports_is_asked_of_the_read_model_that_the_question_is_about(shop: Path, tmp_path: Path) -> None:
    """They may be on two servers, of which one is away."""
    models: tuple[Model, ...] = ("marketing", "sales")
    for model, other in (models, models[::-1]):
        data = Path(shutil.copytree(shop / "journey-data", tmp_path / model))
        with reading(data) as engine:
            (data / f"{other}.db").unlink()
            found = asyncio.run(behind(engine, FIGURES["stage_people"], Question(model), limit=5))
            assert found.agrees
            assert found.units_count


def test_a_ratio_lists_its_whole_and_which_of_it_are_in_the_part(shop: Path) -> None:
    assert why(shop, "win_rate") == [(1, ["open1", "won"]), (0, ["open2", "lost"])]
    assert why(shop, "win_rate", "--where", "owner=bob") == [(0, ["open2", "lost"])]


def test_money_lists_what_it_is_the_sum_of(shop: Path) -> None:
    assert why(shop, "won_value", "--from", "2026-03-01", "--to", "2026-04-01") == [(100000, ["open1", "won"])]
    assert why(shop, "spend", "--from", "2026-03-02") == [(6000, ["cost"])]


def test_of_a_quantile_the_whole_set_is_listed(shop: Path) -> None:
    ((values, ids),) = why(shop, "time_to_accept")
    assert values == [24 * 3600 * 10**6] * 2
    assert ids == ["lead", "handed", "taken", "won"]


def test_a_credited_conversion_lists_the_touches_that_it_is_credited_to(shop: Path) -> None:
    assert why(shop, "conversions_first", "--where", "conversion=won") == [(1, ["ad", "open1", "won"])]
    assert why(shop, "conversions_last", "--where", "conversion=won", "--where", "channel=Email") == [(1, ["mail", "open1", "won"])]
    assert why(shop, "conversions_first", "--where", "conversion=won", "--where", "channel=Email") == []


def test_the_part_of_a_milestone_that_a_conversion_lacks_is_because_of_the_conversion(shop: Path) -> None:
    asked = ("conversions_w_shaped", "--where", "conversion=lead", "--where", "campaign=(no milestone)")
    # At a lead nobody has opened a deal: a third is nobody's, since no touch was of no milestone.
    for by in ((), ("--by", "campaign"), ("--by", "channel,month")):
        assert why(shop, *asked, *by) == [("0.333333", ["lead"])]


def test_who_was_counted_at_the_end_of_a_month_and_has_left_since_is_listed(shop: Path) -> None:
    asked = ("stage_people", "--where", "stage=awareness", "--by", "month")
    assert why(shop, *asked, "--from", "2026-03-01") == [(0, ["cold"])]


def test_what_time_brought_lists_what_it_runs_from(shop: Path) -> None:
    (one,) = here("why", "stage_entries", "--where", "stage=lost", *UNTIL, "--json", cwd=shop).json["units"]
    assert one["unit"] == {"person": "user:8"}
    assert [(each["id"], each["by_time"]) for each in one["touchpoints"]] == [("cold", True)]
    assert "and then time passed" in here("why", "stage_entries", "--where", "stage=lost", *UNTIL, cwd=shop).out


def test_it_is_told_in_words(shop: Path) -> None:
    told = here("why", "win_rate", *UNTIL, cwd=shop)
    lines = told.out.splitlines()
    assert lines[0] == "win_rate · as of 2026-12-31 23:59:59 UTC · position 2"
    assert "50.0% (1 of 2)" in lines
    assert any(line.startswith("deal:d1  1/1    2026-03-06 10:00  deal_opened  open1") for line in lines)
    assert any("close" in line and "lost · d2 · 500.00 · EUR · price" in line for line in lines)


def test_money_is_told_in_the_currency_that_it_is_converted_to(shop: Path) -> None:
    told = here("why", "won_value", "--currency", "eur", "--by", "owner,month", *UNTIL, cwd=shop).out
    assert "1,000.00 EUR  owner ann · month 2026-03\n" in told
    assert "deal:d1 ann  1,000.00 EUR  2026-03-06 10:00" in told


def test_what_is_left_is_counted_and_listed_after_the_cursor(shop: Path) -> None:
    first = here("why", "win_rate", *UNTIL, "--limit", "1", "--json", cwd=shop).json
    assert (first["units_count"], first["beyond"]) == (2, 1)
    assert why(shop, "win_rate", "--limit", "1", "--after", first["after"]) == [(0, ["open2", "lost"])]
    told = here("why", "win_rate", *UNTIL, "--limit", "1", cwd=shop).out
    assert f"1 of 2, 1 more with --after {first['after']}\n" in told


def test_it_can_be_asked_as_it_was_known(shop: Path) -> None:
    nothing = here("why", "win_rate", *UNTIL, "--known-at", "0", cwd=shop)
    assert (nothing.status, "nothing" in nothing.out) == (0, True)


def test_an_empty_cell_says_what_it_is_made_of_or_what_there_is_without_filters(shop: Path) -> None:
    told = here("why", "deals_won", "--where", "owner=ann,ben", *UNTIL, cwd=shop).out
    assert told.splitlines()[-3:] == [
        "nothing in it counts",
        "without filters, owner is ann",
        "for any of several, write each: --where owner=ann --where owner=ben",
    ]
    assert "nothing in it counts; it reads order_placed." in here("why", "orders", *UNTIL, cwd=shop).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("win_rat",), "there is no figure 'win_rat'; did you mean 'win_rate'?"),
        (("win_rate", "--by", "content"), "win_rate has no dimension 'content'; it has owner, team"),
        (("win_rate", "--where", "owner"), "--where 'owner' is no filter; write it as owner=anna"),
        (("win_rate", "--from", "march"), "--from 'march' is no day; write 2026-03-31"),
        (("win_rate", "--after", "x"), "--after 'x' is no cursor of this question"),
        (("win_rate", "--after", "WyJhIiwiYiJd"), "--after 'WyJhIiwiYiJd' is no cursor of this question"),
    ],
)
def test_what_cannot_be_asked_is_refused(shop: Path, arguments: tuple[str, ...], told: str) -> None:
    ran: Ran = here("why", *arguments, *UNTIL, cwd=shop)
    assert refused(ran).startswith(told)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_told_of_in_words(shop: Path, figure: str) -> None:
    for by in ((), ("--by", "month"), ("--currency", "USD")):
        ran = here("why", figure, *by, *UNTIL, cwd=shop)
        if ran.status == 0:
            assert ran.out.startswith(f"{figure} · as of "), by
            assert "journey reconcile" not in ran.err
        else:
            assert refused(ran).startswith(f"{figure} has no dimension 'month'")
