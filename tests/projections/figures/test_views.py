"""Views: how things stand as of an instant, what came before, how far a unit came."""

from typing import Any

import pytest

from journey.instants import DAY
from projections.figures.compiling import Query, marked
from projections.figures.views import View, history, last_of
from tests.projections.figures.tables import Rows, at, sqlite

STOOD: Rows = {
    "deals": [
        {"deal": "deal:1", "at": "2026-03-01", "nth": 0, "outcome": "open", "amount_minor": 5},
        {"deal": "deal:1", "at": "2026-03-02", "nth": 0, "outcome": "won", "amount_minor": 6},
        {"deal": "deal:1", "at": "2026-03-02", "nth": 1, "outcome": "lost", "amount_minor": 6},
        {"deal": "deal:1", "at": "2026-03-09", "nth": 0, "outcome": "open", "amount_minor": 7},
    ]
}


async def rows(view: View, columns: str, until: str) -> list[Any]:
    db, ask = sqlite(STOOD)
    sql, values = marked(Query(f"SELECT {columns} FROM ({view.sql}) AS v", {"until": at(until)}))
    found = sorted(await ask(sql, *values))
    db.close()
    return found


@pytest.mark.parametrize(
    ("until", "outcome"), [("2026-03-01", "open"), ("2026-03-02", "lost"), ("2026-03-08", "lost"), ("2026-03-09", "open")]
)
async def test_the_last_row_up_to_an_instant_counts(until: str, outcome: str) -> None:
    assert await rows(last_of("deals", "deal"), "outcome", until) == [(outcome,)]
    assert await rows(last_of("deals", "deal", where="outcome = 'won'"), "outcome", until) == []


async def test_a_history_says_until_when_each_row_held_and_knows_nothing_later() -> None:
    held = await rows(history("deals", "deal"), "at, to_at - at, to_day", "2026-03-08")
    assert [(length, to_day) for _, length, to_day in held] == [
        (DAY, "2026-03-02"),
        (0, "2026-03-02"),
        (2**53 - at("2026-03-02"), "9999-12-31"),
    ]
