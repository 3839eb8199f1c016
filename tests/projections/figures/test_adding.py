"""A new figure is one value and one golden case: what the README shows of it. So is a dimension, and a section."""

from fractions import Fraction

import pytest

from projections.figures.answering import answer
from projections.figures.checks import problems
from projections.figures.dimensions import Dimension
from projections.figures.figure import Figure, Section
from projections.figures.leads import leads_at
from projections.figures.measures import count, ratio
from tests.projections.figures.cases import Case, accepted, asked, cells
from tests.projections.figures.tables import sqlite

OWNER = Dimension("owner", "v.owner", says="who answered")

share_accepted = Figure(
    name="share_accepted",
    says="Of the leads that sales answered in the period, the share that was accepted.",
    formula="accepted / (accepted + rejected), dated by the answer",
    unit="share",
    of=leads_at,
    dated="answered",
    by=(OWNER,),
    measure=ratio(count("v.answer = 'accepted'"), count("v.answer IN ('accepted', 'rejected')")),
    reads=("lead_accepted.owner", "lead_rejected.reason"),
)

ANSWERED = Case(
    "by owner and quarter",
    "share_accepted",
    {
        "lead_states": [
            accepted("user:1", "2026-02-01", 1, owner="ann"),
            accepted("user:2", "2026-03-31", 1, owner="ann") | {"answer": "rejected"},
            accepted("user:3", "2026-05-01", 1, owner="bob"),
        ]
    },
    {("ann", "2026-Q1"): Fraction(1, 2), ("ann", "2026-Q2"): None, ("bob", "2026-Q1"): None, ("bob", "2026-Q2"): 1},
    asked("owner", "quarter"),
)


@pytest.mark.parametrize("case", [ANSWERED])
async def test_a_figure_is_one_value_and_one_case(case: Case) -> None:
    db, ask = sqlite(case.rows)
    assert cells(await answer(ask, [share_accepted], case.asked)) == case.cells
    db.close()
    assert problems([Section("mine", "What I ask", "sales", (share_accepted,))]) == []
