"""The highest cells of a figure: cut by the database, in an order that holds for numbers of any size and sign."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.errors import Refused
from journey.money import AMOUNT_MINOR_MAX
from projections.figures import answering
from projections.figures.answering import answer
from projections.figures.answers import Answer
from projections.figures.compiling import compiled
from projections.figures.figure import Asked, Where
from projections.figures.reports import report, values_asked
from projections.figures.sections import FIGURES
from tests.projections.figures.cases import UNTIL, deal
from tests.projections.figures.cases_sales import SCORES
from tests.projections.figures.tables import Rows, filled, postgres, sqlite

BY_OWNER = Asked(UNTIL, by=("owner",), currency="EUR", top=3)


def won(amounts: list[tuple[str, int]]) -> Rows:
    return {"deals": [deal(f"d{nth}", "won", "2026-03-01", owner=owner, amount_minor=minor) for nth, (owner, minor) in enumerate(amounts)]}


def highest(amounts: list[tuple[str, int]], top: int) -> list[tuple[str, int]]:
    come_to: dict[str, int] = {}
    for owner, minor in amounts:
        come_to[owner] = come_to.get(owner, 0) + minor
    return sorted(come_to.items(), key=lambda one: (-one[1], one[0]))[:top]


def found(answer: Answer) -> list[tuple[Any, Any]]:
    return [(cell.group["owner"], cell.value) for cell in answer.figures[0].cells]


AMOUNTS = st.one_of(st.integers(-(10**9) - 2, 10**9 + 2), st.sampled_from([AMOUNT_MINOR_MAX, -AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX - 1]))
OWNED = st.lists(st.tuples(st.sampled_from(["ann", "Bob", "cid", "ánn", ""]), AMOUNTS), max_size=12)


@given(OWNED)
@settings(max_examples=60, deadline=None)
async def test_they_are_those_that_sorting_all_gives(amounts: list[tuple[str, int]]) -> None:
    db, ask = sqlite(won(amounts))
    assert found(await answer(ask, [FIGURES["won_value"]], BY_OWNER)) == highest(amounts, 3)
    db.close()


async def test_in_postgresql_too(database: str) -> None:
    amounts = [("ann", -5), ("ánn", 10**9 - 1), ("Bob", 10**9), ("Bob", -1), ("cid", AMOUNT_MINOR_MAX), ("cid", AMOUNT_MINOR_MAX), ("", 0)]
    async with postgres(database) as db:
        ask = await filled(db, won(amounts))
        for top in (1, 2, 4, 9):
            assert found(await answer(ask, [FIGURES["won_value"]], replace(BY_OWNER, top=top))) == highest(amounts, top)


FIFTY: Rows = {"lead_states": [{**SCORES["lead_states"][0], "person": f"user:{nth:03}"} for nth in range(50)]}


async def test_a_list_of_people_is_of_the_highest_and_no_more_are_even_read() -> None:
    db, lite = sqlite(FIFTY)
    read = []

    async def ask(sql: str, *values: Any) -> Any:
        read.append(len(rows := await lite(sql, *values)))
        return rows

    answered = await answer(ask, [FIGURES["lead_score"]], Asked(UNTIL, by=("person",), top=None))
    db.close()
    assert (answered.top, len(answered.figures[0].cells), max(read)) == (20, 20, 20)
    assert not answered.figures[0].adds_up


async def test_all_people_are_answered_where_no_list_is_asked_for() -> None:
    db, ask = sqlite(FIFTY)
    answered = await answer(ask, [FIGURES["lead_score"]], Asked(UNTIL, by=("person",)))
    (where,) = await values_asked(ask, [FIGURES["lead_score"]], Asked(UNTIL, where=(Where("person", ("user:049",)),)))
    db.close()
    assert (answered.top, len(answered.figures[0].cells), answered.figures[0].adds_up) == (0, 50, True)
    assert where.values == ("user:049",)


async def test_more_cells_than_an_answer_has_are_refused_before_all_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "CELLS_MAX", 49)
    db, ask = sqlite(FIFTY)
    with pytest.raises(Refused, match="lead_score by person has more than 49 cells; ask for the highest, or for fewer"):
        await answer(ask, [FIGURES["lead_score"]], Asked(UNTIL, by=("person",)))
    db.close()


async def test_a_report_cuts_only_what_it_lists() -> None:
    db, ask = sqlite(FIFTY)
    told = await report(ask, "sales", ["scores"], Asked(UNTIL, top=7), None)
    whole, by_stage, people = told.sections[0].answers
    assert (whole.top, by_stage.top, people.top, len(people.figures[0].cells)) == (0, 0, 7, 7)
    with pytest.raises(Refused, match="no section that is asked for lists the highest"):
        await report(ask, "sales", ["decided"], Asked(UNTIL, top=7), None)
    db.close()


def test_without_a_number_nothing_is_cut() -> None:
    assert "LIMIT" not in compiled([FIGURES["won_value"]], replace(BY_OWNER, top=0)).sql


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("cycle_time", {}, "cycle_time has no highest cells: only what is counted or added up has"),
        ("win_rate", {}, "win_rate has no highest cells"),
        ("won_value", {"currency": ""}, "won_value has highest cells in one currency only; name the one to convert to"),
        ("won_value", {"currency": "USD"}, "there are no highest cells in USD: EUR has no rate to it on 2026-03-01"),
        ("won_value", {"by": ("month",)}, "the highest cells are some number of them, and not of periods"),
        ("won_value", {"top": -1}, "the highest cells are some number of them"),
    ],
)
async def test_what_has_no_highest_is_refused(name: str, more: dict[str, Any], says: str) -> None:
    db, ask = sqlite(won([("ann", 1)]))
    with pytest.raises(Refused, match=says):
        await answer(ask, [FIGURES[name]], replace(BY_OWNER, **more))
    db.close()
