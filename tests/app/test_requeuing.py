"""Dead letters put right and sent again: the read models are those of a run in which they had been right from the start."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.engine.embedded import Embedded
from app.engine.requeuing import requeue_named, requeue_waiting
from journey.instants import DAY
from schemas import decode as decoding
from schemas import upcasters
from schemas.incoming import Incoming
from streams.operators import By, State
from tests.faults.test_failing_calls import Failing
from tests.streams.builders import at, deal_opened, link, retraction, sent

LONG_AGO = -700
"""Days before the builders' Monday: what is sent again now must not be in the future."""

RECORDED = at(LONG_AGO + 100)
BY = By(RECORDED, "ann", "put right")


def day(number: float) -> int:
    return at(LONG_AGO + number)


VIEW = sent("page_view", "anon:a", day(0), utm_source="google", utm_medium="cpc")
RIGHT = [
    VIEW,
    sent("form_submitted", "anon:a", day(1), intent="demo"),
    link("anon:a", "user:1", day(2)),
    sent("demo", "user:1", day(3)),
    deal_opened("1", day(4), "user:1", "user:2"),
    sent("deal_updated", "deal:1", day(5), stage="proposal"),
    sent("close", "deal:1", day(6), outcome="won"),
    retraction(VIEW, day(7)),
    sent("page_view", "user:2", day(3), id="twice", url="/a"),
    sent("page_view", "user:2", day(3), id="twice", url="/b"),
]


def broken(line: bytes, number: int, how: str) -> Incoming:
    """`line` as it came, unreadable in one of several ways."""
    place = f"in.jsonl:{number}"
    match how:
        case "no zone":
            return Incoming(line.replace(b'Z"', b'"', 1), "in.jsonl", place)
        case "no JSON":
            return Incoming(line[:-1], "in.jsonl", place)
        case "unknown type":
            return Incoming(line.replace(b'"type":"', b'"type":"x_'), "in.jsonl", place)
        case "a row without a map":
            return Incoming(b"%d;%b" % (number, line[:20]), "crm.csv", f"crm.csv:{number}", reason="column 'when' is empty")
        case "made wrong":
            return Incoming(b"%d;row" % number, "crm.csv", f"crm.csv:{number}", body=line.replace(b'"specversion":"1.0",', b""))
    return Incoming(line, "in.jsonl", place)


WAYS = ["no zone", "no JSON", "unknown type", "a row without a map", "made wrong", "too far ahead", ""]


@contextmanager
def engine_in(folder: Path) -> Iterator[Embedded]:
    """An engine that does not wait for the disk."""
    with closing(Embedded(folder, read_only=False)) as engine:
        for db in (engine.record.db, engine.marketing.db, engine.sales.db):
            db.execute("PRAGMA synchronous = OFF")
        yield engine


async def take(engine: Embedded, records: Sequence[Incoming], recorded_at: int = RECORDED) -> None:
    await engine.record.append(records, recorded_at)
    await engine.place()
    await engine.follow()


async def digests(engine: Embedded) -> list[Any]:
    found = await engine.digest()
    return [found["marketing"], found["sales"]]


async def expected(lines: Sequence[bytes] = RIGHT) -> list[Any]:
    with TemporaryDirectory() as folder, engine_in(Path(folder)) as engine:
        await engine.start()
        await take(engine, [Incoming(line, "in.jsonl", "in.jsonl") for line in lines])
        return await digests(engine)


@pytest.fixture(scope="module")
def undisturbed() -> list[Any]:
    return asyncio.run(expected())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Embedded]:
    with engine_in(tmp_path) as engine:
        asyncio.run(engine.start())
        yield engine


class Story(NamedTuple):
    ways: list[str]
    """How each of RIGHT is broken."""
    deeds: list[tuple[str, int]]
    """What is done, and to which."""


STORIES = some.builds(
    Story,
    some.lists(some.sampled_from(WAYS), min_size=len(RIGHT), max_size=len(RIGHT)),
    some.lists(
        some.tuples(
            some.sampled_from(["fix", "fix wrongly", "requeue", "requeue all", "seen again", "dismiss", "restart"]),
            some.integers(0, len(RIGHT) - 1),
        ),
        max_size=25,
    ),
)


async def played(folder: Path, story: Story) -> list[Any]:
    """Everything broken comes in; the deeds are done; what is left is fixed and sent again, all of it twice."""
    records = [broken(line, number, how) for number, (line, how) in enumerate(zip(RIGHT, story.ways, strict=True), start=1)]
    with engine_in(folder) as engine:
        await engine.start()
        for one, how in zip(records, story.ways, strict=True):
            await take(engine, [one], day(-10) if how == "too far ahead" else RECORDED)
        letters = {one.place: one.number for one in await engine.desk.kept(after=0, limit=100)}
        assert len(letters) == sum(how != "" for how in story.ways)
        for deed, index in story.deeds:
            await do(engine, deed, records[index], RIGHT[index], letters.get(records[index].place))
        for one, line, how in zip(records, RIGHT, story.ways, strict=True):
            # What was too far ahead goes in as it is, unless somebody has put something else in its place.
            if how and (how != "too far ahead" or await is_fixed(engine, letters[one.place])):
                await do(engine, "fix", one, line, letters[one.place])
        for _ in range(2):
            await requeue_waiting(engine, None, BY)
            await requeue_named(engine, list(letters.values()), BY)
        for letter in await engine.desk.kept(after=0, limit=100):
            assert letter.state is State.requeued
            shown = await engine.desk.show(letter.number)
            assert shown is not None
            assert shown.raw == next(one for one in records if one.place == letter.place).raw
        return await digests(engine)


async def is_fixed(engine: Embedded, number: int) -> bool:
    letter = await engine.desk.show(number)
    return letter is not None and letter.fix is not None


