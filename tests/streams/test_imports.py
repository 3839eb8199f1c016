"""A retracted import might as well never have been: what only it brought is gone, whatever came before, between and after."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journey.facts import FOLD_VERSION
from projections.marketing import marketing
from projections.sales import sales
from schemas.incoming import Incoming
from streams.dead_letters import sent_again
from streams.operators import By, Decided, State
from streams.past import Past
from streams.ports import OutOfStep
from streams.rebuilding import Anew, rebuilt
from streams.set_aside import RETRACT
from streams.units import Generation, Unit
from tests.streams.brute_force import digest, told
from tests.streams.builders import LATER, Bench, added, at, deal_opened, quick_bench, retraction, sent
from tests.streams.deliveries import Delivery, accepted, within
from tests.streams.test_any_order import EXAMPLES, RESTLESS, TIGHT, anything, echo, what_deals_say, who_is_who

BROKEN = [b'{"broken 1', b'{"broken 2']


class Entry(NamedTuple):
    line: bytes
    import_id: int | None = None


class Again(NamedTuple):
    """The letter of a broken line is fixed and sent again, if it is there and not in."""

    broken: bytes
    fix: bytes


Step = Entry | Again | int
"""Something comes in; a letter is sent again; or the import of that id is retracted."""


async def come(bench: Bench, entries: Sequence[Entry], limit: int = 100) -> list[Unit]:
    """Take in `entries`, some of which came with imports."""
    return await take(
        [Incoming(line, "crm.jsonl", f"crm.jsonl:{nth}", import_id=by) for nth, (line, by) in enumerate(entries)], bench, limit
    )


async def take(incoming: Sequence[Incoming], bench: Bench, limit: int = 100) -> list[Unit]:
    await bench.record.append(incoming, LATER)
    units: list[Unit] = []
    while True:
        try:
            unit = await bench.place(limit)
        except OutOfStep:
            # As a worker does, that does not know of a retraction yet: it starts over.
            continue
        if unit is None:
            return units
        units.append(unit)


async def send_again(bench: Bench, step: Again) -> bool:
    for one in await bench.desk.kept(after=0, limit=9):
        letter = await bench.desk.show(one.number)
        if letter is not None and letter.raw == step.broken and one.state is not State.requeued:
            await bench.desk.fix(one.number, step.fix, By(LATER, "ann", "put right"))
            letter = await bench.desk.show(one.number)
            assert letter is not None
            await take(sent_again(letter), bench)
            return True
    return False


async def retract(bench: Bench, import_id: int) -> int:
    decided = Decided(By(LATER, "ann", "wrong file"), RETRACT, {"import_id": import_id})
    by = Generation(bench.definition.fingerprint, FOLD_VERSION)
    return await bench.record.withdraw(import_id, lambda: rebuilt(bench.definition, bench.record), by, LATER, [decided])


class Record:
    """What a record holds after some steps, by the law itself."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.retracted: set[int] = set()
        self.broken: list[Entry] = []
        self.sent: dict[bytes, bytes] = {}

    def take(self, step: Step) -> None:
        match step:
            case int():
                self.retracted.add(step)
            case Entry() if step.line in BROKEN:
                self.broken.append(step)
            case Entry():
                self.entries.append(step)
            case Again():
                # As if its line had been right in each import that brought it.
                self.entries += [Entry(step.fix, by) for by in self.bringers(step.broken) or [None]]
                self.sent[step.broken] = step.fix
        self.entries = [one for one in self.entries if one.import_id not in self.retracted]
        self.broken = [one for one in self.broken if one.import_id not in self.retracted]

    def bringers(self, broken: bytes) -> list[int | None]:
        """With which imports what is sent again goes in."""
        found = {one.import_id for one in self.broken if one.line == broken}
        return [None] if None in found else list(found)

    @property
    def lines(self) -> list[bytes]:
        return [one.line for one in self.entries]


async def facts_at(bench: Bench, position: int) -> Counter[str]:
    """What was known at `position`, derived from the record as it stood."""
    total: Counter[str] = Counter()
    async for part in rebuilt(bench.definition, Past(bench.record, position)):
        total.update(added(part.facts))
    return total


