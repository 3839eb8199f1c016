"""What is shown of an answer is rounded so that it can be read."""

from fractions import Fraction

import pytest

from app.text.layout import duration
from journey.instants import DAY, HOUR, MINUTE, SECOND
from projections.figures.measures import Number


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
