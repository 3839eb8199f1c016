"""What an answer says besides its numbers, and how it is written: exact, as JSON and CSV."""

import csv
import json
from dataclasses import replace
from fractions import Fraction

import pytest

from journey.errors import Refused
from journey.instants import HOUR
from projections.figures.answering import answer
from projections.figures.answers import Answer, exact
from projections.figures.figure import Asked, Where
from projections.figures.sections import FIGURES
from tests.projections.figures.cases import LEADS, OPEN, STOOD, TOUCHED, UNTIL
from tests.projections.figures.cases_sales import ACCEPTED, lead
from tests.projections.figures.tables import Rows, at, sqlite


async def asked(rows: Rows, asked: Asked, *names: str) -> Answer:
    db, ask = sqlite(rows)
    found = await answer(ask, [FIGURES[name] for name in names], asked)
    db.close()
    return found


async def test_it_says_until_when_where_and_of_which_position() -> None:
    noon = at("2026-03-05 12:00")
    found = await asked(STOOD, Asked(noon, "Europe/Berlin", from_on="2026-01-01", known_at="2026-07-02T00:00:00Z"), "win_rate")
    assert (found.until, found.until_on, found.zone, found.grain) == ("2026-03-05T12:00:00Z", "2026-03-05", "Europe/Berlin", "instant")
    assert (found.from_on, found.to_on, found.known_at, found.position) == ("2026-01-01", "", "2026-07-02T00:00:00Z", 7)


async def test_rows_that_are_summed_by_day_are_answered_for_at_the_last_end_of_a_day_of_the_zone() -> None:
    found = await asked(TOUCHED, Asked(at("2026-03-04 22:59"), "Europe/Berlin", by=("day",)), "new_leads", "people")
    assert (found.until, found.until_on, found.grain) == ("2026-03-03T22:59:59.999999Z", "2026-03-03", "day")
    assert [cell.group["day"] for cell in found.figure("people").cells] == ["2026-03-02", "2026-03-03"]


async def test_what_is_not_over_is_not_complete() -> None:
    found = await asked(LEADS, Asked(at("2026-03-02") + HOUR, by=("day",)), "new_leads")
    assert [(cell.group["day"], cell.complete) for cell in found.figures[0].cells] == [("2026-03-01", True), ("2026-03-02", False)]
    for until, complete in ((at("2026-04-01") - 2, False), (at("2026-04-01") - 1, True)):
        found = await asked(LEADS, Asked(until, by=("month",)), "new_leads")
        assert [cell.complete for cell in found.figures[0].cells] == [complete]


async def test_what_is_dated_far_ahead_is_there_and_fills_nothing() -> None:
    ahead = [{**deal, "expected_close_on": on} for deal, on in zip(OPEN["deals"][:2], ("2026-06-30", "9999-12-31"), strict=True)]
    view = replace(FIGURES["open_deals"].of, sql=f"SELECT o.*, 0 AS expected_close_at FROM ({FIGURES['open_deals'].of.sql}) AS o")
    expected = replace(FIGURES["open_deals"], of=view, dated="expected_close")
    db, ask = sqlite({"deals": ahead})
    for grain, last in (("day", "9999-12-31"), ("week", "9999-12-27"), ("month", "9999-12"), ("quarter", "9999-Q4"), ("year", "9999")):
        cells = (await answer(ask, [expected], Asked(UNTIL, by=(grain,)))).figures[0].cells
        assert [(cell.group[grain], cell.value, cell.complete) for cell in cells][1:] == [(last, 1, False)]
    db.close()


async def test_a_cohort_is_complete_only_when_its_time_is_over() -> None:
    db, ask = sqlite(LEADS)
    for days, complete in ((91, True), (92, False)):
        figure = replace(FIGURES["new_leads"], within_days=days)
        (cell,) = (await answer(ask, [figure], Asked(UNTIL, from_on="2026-03-01", to_on="2026-04-01"))).figures[0].cells
        assert cell.complete is complete
    db.close()


async def test_a_conversion_is_complete_so_many_days_of_24_hours_after_its_period() -> None:
    """Clocks are put forward in between: what begins in the last hour of March 28th has until one o'clock of the 30th."""
    rows = {"lead_states": [lead("user:1", "2026-03-28 12:00")]}
    complete = {}
    for until in ("2026-03-29 22:00", "2026-03-29 23:00"):
        asked_in_march = Asked(at(until) - 1, "Europe/Berlin", from_on="2026-03-28", to_on="2026-03-29", by=("within",))
        for days in ("1", "2"):
            asked_of = replace(asked_in_march, where=(Where("from_step", ("lead",)), Where("to_step", ("win",)), Where("within", (days,))))
            (cell,) = (await asked(rows, asked_of, "lead_conversion")).figures[0].cells
            complete[until, days] = cell.complete
    assert [one for one, is_complete in complete.items() if is_complete] == [("2026-03-29 23:00", "1")]


@pytest.mark.parametrize(("days", "complete"), [(("91",), True), (("92",), False), (("1", "92"), False), (("ever",), False), ((), False)])
async def test_an_open_cohort_is_told(days: tuple[str, ...], complete: bool) -> None:
    where = (Where("from_step", ("lead",)), Where("to_step", ("win",)), *([Where("within", days)] if days else []))
    rows = {"lead_states": [lead("user:1", "2026-03-28")]}
    for by, period in (((), {}), ((), {"from_on": "2026-03-01", "to_on": "2026-04-01"}), (("month",), {})):
        found = await asked(rows, Asked(UNTIL, by=by, where=where, **period), "lead_conversion")
        assert found.figures[0].cells[0].complete is (complete and bool(by or period))


