"""What changed in the figures between two positions is the same on every record, and its causes add up."""

from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path

import pytest

from app.engine.closed_periods import as_told, close, closings
from app.engine.question import Question
from journey.errors import Refused
from journey.facts import FOLD_VERSION
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from streams.operators import By, Decided
from streams.rebuilding import rebuilt
from streams.set_aside import RETRACT
from streams.units import Generation
from tests.app.test_restatement import Desk, check_adds_up
from tests.contracts.places import Record
from tests.contracts.test_known_at import BEGINNING, DEFINITION, FORM, OTHER, UNTIL
from tests.contracts.test_known_at import Desk as Writing
from tests.streams.builders import LATER, at, link, retraction, sent, unlink

IMPORT = 7
SINCE = [
    sent("content_view", "anon:a", at(-20), id="late"),
    sent("demo", "user:9", at(20), id="new"),
    sent("page_view", "anon:a", at(-1), id="view", url="/another-body"),
    link("anon:b", "user:1", at(5)),
    unlink("anon:a", "user:1", at(6)),
    retraction(FORM, at(7)),
]


@pytest.fixture
async def desk(record: Record) -> Writing:
    desk = Writing(record.histories, record.control)
    await desk.use(DEFINITION)
    return desk


async def test_every_cause_has_its_part_and_they_add_up(desk: Writing) -> None:
    await desk.take(sent("form_submitted", "user:5", at(2), id="wrong", intent="demo"), import_id=IMPORT)
    earlier = await desk.take(*BEGINNING)
    for line in SINCE:
        await desk.take(line)
    generation, decided = Generation(DEFINITION.fingerprint, FOLD_VERSION), {"import": 1, "import_id": IMPORT}
    decisions = [Decided(By(LATER, "ann", ""), RETRACT, decided)]
    await desk.record.withdraw(IMPORT, lambda: rebuilt(DEFINITION, desk.record), generation, LATER, decisions)
    await desk.use(OTHER)
    later = await desk.record.position()
    asking = Desk(desk.record, desk.desk, OTHER)
    told = await asking.restated(Question("marketing", by=("day",), until=UNTIL), earlier, later)
    check_adds_up(told)
    positions = {(share.cause, one.id, one.position) for cell in told.cells for share in cell.causes for one in share.touchpoints}
    causes = {cause for cause, _, _ in positions}
    assert causes == {"touchpoint", "late touchpoint", "correction", "link", "unlink", "retraction", "import", "definition"}
    assert ("late touchpoint", "late", earlier + 1) in positions
    assert ("retraction", "form", earlier + 6) in positions
    assert ("import", "wrong", earlier + 7) in positions


async def test_keys_are_those_under_which_units_brought_voided_or_withdrew_something(desk: Writing) -> None:
    earlier = await desk.take(*BEGINNING)
    await desk.take(SINCE[3])
    last = await desk.take(SINCE[5])
    assert await desk.record.keys_of(earlier, earlier + 1, 9) == {"anon:b", "user:1"}
    assert await desk.record.keys_of(earlier + 1, last, 9) == {"anon:a"}
    assert await desk.record.keys_of(last, last, 9) == set()
    assert len(await desk.record.keys_of(0, last, 2)) == 2


async def test_a_closing_says_what_was_told_and_whether_it_is_worked_out_otherwise_now(desk: Writing, tmp_path: Path) -> None:
    position = await desk.take(*BEGINNING)
    engine = Desk(desk.record, desk.desk, DEFINITION)
    with ExitStack() as stack:
        engine.marketing, engine.sales = (
            stack.enter_context(closing(SqliteReadStore(model, tmp_path / f"{model.name}.db"))) for model in (marketing, sales)
        )
        for store in (engine.marketing, engine.sales):
            await store.apply(desk.record.changes(0))
        with pytest.raises(Refused, match="2026-03 is not over: its last day is 2026-03-31"):
            await close(engine, "2026-03", By(at(20), "ann", "too early"))  # type: ignore[arg-type]
        closed, is_new = await close(engine, "2026-03", By(at(60), "ann", "reported"))  # type: ignore[arg-type]
    assert (is_new, closed.position, await closings(engine)) == (True, position, [closed])  # type: ignore[arg-type]
    for line in SINCE:
        await desk.take(line)
    question = Question("marketing", from_on=date(2026, 3, 1), to_on=date(2026, 4, 1), until=closed.until)
    both = await as_told(engine, closed, question)  # type: ignore[arg-type]
    check_adds_up(both)
    assert both.changed
    assert both.closed.computed_differently == ()
    told = {**closed.told["marketing"], "demand": closed.told["marketing"]["demand"].model_copy(update={"sha256": "other"})}
    other = closed.model_copy(update={"told": {**closed.told, "marketing": told}})
    assert (await as_told(engine, other, question)).closed.computed_differently == ("demand",)  # type: ignore[arg-type]
