"""Every figure has a golden case, and both databases answer all of them."""

from importlib import import_module
from pathlib import Path

import pytest

from projections.figures.answering import answer
from projections.figures.answers import Answer
from projections.figures.sections import FIGURES
from projections.read_model import Ask
from tests.projections.figures.cases import Case, cells
from tests.projections.figures.tables import filled, postgres, sqlite

CASES = [case for path in sorted(Path(__file__).parent.glob("cases*.py")) for case in import_module(f"{__package__}.{path.stem}").CASES]


async def answered(case: Case, ask: Ask) -> Answer:
    return await answer(ask, [FIGURES[case.figure]], case.asked)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.figure}: {case.says}" for case in CASES])
async def test_a_figure_comes_to(case: Case) -> None:
    db, ask = sqlite(case.rows)
    found = cells(await answered(case, ask))
    db.close()
    assert list(found.items()) == list(case.cells.items())


async def test_postgresql_answers_every_case_as_sqlite_does(database: str) -> None:
    async with postgres(database) as postgresql:
        for case in CASES:
            db, ask = sqlite(case.rows)
            expected = await answered(case, ask)
            db.close()
            assert await answered(case, await filled(postgresql, case.rows)) == expected, case.says


def test_every_figure_has_its_case() -> None:
    assert FIGURES.keys() == {case.figure for case in CASES}
