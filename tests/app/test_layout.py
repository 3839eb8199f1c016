"""What is shown of an answer is rounded so that it can be read."""

from fractions import Fraction

import pytest

from app.text.layout import duration, table_of
from journey.instants import DAY, HOUR, MINUTE, SECOND
from projections.figures.answering import answer
from projections.figures.figure import Asked
from projections.figures.measures import Number
from projections.figures.sections import FIGURES
from tests.projections.figures.cases import UNTIL, asked
from tests.projections.figures.cases_forecast import EUR, MOVED, QUARTER
from tests.projections.figures.tables import sqlite


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "0 s"),
        (1, "0 s"),
        (45 * SECOND, "45 s"),
        (90 * SECOND, "1.5 min"),
        (HOUR - 1, "60 min"),
        (HOUR, "1 h"),
        (22 * HOUR + 30 * MINUTE, "22.5 h"),
        (DAY, "1 d"),
        (Fraction(16 * DAY, 5), "3.2 d"),
        (1_234 * DAY + 12 * HOUR, "1,234.5 d"),
        (-90 * MINUTE, "-1.5 h"),
    ],
)
def test_each_duration_is_in_a_unit_of_its_own_size(micros: Number, shown: str) -> None:
    assert duration(micros) == shown


@pytest.mark.parametrize(
    ("figure", "question", "has_bars"),
    [
        ("open_deals", Asked(UNTIL, by=("owner",)), True),
        ("waterfall_value", asked("movement", **QUARTER, **EUR), False),
    ],
)
async def test_what_goes_below_nothing_has_no_bars(figure: str, question: Asked, has_bars: bool) -> None:
    db, ask = sqlite(MOVED)
    table = table_of(await answer(ask, [FIGURES[figure]], question), {}, 12)
    db.close()
    assert table is not None
    assert table.has_bars is has_bars
