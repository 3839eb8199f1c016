"""Python holds no row for each customer, whatever is asked."""

import tracemalloc
from typing import Any

import pytest

from projections.figures.answering import answer
from projections.figures.figure import Asked
from projections.figures.sections import SECTIONS
from tests.projections.figures.tables import Rows, at, sqlite

FEW, MANY = 300, 3_000
UNTIL = at("2026-04-01")


def customers(number: int) -> Rows:
    """Each was won, after three touches, and was in a stage."""
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in ("touched", "stages", "leads", "deals", "conversions", "paths")}
    for one in range(number):
        person, when, minor = f"user:{one}", at("2026-03-02") + one, 100 * one
        found["touched"].append({"person": person, "day": "2026-03-02", "channel": "Email"})
        found["stages"].append({"person": person, "stage": "customer", "at": when})
        found["leads"].append({"person": person, "at": when, "step": "created"})
        won = {"outcome": "won", "opened_at": when, "closed_at": when, "amount_minor": minor, "took": one}
        found["deals"].append({"deal": f"deal:{one}", "at": when, **won})
        conversion = {"person": person, "conversion": "won", "of_what": str(one), "at": when}
        found["conversions"].append({**conversion, "amount_minor": minor})
        found["paths"] += [{**conversion, "place": place, "touched_at": when, "channel": "Email"} for place in range(3)]
    return found


async def peak(section: str, number: int) -> int:
    """Bytes that Python holds at most for all figures of `section`."""
    db, ask = sqlite(customers(number))
    (figures,) = (one.figures for one in SECTIONS if one.name == section)
    await answer(ask, figures, Asked(UNTIL))
    tracemalloc.start()
    try:
        await answer(ask, figures, Asked(UNTIL, by=("month",) if all(figure.dated is not None for figure in figures) else ()))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        db.close()


@pytest.mark.parametrize("section", [section.name for section in SECTIONS])
async def test_ten_times_as_many_customers_take_no_more_memory(section: str) -> None:
    assert await peak(section, MANY) < 2 * await peak(section, FEW)