@pytest.mark.parametrize(
    ("name", "by", "adds_up"),
    [
        ("won_value", "owner", True),
        ("won_value", "product", False),
        ("win_rate", "owner", False),
        ("people", "channel", False),
        ("stage_people", "stage", True),
        ("stage_people", "day", False),
    ],
)
async def test_it_says_whether_its_cells_add_up(name: str, by: str, adds_up: bool) -> None:
    found = await asked(STOOD, Asked(UNTIL, by=(by,)), name)
    assert found.figures[0].adds_up is adds_up


async def test_a_period_is_half_open() -> None:
    found = await asked(LEADS, Asked(UNTIL, from_on="2026-03-01", to_on="2026-03-02"), "new_leads")
    assert [(cell.value, cell.complete) for cell in found.figures[0].cells] == [(1, True)]


@pytest.mark.parametrize("by", [("month",), ("month", "owner"), ("pipeline", "month")])
async def test_each_period_that_is_asked_for_is_there_also_where_nothing_ever_was(by: tuple[str, ...]) -> None:
    found = await asked({}, Asked(UNTIL, from_on="2026-01-01", to_on="2026-04-01", by=by), "deals_won", "won_value", "win_rate")
    for figure in found.figures:
        assert [cell.group["month"] for cell in figure.cells] == ["2026-01", "2026-02", "2026-03"]
        assert {(cell.value or 0, cell.n, cell.currency, cell.decimals) for cell in figure.cells} == {(0, 0, None, None)}
        assert figure.needs


async def test_what_runs_on_begins_where_it_is_asked_from() -> None:
    """The first one came in March."""
    came = {"first_touched": [{"person": "user:1", "at": at("2026-03-02"), "is_first": 1}]}
    for rows, counts in (({}, [0, 0, 0, 0]), (came, [0, 0, 1, 1])):
        found = await asked(rows, Asked(UNTIL, from_on="2026-01-01", to_on="2026-05-01", by=("month",)), "people_so_far")
        assert [(cell.group["month"], cell.value) for cell in found.figures[0].cells] == [
            (f"2026-0{nth}", count) for nth, count in enumerate(counts, start=1)
        ]


async def test_an_empty_answer_says_what_it_would_need() -> None:
    found = await asked({}, Asked(UNTIL), "win_rate", "time_to_accept")
    assert [(figure.needs, figure.cells[0].value) for figure in found.figures] == [
        (("close.outcome",), None),
        (("lead_accepted.owner",), None),
    ]


async def test_campaigns_are_called_what_they_were_called_last() -> None:
    named = [{"subject": "campaign:autumn", "field": "name", "at": "2026-03-01", "value": "Leaves", "nth": nth} for nth in (0, 1)]
    named[1]["value"] = "Autumn leaves"
    found = await asked({**LEADS, "described": named}, Asked(UNTIL, by=("campaign",)), "new_leads")
    assert found.names == {"campaign": {"autumn": "Autumn leaves"}}
    assert [cell.group["campaign"] for cell in found.figures[0].cells] == ["", "autumn"]


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (3, 3),
        (Fraction(6, 2), 3),
        (Fraction(1, 4), "0.25"),
        (Fraction(-1, 20), "-0.05"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-7, 6), "-7/6"),
    ],
)
def test_numbers_are_written_exactly(number: int | Fraction, written: int | str) -> None:
    assert exact(number) == written
    assert Fraction(written) == number


async def test_json_is_exact_and_reads_back() -> None:
    found = await asked(STOOD, Asked(UNTIL, by=("pipeline",), where=(Where("owner", ("ann", "cid")),)), "win_rate", "won_value")
    plain = json.loads(found.to_json())
    assert plain["figures"][0]["cells"] == [
        {
            "group": {"pipeline": "new"},
            "value": "1/3",
            "part": 1,
            "whole": 3,
            "n": 3,
            "complete": True,
            "currency": None,
            "decimals": None,
        }
    ]
    assert plain["figures"][1]["cells"][0] | {"value": 1_000, "currency": "EUR", "decimals": 2} == plain["figures"][1]["cells"][0]
    assert Answer.model_validate_json(found.to_json()) == found


async def test_csv_has_a_row_for_each_value() -> None:
    found = await asked({**STOOD, **ACCEPTED}, Asked(UNTIL, by=("owner",), where=(Where("owner", ("ann",)),)), "win_rate", "time_to_accept")
    rows = list(csv.DictReader(found.to_csv().splitlines()))
    assert [(row["figure"], row["quantile"], row["owner"], row["value"], row["whole"]) for row in rows] == [
        ("win_rate", "", "ann", "0.5", "2"),
        ("time_to_accept", "1/2", "ann", "129600000000", ""),
        ("time_to_accept", "9/10", "ann", "164160000000", ""),
    ]


async def test_a_figure_that_was_not_asked_for_is_refused_in_words() -> None:
    found = await asked(STOOD, Asked(UNTIL), "win_rate", "deals_won")
    with pytest.raises(Refused, match=r"there is no figure 'win_rat' in this answer; did you mean 'win_rate'\? It has win_rate, deals_won"):
        found.figure("win_rat")
    with pytest.raises(Refused, match="there is no figure 'nope' in this answer; it has win_rate, deals_won"):
        found.figure("nope")
