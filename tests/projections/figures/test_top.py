"""The highest cells of a figure: cut by the database, in an order that holds for numbers of any size and sign."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.errors import Refused
from journey.money import AMOUNT_MINOR_MAX
from projections.figures.answering import answer
from projections.figures.answers import Answer
from projections.figures.compiling import compiled
from projections.figures.figure import Asked
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


async def test_people_are_listed_by_the_highest_and_no_more_are_even_read() -> None:
    db, lite = sqlite({"lead_states": [{**SCORES["lead_states"][0], "person": f"user:{nth:03}"} for nth in range(50)]})
    read = []

    async def ask(sql: str, *values: Any) -> Any:
        read.append(len(rows := await lite(sql, *values)))
        return rows

    answered = await answer(ask, [FIGURES["lead_score"]], Asked(UNTIL, by=("person",)))
    db.close()
    assert (answered.top, len(answered.figures[0].cells), max(read)) == (20, 20, 20)
    assert not answered.figures[0].adds_up


def test_without_a_number_nothing_is_cut() -> None:
    assert "LIMIT" not in compiled([FIGURES["won_value"]], replace(BY_OWNER, top=0)).sql


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("cycle_time", {}, "cycle_time has no highest cells: only what is counted or added up has"),
        ("win_rate", {}, "win_rate has no highest cells"),
        ("won_value", {"currency": ""}, "won_value has highest cells in one currency only; name the one to convert to"),
        ("won_value", {"currency": "USD"}, "there are no highest cells in USD: EUR has no rate to it"),
        ("won_value", {"by": ("month",)}, "the highest cells are some number of them, and not of periods"),
        ("won_value", {"top": -1}, "the highest cells are some number of them"),
    ],
)
async def test_what_has_no_highest_is_refused(name: str, more: dict[str, Any], says: str) -> None:
    db, ask = sqlite(won([("ann", 1)]))
    with pytest.raises(Refused, match=says):
        await answer(ask, [FIGURES[name]], replace(BY_OWNER, **more))
    db.close()
