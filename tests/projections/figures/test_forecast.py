"""The waterfall of random deals, told movement by movement in plain Python, and that it adds up."""

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.figures.answering import answer
from projections.figures.figure import Asked
from projections.figures.sections import FIGURES
from tests.projections.figures.cases import cells
from tests.projections.figures.cases_forecast import QUARTER, stood
from tests.projections.figures.tables import at, sqlite

UNTIL = at("2026-08-01")
FIRST, AFTER = QUARTER["from_on"], QUARTER["to_on"]
DAYS = ("2026-03-30", "2026-03-31", FIRST, "2026-05-01", "2026-06-30", AFTER, "2026-07-20")

states = st.tuples(
    st.sampled_from(DAYS),
    st.sampled_from(("open", "open", "open", "won", "lost", "abandoned")),
    st.integers(0, 3),
    st.sampled_from(("", "2026-03-31", FIRST, "2026-06-30", AFTER)),
    st.sampled_from(("EUR", "EUR", "USD")),
)
histories = st.lists(st.lists(states, min_size=1, max_size=5), min_size=1, max_size=3)
State = tuple[str, str, int, str, str]


def movements(history: list[State]) -> Counter[tuple[str, str]]:
    """What one deal does to the quarter, by movement and currency."""
    found: Counter[tuple[str, str]] = Counter()
    held: tuple[int, str] | None = None  # What the quarter holds of it, and in which currency.
    outcome_before = ""
    before = [one for one in history if one[0] < FIRST]
    for state in [*before[-1:], *(one for one in history if FIRST <= one[0] < AFTER)]:
        on, outcome, amount, expected, currency = state
        is_in = outcome == "open" and FIRST <= expected < AFTER
        if on < FIRST:
            if is_in:
                found["opening", currency] += amount
        elif held is not None:
            was, was_in = held
            if was_in == currency:
                found["raised" if amount > was else "lowered", currency] += amount - was
            else:
                found["lowered", was_in] -= was
                found["raised", currency] += amount
            if not is_in:
                found[{"open": "slipped", "won": "won"}.get(outcome, "lost"), currency] -= amount
        elif is_in:
            found[{"": "created", "open": "pulled_in"}.get(outcome_before, "reopened"), currency] += amount
        held, outcome_before = ((amount, currency) if is_in else None), outcome
    if held is not None:
        found["closing", held[1]] += held[0]
    return found


@given(histories)
@settings(max_examples=100, deadline=None)
async def test_what_moves_adds_up_and_is_what_each_deal_did(deals: list[list[State]]) -> None:
    rows: list[dict[str, Any]] = []
    expected: Counter[tuple[str, str]] = Counter()
    for number, some in enumerate(deals):
        history = sorted(some, key=lambda one: one[0])
        rows += [
            stood(f"{number}", on, outcome, amount, day, currency=currency, nth=nth)
            for nth, (on, outcome, amount, day, currency) in enumerate(history)
        ]
        expected.update(movements(history))
    db, ask = sqlite({"deals": rows})
    asked = Asked(UNTIL, by=("movement", "currency"), **QUARTER)
    found = cells(await answer(ask, [FIGURES["waterfall_value"]], asked))
    db.close()
    assert {key: value for key, value in found.items() if value} == {key: value for key, value in expected.items() if value}
    for currency in ("EUR", "USD"):
        moved = sum(value for (movement, of), value in found.items() if of == currency and movement != "closing")
        assert moved == found.get(("closing", currency), 0)
