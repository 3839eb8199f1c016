"""How SQLite goes about figures: no table is read whole for each row of another, so that none takes the square of what is there.

Its tables are kept by their keys, and it makes no index of them by itself: what is joined by other columns is a subquery of its own.
"""

from pathlib import Path

import pytest

from projections.figures.compiling import compiled, marked
from projections.figures.figure import Asked, Section
from projections.figures.sections import SECTIONS
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from tests.projections.figures.cases import UNTIL

MODELS = {"marketing": marketing, "sales": sales}


@pytest.mark.parametrize("section", SECTIONS, ids=[section.name for section in SECTIONS])
def test_no_table_is_read_whole_for_each_row_of_another(section: Section, tmp_path: Path) -> None:
    store = SqliteReadStore(MODELS[section.model], tmp_path / "model.db")
    found = []
    for figure in section.figures:
        for by in ((), *((name,) for name in figure.breakdowns)):
            sql, values = marked(compiled([figure], Asked(UNTIL, by=by)))
            plan = [step for *_, step in store.db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            found += [(figure.name, *by, step) for step in plan if step.startswith("SCAN") and "LEFT-JOIN" in step]
    store.close()
    assert not found
