"""From what was known at one position to what was at a later one, by steps of one cause after the other."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from journey.definition import Definition
from journey.facts import FOLD_VERSION, Facts, from_row
from streams.operators import By, Decided
from streams.past import Past
from streams.ports import Bodies
from streams.rebuilding import rebuilt
from streams.record_steps import CAUSES, CORRECTION, IMPORT, RETRACTION, RecordStep, SteppedRecord, steps
from streams.set_aside import RETRACT
from streams.units import Generation
from tests.streams.builders import LATER, Bench, at, deal_opened, incoming, link, quick_bench, retraction, sent
from tests.streams.deliveries import Delivery, within
from tests.streams.test_any_order import SHARING, TIGHT, anything, deliveries, thorough

IMPORT_ID = 7


async def derived(by: Definition, bodies: Bodies) -> Facts:
    total: Facts = Counter()
    async for part in rebuilt(by, bodies):
        for row in part.facts:
            fact, count = from_row(row)
            total[fact] += count
    return total


def net(facts: Facts) -> dict[object, int]:
    return {fact: count for fact, count in facts.items() if count}


async def filled(folder: Path, by: Definition, delivery: Delivery, imported: int, withdrawn_after: int) -> Bench:
    """The first lines came by an import, which is retracted after some units."""
    bench = quick_bench(folder, by)
    lines = [incoming(line)._replace(import_id=IMPORT_ID if nth < imported else None) for nth, line in enumerate(delivery.lines)]
    await bench.record.append(lines, LATER)
    turn = 0
    while await bench.place(limit=delivery.sizes[turn % len(delivery.sizes)]):
        turn += 1
        if turn == withdrawn_after:
            await withdraw(bench)
    return bench


async def withdraw(bench: Bench) -> None:
    decided = Decided(By(LATER, "ann", ""), RETRACT, {"import": 1, "import_id": IMPORT_ID})
    generation = Generation(bench.definition.fingerprint, FOLD_VERSION)
    await bench.record.withdraw(IMPORT_ID, lambda: rebuilt(bench.definition, bench.record), generation, LATER, [decided])
    bench.placement.forget()


@settings(thorough, max_examples=max(60, settings().max_examples // 4))
@given(deliveries(anything), st.sampled_from([TIGHT, SHARING]), st.integers(0, 12), st.integers(1, 6), st.integers(0, 9), st.integers(1, 4))
def test_what_steps_change_in_the_facts_adds_up_to_all_that_changed(
    delivery: Delivery, by: Definition, imported: int, withdrawn_after: int, earlier: int, at_once: int
) -> None:
    async def run(folder: Path) -> None:
        bench = await filled(folder, by, delivery, imported, withdrawn_after)
        try:
            later = await bench.record.position()
            first = min(earlier, later)
            found = await steps(bench.record, first, later)
            stepped = SteppedRecord(bench.record, first, found, by)
            before, after = await derived(by, Past(bench.record, first)), await derived(by, Past(bench.record, later))
            assert net(await derived(by, stepped)) == net(before)
            for cause in CAUSES:
                of_cause = [one for one in found if one.cause == cause]
                for start in range(0, len(of_cause), at_once):
                    before.update(await stepped.effect(of_cause[start : start + at_once]))
                assert net(await derived(by, stepped)) == net(before), cause
            assert net(before) == net(after)
            stepped.take_back(found)
            assert net(await derived(by, stepped)) == net(await derived(by, Past(bench.record, first)))
        finally:
            bench.close()

    with within(delivery), TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_what_comes_under_the_name_of_what_goes_takes_its_place_under_all_keys_of_both(bench: Bench) -> None:
    # Several: without it, who of a pair is looked at first decides whether anything goes wrong.
    pairs = [(f"anon:{n}", f"user:{n}") for n in range(1, 9)]
    links = [link(anon, user, at(9), id="e1") for anon, user in pairs]
    await bench.record.append([incoming(line)._replace(import_id=IMPORT_ID) for line in links], LATER)
    await bench.place()
    first = await bench.record.position()
    await withdraw(bench)
    await bench.take(*(sent("demo", anon, at(1), id="e1") for anon, _ in pairs))
    found = await steps(bench.record, first, await bench.record.position())
    assert [step.cause for step in found] == [CORRECTION] * 8 + [IMPORT] * 8
    await check(bench, first, found)


async def test_a_deal_that_is_only_void_when_it_comes_has_its_people_in_the_steps_before(bench: Bench) -> None:
    opened = deal_opened("1", at(9), "user:1", id="e1")
    await bench.take(opened)
    first = await bench.record.position()
    await bench.take(retraction(opened, at(10)))
    await bench.take(deal_opened("1", at(1), "user:2", id="e1"))
    found = await steps(bench.record, first, await bench.record.position())
    assert [step.cause for step in found] == [CORRECTION, RETRACTION, RETRACTION]
    await check(bench, first, found)


async def check(bench: Bench, first: int, found: Sequence[RecordStep]) -> None:
    stepped = SteppedRecord(bench.record, first, found, bench.definition)
    facts = await derived(bench.definition, stepped)
    for step in found:
        facts.update(await stepped.effect([step]))
        assert net(await derived(bench.definition, stepped)) == net(facts), step.cause


async def test_what_stood_is_read_once_however_often_steps_are_taken(bench: Bench) -> None:
    await bench.take(sent("page_view", "user:1", at(1)), deal_opened("1", at(2), "user:1"))
    first = await bench.record.position()
    await bench.take(sent("demo", "user:1", at(3)), sent("order_placed", "user:1", at(4)))
    some = await steps(bench.record, first, await bench.record.position())
    stepped = SteppedRecord(bench.record, first, some, bench.definition)
    effect = await stepped.effect(some)
    stepped.take_back(some)
    asked: list[str] = []
    bench.record.db.set_trace_callback(asked.append)
    assert await stepped.effect(some) == effect
    bench.record.db.set_trace_callback(None)
    assert not [query for query in asked if "FROM touchpoints" in query]