async def do(engine: Embedded, deed: str, one: Incoming, line: bytes, number: int | None) -> None:
    if deed == "seen again":
        await take(engine, [one])
    elif deed == "restart":
        await engine.start()
    elif deed == "requeue all":
        await requeue_waiting(engine, None, BY)
    elif number is not None:
        letter = await engine.desk.show(number)
        assert letter is not None
        if letter.kept.state is State.requeued:
            return
        match deed:
            case "fix":
                await engine.desk.fix(number, line, BY)
            case "fix wrongly":
                await engine.desk.fix(number, b"{", BY)
            case "dismiss":
                await engine.desk.dismiss([number], [], BY)
            case "requeue" if letter.fix or not letter.kept.needs_fix:
                for _ in range(2):
                    await requeue_named(engine, [number], BY)


@settings(deadline=None, max_examples=50)
@given(STORIES)
def test_fixed_and_sent_again_in_any_order_they_count_as_if_right_from_the_start(undisturbed: list[Any], story: Story) -> None:
    with TemporaryDirectory() as folder:
        assert asyncio.run(played(Path(folder), story)) == undisturbed


async def test_sent_again_twice_is_once(engine: Embedded) -> None:
    await take(engine, [broken(VIEW, 1, "no zone")])
    await engine.desk.fix(1, VIEW, BY)
    first = await requeue_named(engine, [1, 1], BY)
    assert (first.sent, first.came_in) == (1, 1)
    again = await requeue_named(engine, [1], BY)
    assert (again.sent, again.before, again.position) == (0, [1], first.position)
    assert [one.action for one in await engine.desk.decisions("requeue")] == ["requeue"]


async def test_what_a_later_version_reads_goes_in_as_it_is(engine: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    line = orjson.dumps({**orjson.loads(VIEW), "type": "page_seen"})
    await take(engine, [Incoming(line, "in.jsonl", "in.jsonl:1"), broken(VIEW, 2, "no JSON")])
    (still, _) = (await requeue_waiting(engine, None, BY)).still
    assert still.code == "unknown-type"
    steps = {**upcasters.UPCASTERS, ("page_seen", 1): lambda name, version, data: ("page_view", 1, data)}
    monkeypatch.setattr(decoding, "UPCASTERS", steps)
    monkeypatch.setattr(decoding, "upcast", lambda name, version, data: upcasters.upcast(name, version, data, steps))
    decoding._reader.cache_clear()
    done = await requeue_waiting(engine, "unknown-type", BY)
    assert (done.sent, done.came_in, done.still) == (1, 1, [])
    assert [one.state for one in await engine.desk.kept(after=0, limit=9)] == [State.requeued, State.open]


async def test_too_far_ahead_is_judged_by_when_it_is_sent_again(engine: Embedded) -> None:
    await take(engine, [Incoming(VIEW, "in.jsonl", "in.jsonl:1")], day(0) - 2 * DAY)
    far = orjson.dumps({**orjson.loads(VIEW), "time": "9990-01-01T00:00:00Z", "id": "far"})
    await take(engine, [Incoming(far, "in.jsonl", "in.jsonl:2")])
    done = await requeue_waiting(engine, "too-far-ahead", BY)
    assert done.came_in == 1
    assert [(one.number, one.code, one.state) for one in done.still] == [(2, "too-far-ahead", State.open)]


async def test_what_nothing_can_be_made_of_waits_for_a_fix(engine: Embedded) -> None:
    await take(engine, [broken(VIEW, 1, "a row without a map"), broken(RIGHT[1], 2, "no zone")])
    done = await requeue_waiting(engine, None, BY)
    assert (done.need_fix, done.sent) == ([1], 1)


async def test_a_fix_under_an_id_that_is_taken_is_a_conflict_as_ever(engine: Embedded) -> None:
    await take(engine, [Incoming(RIGHT[8], "in.jsonl", "in.jsonl:1"), broken(RIGHT[9], 2, "no zone")])
    await engine.desk.fix(1, RIGHT[9], BY)
    assert (await requeue_named(engine, [1], BY)).came_in == 1
    assert len(await engine.desk.conflicts()) == 1


CALLS_MAX = 300


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_whichever_call_to_the_database_fails_the_same_command_again_comes_to_the_same_end(tmp_path: Path, done: bool) -> None:
    wrong = [broken(line, number, "no zone" if number % 3 else "") for number, line in enumerate(RIGHT)]
    start = tmp_path / "start"
    start.mkdir()
    with engine_in(start) as engine:
        await engine.start()
        await take(engine, wrong)
        letters = [one.number for one in await engine.desk.kept(after=0, limit=100)]
        lines = [line for number, line in enumerate(RIGHT) if number % 3]
        for number, line in zip(letters, lines, strict=True):
            await engine.desk.fix(number, line, BY)
    wanted = await expected()
    for call in range(1, CALLS_MAX):
        folder = Path(mkdtemp(dir=tmp_path))
        copytree(start, folder, dirs_exist_ok=True)
        with engine_in(folder) as engine:
            await engine.start()
            real = engine.record.db
            failing = Failing(real, call, done=done)
            engine.record.db = engine.desk.db = failing  # type: ignore[assignment]  # it does what a connection does, until it does not
            try:
                await requeue_named(engine, letters, BY)
            except sqlite3.OperationalError:
                assert failing.failed
            finally:
                engine.record.db = engine.desk.db = real
        with engine_in(folder) as engine:
            await engine.start()
            again = await requeue_named(engine, letters, BY)
            assert again.came_in + len(again.before) == len(letters)
            assert await digests(engine) == wanted
        if not failing.failed:
            return
    raise AssertionError(f"more than {CALLS_MAX} calls")
