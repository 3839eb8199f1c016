"""Survival: as a library has it, and without people in memory."""

from random import Random

import numpy as np
import pytest
from scipy import stats

from journey.instants import DAY
from projections.figures.answering import answer
from projections.figures.figure import Asked, Where
from projections.figures.sections import FIGURES
from tests.projections.figures.cases import UNTIL, stage
from tests.projections.figures.tables import Rows, sqlite

PEOPLE = 300


def stays(seed: int) -> tuple[Rows, list[int], list[int]]:
    """Stays of random lengths, some still going on: those that ended and those that have not, in days, begun ones counted whole."""
    random = Random(seed)
    rows, ended, going_on = [], [], []
    for nth in range(PEOPLE):
        seen = random.randrange(1, 150 * DAY)
        stay = random.choice([random.randrange(40 * DAY), random.randrange(40) * DAY, random.randrange(300 * DAY)])
        began = UNTIL - seen
        rows += [
            {**stage(f"user:{nth}", "2026-01-01", "awareness"), "at": began},
            {**stage(f"user:{nth}", "2026-01-01", "lost", "awareness"), "at": began + stay},
        ]
        days = -(-min(stay, seen) // DAY)
        (ended if stay <= seen else going_on).append(days)
    return {"stages": rows}, ended, going_on


@pytest.mark.parametrize("seed", range(5))
async def test_stays_last_as_long_as_scipy_says(seed: int) -> None:
    rows, ended, going_on = stays(seed)
    known = stats.ecdf(stats.CensoredData(uncensored=ended, right=going_on)).sf
    db, ask = sqlite(rows)
    figures = [FIGURES[name] for name in ("still_after_7", "still_after_30", "still_after_90", "stay_median", "stay_p90")]
    told = await answer(ask, figures, Asked(UNTIL, where=(Where("stage", ("awareness",)),)))
    db.close()
    week, month, quarter, median, p90 = (figure.cells[0].value for figure in told.figures)
    assert [float(share) for share in (week, month, quarter)] == pytest.approx(known.evaluate([7, 30, 90]), abs=1e-6)
    for value, left in ((median, 0.5), (p90, 0.1)):
        below = known.quantiles[np.asarray(known.probabilities) <= left + 1e-12]
        assert value == (int(below[0]) * DAY if len(below) else None)
