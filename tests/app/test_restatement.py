"""What changed in the figures between two positions: the causes add up, whatever came, in whatever order."""

import asyncio
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine import restatement
from app.engine.known_state import KnownState, read_model
from app.engine.question import Question
from app.engine.restatement import answered, restated
from journey.definition import Definition
from projections.figures.figure import Model
from projections.figures.restatements import CellBetween, CellValue, Restatement
from projections.marketing import marketing
from projections.read_model import ReadStore
from projections.sales import sales
from schemas.definition_files import dump_definition
from streams.operators import ControlLog
from streams.past import Past
from streams.ports import Histories
from tests.streams.builders import LATER, at
from tests.streams.deliveries import Delivery, within
from tests.streams.test_any_order import RESTLESS, TIGHT, anything, deliveries, thorough
from tests.streams.test_record_steps import filled

BY, OTHER = (by.model_copy(update={"bounds": by.bounds.model_copy(update={"evidence_max": 10})}) for by in (TIGHT, RESTLESS))
UNTIL = at(120) - 1
MODELS = {"marketing": marketing, "sales": sales}


@dataclass
class Desk:
    """As much of an engine as it takes."""

    record: Histories
    desk: ControlLog
    by: Definition
    marketing: ReadStore | None = None
    sales: ReadStore | None = None

    async def definition(self) -> Definition:
        return self.by

    async def knows(self, *definitions: Definition) -> None:
        for one in definitions:
            detail = {"file": "a file", "fingerprint": one.fingerprint, "yaml": dump_definition(one)}
            await self.desk.decide(at=LATER, actor="ann", action="definition", reason="", detail=detail)

    async def restated(self, question: Question, earlier: int, later: int) -> Restatement:
        return await restated(self, question, earlier, later)  # type: ignore[arg-type]


def numbers(told: CellValue) -> list[Fraction]:
    values = told.value if isinstance(told.value, tuple) else (told.value,)
    return [Fraction(one or 0) for one in (*values, told.n, told.part, told.whole)]


def sum_of_causes(cell: CellBetween) -> list[Fraction]:
    each = [numbers(share.difference) for share in cell.causes]
    return [sum(some, Fraction(0)) for some in zip(*each, strict=True)] or [Fraction(0)] * len(numbers(cell.difference))


def check_adds_up(told: Restatement) -> None:
    for cell in told.cells:
        after_less_before = [now - was for now, was in zip(*_padded(numbers(cell.after), numbers(cell.before)), strict=True)]
        assert numbers(cell.difference) == after_less_before
        # Where there is no value before and after, there may have been one in between.
        summed, expected = _padded(sum_of_causes(cell), after_less_before)
        assert summed == expected, cell
        for share in cell.causes:
            assert share.of >= 1
            assert share.touchpoints
            assert all(told.earlier < one.position <= told.later for one in share.touchpoints)


def _padded(one: list[Fraction], other: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """Of several quantiles none may be known."""
    size = max(len(one), len(other))
    return [Fraction(0)] * (size - len(one)) + one, [Fraction(0)] * (size - len(other)) + other


@settings(thorough, max_examples=max(12, settings().max_examples // 8))
@given(
    deliveries(anything),
    st.sampled_from([("marketing", by) for by in ((), ("month",), ("channel",))] + [("sales", by) for by in ((), ("month",), ("owner",))]),
    st.tuples(st.integers(0, 12), st.integers(1, 6)),
    st.integers(0, 9),
    st.sampled_from([0, 2, 200]),
    st.booleans(),
)
def test_the_causes_of_every_cell_add_up_to_its_difference(
    delivery: Delivery, asked: tuple[Model, tuple[str, ...]], withdrawn: tuple[int, int], earlier: int, asked_max: int, other: bool
) -> None:
    model, by = asked

    async def run(folder: Path) -> None:
        bench = await filled(folder, BY, delivery, *withdrawn)
        try:
            desk = Desk(bench.record, bench.desk, BY)
            await desk.knows(BY, OTHER)
            if other:
                await bench.rebuild(OTHER)
            later = await bench.record.position()
            first = min(earlier, later)
            question = Question(model, by=by, until=UNTIL)
            told = await desk.restated(question, first, later)
            check_adds_up(told)
            for position, definition, side in ((first, None, "before"), (later, OTHER if other else BY, "after")):
                definition = definition or (OTHER if other and first == later else BY)
                async with read_model(MODELS[model], KnownState(definition, Past(bench.record, position))) as store:
                    cells = (await answered(store, question, definition)).told
                said = {(one.figure, tuple(one.group.items()), one.currency): getattr(one, side) for one in told.cells}
                assert cells == {key: said[key] for key in cells}
        finally:
            bench.close()

    with within(delivery), TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(restatement, "QUESTIONS_PER_CAUSE_MAX", asked_max)
        asyncio.run(run(Path(folder)))