async def agrees(bench: Bench, record: Record) -> None:
    """Whether all that is there is what came in and was not retracted."""
    expected = told(bench.definition, record.lines)
    digests = [digest(model, expected.facts) for model in (marketing, sales)]
    assert await bench.facts() == expected.plain()
    assert await bench.digests() == digests
    position = await bench.record.position()
    assert await bench.record.digest(position) == accepted(record.lines)
    anew = Anew(bench.definition, bench.record)
    anew.known_at = max(position // 2, await bench.record.last_withdrawal())
    total = await facts_at(bench, anew.known_at)
    async for part in anew.rest():
        total.update(added(part.facts))
    assert Counter({fact: count for fact, count in total.items() if count}) == expected.plain()
    different = Counter(name for name, _ in {_name_and_body(line) for line in record.lines})
    names = {name for name, _ in map(_name_and_body, record.lines)}
    for one in await bench.desk.kept(after=0, limit=9):
        letter = await bench.desk.show(one.number)
        assert letter is not None
        is_in = letter.raw in record.sent and _name_and_body(record.sent[letter.raw])[0] in names
        if one.state is State.requeued:
            assert is_in
        elif record.bringers(letter.raw) and not is_in:
            assert one.state in (State.open, State.fixed)
    assert {one.name for one in await bench.desk.conflicts()} <= {name for name, count in different.items() if count > 1}


def _name_and_body(line: bytes) -> tuple[tuple[str, str, str], str]:
    event = json.loads(line)
    return (event["subject"], event["source"], event["id"]), json.dumps({**event, "time": ""}, sort_keys=True)


async def run(bench: Bench, steps: Sequence[Step], sizes: Sequence[int], between: Sequence[str]) -> None:
    record = Record()
    was: dict[int, Record] = {}
    waiting: list[Entry] = []
    turn = 0

    async def placed() -> None:
        nonlocal turn
        while waiting:
            size = sizes[turn % len(sizes)]
            await come(bench, waiting[:size])
            del waiting[:size]
            match between[turn % len(between)]:
                case "restart":
                    bench.restart()
                case "journeys lost":
                    bench.forget_journeys()
                case "read":
                    await bench.follow()
                case "rebuild":
                    await bench.rebuild(bench.definition)
            turn += 1

    for step in [*steps, 0]:
        if isinstance(step, Entry):
            waiting.append(step)
        else:
            await placed()
            before = Record()
            before.entries = list(record.entries)
            was[await bench.record.position()] = before
            if isinstance(step, Again):
                if not await send_again(bench, step):
                    continue
            elif step:
                await retract(bench, step)
        if step:
            record.take(step)
    await agrees(bench, record)
    for position, then in was.items():
        assert await facts_at(bench, position) == told(bench.definition, then.lines).plain(), "as known then"
        assert await bench.record.digest(position) == accepted(then.lines)
    await bench.rebuild(bench.definition)
    await agrees(bench, record)


@st.composite
def histories(draw: st.DrawFn, kinds: st.SearchStrategy[dict[str, Any]]) -> list[Step]:
    events = draw(st.lists(kinds, min_size=1, max_size=10))
    events += draw(st.lists(echo(events), max_size=8))
    events = list(draw(st.permutations(events)))
    bringers = st.sampled_from([None, 1, 1, 2, 2, 3])
    steps: list[Step] = [Entry(json.dumps(one).encode(), draw(bringers)) for one in events]
    for line, _ in draw(st.lists(st.sampled_from([one for one in steps if isinstance(one, Entry)]), max_size=8)):
        steps.insert(draw(st.integers(0, len(steps))), Entry(line, draw(bringers)))
    for broken in draw(st.lists(st.sampled_from(BROKEN), max_size=2, unique=True)):
        event = draw(st.sampled_from(events))
        fix = json.dumps({**event, "id": draw(st.sampled_from([event["id"], "put-right"]))}).encode()
        before, after = draw(st.lists(bringers, min_size=1, max_size=2)), draw(st.lists(bringers, max_size=1))
        chain: list[Step] = [*(Entry(broken, by) for by in before), Again(broken, fix), *(Entry(broken, by) for by in after)]
        where = sorted(draw(st.lists(st.integers(0, len(steps)), min_size=len(chain), max_size=len(chain))))
        for place, step in reversed(list(zip(where, chain, strict=True))):
            steps.insert(place, step)
    for retracted in draw(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3, unique=True)):
        steps.insert(draw(st.integers(len(steps) // 3, len(steps))), retracted)
    return steps


thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
units = st.lists(st.sampled_from([1, 2, 3, 100]), min_size=1, max_size=4)
meanwhile = st.lists(st.sampled_from(["", "", "restart", "journeys lost", "read", "rebuild"]), min_size=1, max_size=4)
nears = st.sampled_from([(1, 1), (1, 3), (1, 100), (3, 2), (100, 100)])


@thorough
@pytest.mark.parametrize("by", ["tight", "restless"])
@given(steps=st.one_of(*map(histories, (anything, what_deals_say, who_is_who))), sizes=units, between=meanwhile, near=nears)
def test_what_is_left_is_a_record_into_which_it_never_came(
    by: str, steps: list[Step], sizes: list[int], between: list[str], near: tuple[int, int]
) -> None:
    async def whole() -> None:
        with TemporaryDirectory() as folder:
            bench = quick_bench(Path(folder), {"tight": TIGHT, "restless": RESTLESS}[by])
            try:
                await run(bench, steps, sizes, between)
            finally:
                bench.close()

    with within(Delivery([], near=near)):
        asyncio.run(whole())


DEAL = deal_opened("1", at(1), "anon:a", id="d")


@pytest.mark.parametrize(
    "bad", [retraction(DEAL, at(2)), deal_opened("1", at(0), id="d")], ids=["that takes it back", "that counts in its place"]
)
async def test_who_only_counts_without_it_is_derived(bench: Bench, bad: bytes) -> None:
    """Nobody was told of the person until now: what names it in a deal did not count when it came."""
    await come(bench, [Entry(bad, 1)])
    await come(bench, [Entry(DEAL)])
    await retract(bench, 1)
    record = Record()
    record.take(Entry(DEAL))
    await agrees(bench, record)
    await come(bench, [Entry(retraction(DEAL, at(3)))])
    record.take(Entry(retraction(DEAL, at(3))))
    await agrees(bench, record)


async def test_what_is_left_of_a_conflict_is_stored_where_it_is_named(bench: Bench) -> None:
    view, of_a_deal = sent("page_view", "user:1", at(0), id="v"), sent("page_view", "user:1", at(0), id="v", deal="1")
    record = Record()
    steps: list[Step] = [Entry(view), Entry(of_a_deal, 1), 1, Entry(retraction(view, at(1)), 2), Entry(of_a_deal), 2, Entry(of_a_deal, 3)]
    for step in steps:
        if isinstance(step, Entry):
            await come(bench, [step])
        else:
            await retract(bench, step)
        record.take(step)
        await agrees(bench, record)
