"""What is PostgreSQL's own in keeping the record: many writers, some of which freeze; a server that goes away; tables that change."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from journey.errors import Away, Busy, Refused
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from streams.operators import State
from streams.placement import Placement
from streams.ports import OutOfStep, Pruned, Raced
from streams.postgres import database as bounds
from streams.postgres import lock_sessions as awake
from streams.postgres import record as record_module
from streams.postgres.desk import PostgresDesk
from streams.postgres.record import PostgresRecord, nothing
from streams.postgres.tables import MIGRATIONS, migrate
from streams.postgres.unit_statements import PART_FACTS_MAX
from streams.units import Change, DeadLetter, DerivedPart, Generation, Recorded, Unit
from tests.contracts.units import commit, name, row
from tests.services.service import Service
from tests.streams import freezing
from tests.streams.builders import LATER, at, sent

pytestmark = pytest.mark.postgres

TOPIC = "the id of a topic"
BY = Generation("a definition", 1)
FACT = ["touched", 1, "user:1", "2026-03-02", "Direct", ""]
SECONDS_MAX = 30.0


@pytest.fixture
async def one(database: str) -> AsyncIterator[PostgresRecord]:
    record = await PostgresRecord.open(database, TOPIC)
    yield record
    await record.close()


@pytest.fixture
async def other(database: str) -> AsyncIterator[PostgresRecord]:
    """Another worker's."""
    record = await PostgresRecord.open(database, TOPIC)
    yield record
    await record.close()


SILENCE_MS_MAX = 500
OUR_LOCKS = "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@pytest.fixture
def short_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that hold something may be silent for a moment only."""
    monkeypatch.setattr(awake, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(bounds, "ALONE_IDLE_MS_MAX", SILENCE_MS_MAX)
    monkeypatch.setattr(bounds, "ALONE_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(record_module, "TURN_IDLE_MS_MAX", SILENCE_MS_MAX)


def work(seconds: float = 3 * SILENCE_MS_MAX / 1000) -> None:
    """Python's, which nothing else in the event loop comes in between."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def view(subject: str = "user:1", when: int = at(0), **data: Any) -> bytes:
    return sent("page_view", subject, when, **data)


def unit(partition: int, *lines: bytes, after: int = -1, **more: Any) -> Unit:
    """The next unit of a partition of its own."""
    return Unit({partition: after}, {partition: after + max(1, len(lines))}, LATER, rows=[row(line) for line in lines], **more)


async def stored(record: PostgresRecord, *keys: str) -> int:
    return sum(len(found) for found in (await record.bodies(keys)).values())


# --- two writers


async def test_of_two_that_change_a_subject_the_second_is_raced_and_stores_nothing(one: PostgresRecord, other: PostgresRecord) -> None:
    await commit(one, view(), versions={"user:1": 0})
    read = {"user:1": 1}
    assert await other.versions(["user:1"]) == read
    assert await one.commit(unit(1, view(when=at(1)), versions=read)) == 2
    late = unit(2, view(when=at(2)), versions=read, facts=[FACT], journeys={"user:1": b"{}"}, persons={"user:1": "user:1"})
    with pytest.raises(Raced):
        await other.commit(late)
    assert await other.position() == 2
    assert await other.offsets() == {0: 0, 1: 0}
    assert await stored(other, "user:1") == 2
    assert await other.journeys(["user:1"]) == {}
    assert await other.versions(["user:1"]) == {"user:1": 2}
    late.versions = {"user:1": 2}
    assert await other.commit(late) == 3


@pytest.mark.parametrize("is_letter_first", [True, False])
async def test_of_a_letter_and_what_it_was_meant_to_be_the_second_to_commit_knows_of_the_first(
    one: PostgresRecord, other: PostgresRecord, is_letter_first: bool
) -> None:
    """Neither has ended when the other one comes: whoever wants a position is kept waiting until both are at work."""
    right = view()
    bad = right.replace(b'"subject":"user:1"', b'"subject":"user:1","dataschema":"page_view/v9"')
    placed = [
        (Placement(default_definition(), record), [Recorded(partition, 0, LATER, Incoming(line, "test", "test:1"))], record)
        for partition, (record, line) in enumerate([(one, bad), (other, right)])
    ]
    units = [await placement.place(batch, {}) for placement, batch, _ in placed]
    order = (0, 1) if is_letter_first else (1, 0)
    async with one.database.connection() as db:
        async with db.transaction():
            await db.execute("SELECT position FROM journey.last FOR UPDATE")
            committing = []
            for nth in order:
                committing.append(asyncio.create_task(placed[nth][2].commit(units[nth])))
                async with asyncio.timeout(SECONDS_MAX):
                    while await db.fetchval("SELECT COUNT(DISTINCT pid) FROM pg_locks WHERE NOT granted") < len(committing):
                        await asyncio.sleep(0.01)
        done = await asyncio.gather(*committing, return_exceptions=True)
    for nth, result in zip(order, done, strict=True):
        if isinstance(result, Raced):
            await placed[nth][0].run(placed[nth][1], {})
    (letter,) = await PostgresDesk(one.database).kept(after=0, limit=9)
    assert letter.state is State.arrived


async def test_of_two_that_are_the_first_of_a_subject_the_second_is_raced(one: PostgresRecord, other: PostgresRecord) -> None:
    await one.commit(unit(1, view(), versions={"user:1": 0}))
    with pytest.raises(Raced):
        await other.commit(unit(2, view(when=at(1)), versions={"user:1": 0}))


async def test_what_a_unit_only_rests_on_must_not_have_changed_either(one: PostgresRecord, other: PostgresRecord) -> None:
    await one.commit(unit(1, view("user:2"), versions={"user:2": 0}))
    for read in (0, 2):
        with pytest.raises(Raced):
            await other.commit(unit(2, view(), versions={"user:1": 0, "user:2": read}))
    assert await other.commit(unit(2, view(), versions={"user:1": 0, "user:2": 1})) == 2


async def test_a_version_that_never_was_is_raced(one: PostgresRecord) -> None:
    with pytest.raises(Raced):
        await one.commit(unit(1, view(), versions={"user:1": 3}))
    assert await one.versions(["user:1"]) == {}


async def test_to_look_at_what_is_not_there_leaves_nothing_behind_that_others_see(one: PostgresRecord, other: PostgresRecord) -> None:
    await one.commit(unit(1, view(), versions={"user:1": 0, "user:2": 0}))
    assert await one.versions(["user:1", "user:2"]) == {"user:1": 1}
    assert await one.subjects("", 10) == ["user:1"]
    assert await other.commit(unit(2, view("user:2"), versions={"user:2": 0})) == 2


async def test_two_that_rest_on_what_the_other_changes_never_both_commit(one: PostgresRecord, other: PostgresRecord) -> None:
    """Each would be right on its own, and both together wrong: in whichever way they interleave, one has to read again."""
    for number in range(20):
        a, b = f"user:a{number}", f"user:b{number}"
        mine = unit(1, view(a), after=number - 1, versions={a: 0, b: 0})
        theirs = unit(2, view(b), after=number - 1, versions={a: 0, b: 0})
        done = await asyncio.gather(one.commit(mine), other.commit(theirs), return_exceptions=True)
        raced = [result for result in done if isinstance(result, Raced)]
        assert len(raced) == 1, done
        again, record = (mine, one) if isinstance(done[0], Raced) else (theirs, other)
        again.versions = {key: (await record.versions([key])).get(key, 0) for key in (a, b)}
        await record.commit(again)


async def test_positions_are_the_order_of_commits_and_failures_leave_no_gap(one: PostgresRecord, other: PostgresRecord) -> None:
    async def write(record: PostgresRecord, partition: int) -> list[int]:
        made = []
        for number in range(20):
            if number % 5 == 4:
                with pytest.raises(OutOfStep):
                    await record.commit(unit(partition, after=99))
            facts = [["touched", 1, f"user:{partition}-{number}", "2026-03-02", "Direct", ""]]
            made.append(await record.commit(unit(partition, after=number - 1, facts=facts)))
        return made

    first, second = await asyncio.gather(write(one, 1), write(other, 2))
    assert first == sorted(first)
    assert sorted(first + second) == list(range(1, 41))
    told = [change async for change in one.changes(0)]
    assert [change.position for change in told] == list(range(1, 41))
    assert [change.facts[0][2] for change in told if change.position in first] == [f"user:1-{number}" for number in range(20)]


async def test_many_subjects_at_once_in_any_order_do_not_deadlock(one: PostgresRecord, other: PostgresRecord) -> None:
    async def write(record: PostgresRecord, partition: int, names: list[str]) -> None:
        for number in range(10):
            lines = [view(subject, at(number, partition)) for subject in names]
            after = number * len(lines) - 1
            while not await commits(record, unit(partition, *lines, after=after, versions=await versions(record, names))):
                pass

    names = [f"user:{number}" for number in range(200)]
    await asyncio.wait_for(asyncio.gather(write(one, 1, names), write(other, 2, names[::-1])), SECONDS_MAX)
    assert await stored(one, *names) == 2 * 10 * 200


async def commits(record: PostgresRecord, unit: Unit) -> bool:
    """Whether it did. It may be raced, and never by a deadlock."""
    done = await asyncio.gather(record.commit(unit), return_exceptions=True)
    assert isinstance(done[0], int | Raced)
    assert "deadlock" not in str(done[0])
    return isinstance(done[0], int)


async def versions(record: PostgresRecord, names: list[str]) -> dict[str, int]:
    found = await record.versions(names)
    return {name: found.get(name, 0) for name in names}


# --- the chain of offsets


async def test_a_stale_worker_is_out_of_step(one: PostgresRecord, other: PostgresRecord) -> None:
    await one.commit(unit(1, view()))
    with pytest.raises(OutOfStep):
        await other.commit(unit(1, view(when=at(1))))
    assert await stored(other, "user:1") == 1


async def test_of_two_first_units_of_a_partition_one_commits(one: PostgresRecord, other: PostgresRecord) -> None:
    done = await asyncio.gather(one.commit(unit(1, view())), other.commit(unit(1, view("user:2"))), return_exceptions=True)
    assert sorted(type(result).__name__ for result in done) == ["OutOfStep", "int"]


async def test_offsets_are_those_of_one_topic_so_that_one_made_anew_begins_anew(one: PostgresRecord, database: str) -> None:
    await one.commit(unit(1, view(), after=-1))
    anew = await PostgresRecord.open(database, "another id")
    try:
        assert await anew.offsets() == {}
        assert await anew.commit(unit(1, view("user:2"))) == 2
        assert await one.offsets() == {1: 0}
        assert await stored(anew, "user:1") == 1
    finally:
        await anew.close()


# --- turns


async def test_while_one_has_the_turn_others_wait(one: PostgresRecord, other: PostgresRecord) -> None:
    async with one.turn():
        waiting = asyncio.create_task(other.commit(unit(2, view())))
        await until_waited_for(one)
        assert await one.commit(unit(1, view("user:2"))) == 1
        assert not waiting.done()
    assert await waiting == 2


async def test_another_task_of_the_same_record_has_not_its_turn(one: PostgresRecord) -> None:
    begun = asyncio.Event()

    async def commit_meanwhile() -> int:
        await begun.wait()
        return await one.commit(unit(2, view()))

    waiting = asyncio.create_task(commit_meanwhile())
    async with one.turn():
        begun.set()
        await until_waited_for(one)
        assert await one.commit(unit(1, view("user:2"))) == 1
    assert await waiting == 2


async def test_who_is_hard_at_work_in_its_turn_keeps_it(one: PostgresRecord, other: PostgresRecord, short_silences: None) -> None:
    async with one.turn():
        waiting = asyncio.create_task(other.commit(unit(2, view())))
        await until_waited_for(one)
        work()
        assert await one.commit(unit(1, view("user:2"))) == 1
    assert await waiting == 2


async def test_who_is_hard_at_work_while_all_is_derived_anew_keeps_its_turn(one: PostgresRecord, short_silences: None) -> None:
    """Each part takes longer than anybody may be silent, those of before and those that come last, inside the transaction."""

    async def parts() -> AsyncIterator[DerivedPart]:
        work()
        yield DerivedPart([FACT], {}, {})

    async with asyncio.timeout(SECONDS_MAX), one.alone("rebuild"):
        assert await one.rebuild(parts(), BY, LATER, parts) == 1


async def test_who_waits_for_a_turn_too_long_hears_that_it_is_not_free(
    one: PostgresRecord, other: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "TURN_WAIT_MS_MAX", 100)
    async with one.turn():
        with pytest.raises(Away):
            async with other.turn():
                raise AssertionError("it was not free")
    async with other.turn():
        await other.commit(unit(2, view()))


async def test_a_rebuild_waits_for_others_turns_says_so_once_and_goes_on(
    one: PostgresRecord, other: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.commit(unit(1, view()))
    monkeypatch.setattr(record_module, "TURN_WAIT_MS_MAX", 50)
    waited, said = asyncio.Event(), list[str]()

    def say(text: str, level: int = 0) -> None:
        said.append(text)
        waited.set()

    other.say = say
    async with asyncio.TaskGroup() as tasks:
        async with one.turn():
            rebuilding = tasks.create_task(other.rebuild(nothing(), BY, LATER))
            await asyncio.wait_for(waited.wait(), SECONDS_MAX)
    assert rebuilding.result() == 2
    assert [line.partition(":")[0].partition(",")[0] for line in said] == ["waiting", "going on"]
    assert "another session has locked what we wait for" in said[0]


async def test_a_rebuild_that_never_gets_its_turn_says_who_has_it_and_that_nothing_changed(
    one: PostgresRecord, other: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.commit(unit(1, view()))
    monkeypatch.setattr(record_module, "TURN_WAIT_MS_MAX", 20)
    async with one.turn():
        with pytest.raises(
            Busy, match=r"other writers have had the turn in PostgreSQL at .*: a rebuild, or workers .*; nothing has changed"
        ):
            await other.rebuild(nothing(), BY, LATER)
    assert (await one.position(), await one.generation()) == (1, None)


async def until_waited_for(record: PostgresRecord) -> None:
    """Until some session waits for a lock."""
    async with asyncio.timeout(SECONDS_MAX), record.database.connection() as db:
        while not await db.fetchval("SELECT COUNT(*) FROM pg_locks WHERE NOT granted"):
            await db.execute("SELECT pg_sleep(0.01)")


async def test_only_one_at_a_time_is_alone(one: PostgresRecord, other: PostgresRecord) -> None:
    seen: list[str] = []

    async def alone(record: PostgresRecord, name: str) -> None:
        async with record.alone("relay"):
            seen.append(f"{name} in")
            await asyncio.sleep(0)
            seen.append(f"{name} out")

    await asyncio.gather(alone(one, "a"), alone(other, "b"))
    assert seen in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


async def test_two_that_are_alone_for_different_things_do_not_wait(one: PostgresRecord, other: PostgresRecord) -> None:
    async with asyncio.timeout(SECONDS_MAX), one.alone("relay"), other.alone("scheduler"):
        pass


async def test_who_loses_its_session_is_alone_no_more(one: PostgresRecord, other: PostgresRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(bounds, "ALONE_RETRY_SECONDS", 0.05)

    async def lose_it() -> None:
        async with one.alone("relay"):
            async with other.database.connection() as db:
                await db.fetch("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE granted AND " + OUR_LOCKS)
            await asyncio.sleep(SECONDS_MAX)

    with pytest.raises(Away):
        await lose_it()
    async with asyncio.timeout(SECONDS_MAX), other.alone("relay"):
        pass


async def test_who_is_hard_at_work_stays_alone(one: PostgresRecord, other: PostgresRecord, short_silences: None) -> None:
    async with one.alone("relay"):
        work()
        async with other.database.connection() as db:
            assert await db.fetchval("SELECT COUNT(*) FROM pg_locks WHERE granted AND " + OUR_LOCKS) == 1


async def test_whose_event_loop_stands_still_is_alone_no_more(
    one: PostgresRecord, other: PostgresRecord, short_silences: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awake, "STUCK_SECONDS_MAX", SILENCE_MS_MAX / 1000)

    async def stand_still() -> None:
        async with one.alone("relay"):
            work()
            await asyncio.sleep(SECONDS_MAX)

    with pytest.raises(Away):
        await stand_still()
    async with asyncio.timeout(SECONDS_MAX), other.alone("relay"):
        pass


# --- writers that freeze


@pytest.mark.parametrize("where", ["alone", "in its turn", "in a transaction in its turn"])
async def test_a_frozen_process_loses_what_it_held(one: PostgresRecord, other: PostgresRecord, database: str, where: str) -> None:
    """The thread that keeps its sessions awake is frozen too."""
    frozen = await freezing.frozen(database, TOPIC, where)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            if where == "alone":
                async with one.alone("relay"):
                    pass
            assert await other.commit(unit(2, view())) == 1
        frozen.send_signal(signal.SIGCONT)
        said = await asyncio.wait_for(frozen.communicate(), SECONDS_MAX)
        assert said[0].decode().split() == ["Away"]
        assert await one.position() == 1
    finally:
        if frozen.returncode is None:
            frozen.kill()
            await frozen.wait()


@pytest.mark.parametrize("where", freezing.PLACES)
async def test_a_frozen_writer_holds_its_successor_up_no_longer_than_it_may(one: PostgresRecord, database: str, where: str) -> None:
    """Stopped as `kill -STOP` does: the machine goes on to answer for it, and no connection breaks."""
    await one.commit(unit(1, view()))
    frozen = await freezing.frozen(database, TOPIC, where)
    try:
        began = time.monotonic()
        await one.commit(unit(1, view(when=at(1)), after=0))
        assert time.monotonic() - began < bounds.IDLE_IN_TRANSACTION_MS_MAX / 1000 + 2
        frozen.send_signal(signal.SIGCONT)
        said = await asyncio.wait_for(frozen.communicate(), SECONDS_MAX)
        assert said[0].decode().split() == ["Away"]
        assert await one.position() == 2
        assert await stored(one, "user:1") == 2
    finally:
        if frozen.returncode is None:
            frozen.kill()
            await frozen.wait()


async def test_nothing_is_prepared_while_locks_are_held(one: PostgresRecord) -> None:
    """A writer that freezes while it prepares a statement is ended by no timeout of the server's."""

    async def prepared() -> set[str]:
        async with one.database.connection() as db:
            return {row[0] for row in await db.fetch("SELECT statement FROM pg_prepared_statements")}

    async with one._writing():
        pass
    before = await prepared()
    first, again = view(id="v"), view(id="v", url="/other")
    full = unit(1, first, again, view("user:2", id="w"))
    full.versions = {"user:1": 0, "user:9": 0}
    full.voids, full.contested, full.takes_part = {name(first)}, {name(first)}, {("user:1", "deal:1")}
    full.persons, full.journeys, full.gone = {"user:1": "user:1"}, {"user:1": b"{}"}, {"user:2"}
    full.facts, full.unknown_fields = [FACT], {("page_view", "x"): 1}
    full.dead_letters = [DeadLetter("a", "not-json", "why", "s", "p", b"x", 1)]
    await one.commit(full)
    outside = {"SELECT nextval('journey.unit_numbers')", "SELECT position FROM journey.units WHERE unit = $1"}
    assert await prepared() - before - outside == {"SELECT statement FROM pg_prepared_statements"} - before


# --- a server that goes away


async def test_a_server_that_is_killed_is_away_and_what_was_acknowledged_is_there_when_it_is_back(own_postgres: Service) -> None:
    record = await PostgresRecord.open(own_postgres.address, f"a topic of {time.time_ns()}")
    try:
        start = await record.position()
        await record.commit(unit(1, view()))
        await asyncio.to_thread(own_postgres.kill)
        with pytest.raises(Away):
            await record.commit(unit(1, view(when=at(1)), after=0))
        with pytest.raises(Away):
            await record.offsets()
        await asyncio.to_thread(own_postgres.start_again)
        assert await record.offsets() == {1: 0}
        assert await record.commit(unit(1, view(when=at(1)), after=0)) == start + 2
    finally:
        await record.close()


async def test_a_commit_whose_end_nobody_saw_is_away_and_the_offsets_tell(
    one: PostgresRecord, other: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks between the commit and its answer."""
    finish = record_module.finish

    async def finish_and_break(db: Any, *values: Any, **more: Any) -> None:
        await finish(db, *values, **more)
        async with other.database.connection() as hand:
            await hand.execute("SELECT pg_terminate_backend($1)", db.get_server_pid())

    monkeypatch.setattr(record_module, "finish", finish_and_break)
    with pytest.raises(Away):
        await one.commit(unit(1, view()))
    assert await one.offsets() == {1: 0}
    with pytest.raises(OutOfStep):
        await one.commit(unit(1, view()))


async def test_a_server_that_is_not_there_is_away(database: str) -> None:
    nobody = urlsplit(database)._replace(netloc="journey:secret@127.0.0.1:1")
    with pytest.raises(Away, match=r"127\.0\.0\.1:1") as told:
        await PostgresRecord.open(urlunsplit(nobody), TOPIC)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"netloc": "journey:wrong@{host}"},
        {"netloc": "nobody-we-know:wrong@{host}"},
        {"path": "/there_is_no_such_database"},
        {"scheme": "kafka"},
        {"netloc": "journey:wrong@127.0.0.1:port"},
    ],
    ids=str,
)
async def test_a_wrong_address_or_wrong_credentials_are_refused_in_one_line(database: str, wrong: dict[str, str]) -> None:
    right = urlsplit(database)
    host = f"{right.hostname}:{right.port}"
    with pytest.raises(Refused) as told:
        await PostgresRecord.open(urlunsplit(right._replace(**{part: value.format(host=host) for part, value in wrong.items()})), TOPIC)
    assert len(str(told.value).splitlines()) == 1
    assert "wrong" not in str(told.value)


@pytest.mark.parametrize(("number", "kind"), [(socket.EAI_NONAME, Refused), (socket.EAI_AGAIN, Away)])
async def test_a_host_that_has_no_address_is_refused_and_one_that_has_none_just_now_is_away(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    def resolve(*asked: object, **more: object) -> None:
        raise socket.gaierror(number, "it said")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(kind, match="a-host"):
        await PostgresRecord.open("postgresql://journey@a-host:5432/journey", TOPIC)


# --- tables


async def test_any_number_that_start_at_once_make_the_tables_once(database: str) -> None:
    records = await asyncio.gather(*(PostgresRecord.open(database, TOPIC) for _ in range(4)))
    try:
        assert await records[0].commit(unit(1, view())) == 1
        async with records[0].database.connection() as db:
            assert await db.fetchval("SELECT COUNT(*) FROM journey.migrations") == len(list(MIGRATIONS.glob("*.sql")))
    finally:
        for record in records:
            await record.close()


async def test_a_later_step_is_taken_once_and_what_is_there_stays(one: PostgresRecord, tmp_path: Path) -> None:
    await one.commit(unit(1, view()))
    for step in sorted(MIGRATIONS.glob("*.sql")):
        (tmp_path / step.name).write_text(step.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "9999_later.sql").write_text("CREATE TABLE journey.later (a INTEGER); INSERT INTO journey.later VALUES (1);")
    await migrate(one.database, tmp_path)
    await migrate(one.database, tmp_path)
    async with one.database.connection() as db:
        assert await db.fetchval("SELECT COUNT(*) FROM journey.later") == 1
    assert await stored(one, "user:1") == 1


async def test_who_joined_an_account_before_that_was_stored_under_it_stands_there_too(one: PostgresRecord, database: str) -> None:
    joined, left = (sent(type, "user:1", at(0), id="1", account="acme", deal="1") for type in ("account_joined", "account_left"))
    await one.commit(unit(1, joined))
    await one.commit(unit(1, left, after=0))
    async with one.database.connection() as db:
        await db.execute(
            "DELETE FROM journey.touchpoints WHERE key = 'account:acme'; DELETE FROM journey.subjects WHERE key = 'account:acme';"
            " ALTER TABLE journey.touchpoints DROP COLUMN third; ALTER TABLE journey.withdrawn DROP COLUMN third;"
            " DROP TABLE journey.api_keys; DROP INDEX journey.profiles;"
            " DELETE FROM journey.migrations WHERE number >= 11"
        )
    again = await PostgresRecord.open(database, TOPIC)
    found = await again.bodies(["account:acme"])
    # Also the rival under its name: which of them counts does not depend on where it is asked.
    assert sorted(one.touch.type for one in found["account:acme"]) == ["account_joined", "account_left"]
    assert "account:acme" in await again.subjects("", 10)
    await again.commit(unit(1, after=1, voids={name(joined)}))
    found = await again.bodies(["user:1", "deal:1", "account:acme"])
    await again.close()
    assert [stored.voided for some in found.values() for stored in some if stored.touch.type == "account_joined"] == [True] * 3


async def test_a_step_that_fails_leaves_the_tables_as_they_were(one: PostgresRecord, tmp_path: Path) -> None:
    for step in sorted(MIGRATIONS.glob("*.sql")):
        (tmp_path / step.name).write_text(step.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "9998_good.sql").write_text("CREATE TABLE journey.later (a INTEGER);")
    (tmp_path / "9999_bad.sql").write_text("SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(one.database, tmp_path)
    async with one.database.connection() as db:
        assert await db.fetchval("SELECT to_regclass('journey.later')") is None


async def test_data_of_a_newer_version_is_refused(one: PostgresRecord, database: str) -> None:
    async with one.database.connection() as db:
        await db.execute("INSERT INTO journey.migrations VALUES (9999, 'of the future')")
    with pytest.raises(Refused, match="newer version"):
        await PostgresRecord.open(database, TOPIC)


async def test_a_database_that_holds_text_otherwise_is_refused(database: str) -> None:
    beside = f"{urlsplit(database).path[1:]}_latin"
    connection = await asyncpg.connect(database)
    await connection.execute(f"CREATE DATABASE {beside} ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(Refused, match="UTF8"):
            await PostgresRecord.open(urlunsplit(urlsplit(database)._replace(path=f"/{beside}")), TOPIC)
    finally:
        await connection.execute(f"DROP DATABASE {beside} WITH (FORCE)")
        await connection.close()


async def test_a_role_that_may_make_nothing_can_use_what_is_there(one: PostgresRecord, database: str) -> None:
    """Tables may be made by one role, and workers be another."""
    role = f"role_{urlsplit(database).path[1:]}"
    async with one.database.connection() as db:
        await db.execute(
            f"CREATE ROLE {role} LOGIN PASSWORD 'p'; GRANT USAGE ON SCHEMA journey TO {role};"
            f" GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA journey TO {role};"
            f" GRANT USAGE ON ALL SEQUENCES IN SCHEMA journey TO {role}"
        )
    address = urlsplit(database)
    try:
        theirs = await PostgresRecord.open(urlunsplit(address._replace(netloc=f"{role}:p@{address.hostname}:{address.port}")), TOPIC)
        try:
            assert await theirs.commit(unit(1, view(), facts=[FACT])) == 1
        finally:
            await theirs.close()
    finally:
        async with one.database.connection() as db:
            await db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


# --- what does not fit everywhere


async def test_ids_as_long_as_they_may_be_are_stored_and_found(one: PostgresRecord) -> None:
    """An entry of an index holds 2,704 bytes, and no more than one such id."""
    wide = "\U0001f600"
    person, deal = "user:" + wide * 507, wide * 507
    call = sent("call", person, at(0), id=wide * 512, source=wide * 512, deal=deal)
    called = unit(1, call, voids={name(call)}, contested={name(call)}, takes_part={(person, f"deal:{deal}")})
    called.persons, called.journeys, called.unknown_fields = {person: person}, {person: b"{}"}, {("call", wide * 5000): 1}
    await one.commit(called)
    assert await stored(one, person, f"deal:{deal}") == 2
    assert list(await one.known([name(call)])) == [name(call)]
    assert await one.voided([name(call)]) == {name(call)}
    assert await one.deals_of([person]) == {f"deal:{deal}"}
    assert await PostgresDesk(one.database).conflicts() == []


async def test_texts_that_have_one_md5_are_two(one: PostgresRecord) -> None:
    """Made by Marc Stevens, for everybody to use."""
    twins = [f"TEXTCOLLBYfGiJUETHQ4h{letter}cKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak" for letter in "AE"]
    assert len({md5(text.encode(), usedforsecurity=False).digest() for text in twins}) == 1
    both = unit(1, takes_part={("user:1", text) for text in twins}, unknown_fields={("page_view", text): 1 for text in [*twins, "\\x41"]})
    await one.commit(both)
    await one.commit(unit(1, after=0, takes_part={("user:1", twins[1])}, unknown_fields={("page_view", "\\x41"): 2}))
    assert await one.deals_of(["user:1"]) == set(twins)
    assert (await one.counted()).unknown_fields == {f"page_view.{twins[0]}": 1, f"page_view.{twins[1]}": 1, "page_view.\\x41": 3}


async def test_what_postgres_cannot_hold_as_text_is_kept_as_bytes_and_told_with_a_mark(one: PostgresRecord) -> None:
    letter = DeadLetter("a", "not-json", "why\0not", "topic\0", "p\udc80", b"\0\xff", 1)
    await one.commit(unit(1, dead_letters=[letter], unknown_fields={("page_view", "x\0y"): 1}))
    shown = await PostgresDesk(one.database).show(1)
    assert shown is not None
    assert (shown.raw, shown.kept.reason, shown.kept.source, shown.kept.place) == (b"\0\xff", "why\ufffdnot", "topic\ufffd", "p?")


async def test_many_facts_come_in_parts_of_which_the_last_says_so(one: PostgresRecord) -> None:
    facts = [["touched", 1, f"user:{number}", "2026-03-02", "Direct", ""] for number in range(2 * PART_FACTS_MAX + 1)]
    await one.commit(unit(1, facts=[FACT]))
    await one.commit(unit(1, after=0, facts=facts))
    await one.commit(unit(1, after=1, facts=[FACT]))
    told = [change async for change in one.changes(0)]
    assert [change.position for change in told] == [1, 2, 2, 2, 3]
    assert [change.last for change in told] == [True, False, False, True, True]
    assert [fact for change in told[1:4] for fact in change.facts] == facts


async def test_large_facts_are_cut_into_parts_by_their_size(one: PostgresRecord) -> None:
    facts = [["described", 1, "content:1", f"field {number}", 0, 0, "x" * 100_000] for number in range(50)]
    await one.commit(unit(1, facts=facts))
    told = [change async for change in one.changes(0)]
    assert len(told) > 5
    assert [fact for change in told for fact in change.facts] == facts


async def test_touchpoints_of_any_size_are_stored_in_statements_of_a_bounded_one(
    one: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.postgres.unit_statements.BYTES_PER_STATEMENT_MAX", 1000)
    await one.commit(unit(1, *(view(f"user:{number}") for number in range(50))))
    assert await stored(one, *(f"user:{number}" for number in range(50))) == 50


# --- the outbox


async def test_the_mark_of_what_was_told_never_goes_back(one: PostgresRecord) -> None:
    assert await one.published() == 0
    await one.mark_published(3)
    await one.mark_published(2)
    assert await one.published() == 3


async def test_only_what_was_told_is_dropped_and_who_asks_for_it_is_told_so(one: PostgresRecord) -> None:
    for number in range(10):
        await one.commit(unit(1, after=number - 1, facts=[FACT]))
    await one.mark_published(6)
    assert await one.prune_changes(2) == 6
    assert await one.prune_changes(2) == 0
    assert [change async for change in one.changes(6)] == [Change(position, [FACT]) for position in range(7, 11)]
    for after in (0, 5):
        with pytest.raises(Pruned):
            [change async for change in one.changes(after)]
    await one.mark_published(10)
    assert await one.prune_changes(2) == 2
    assert [change.position async for change in one.changes(8)] == [9, 10]
    assert await one.prune_changes(0) == 2
    assert [change async for change in one.changes(10)] == []
    with pytest.raises(Pruned):
        [change async for change in one.changes(9)]


# --- the server's own word


async def test_what_stores_and_finds_goes_by_keys_however_large_the_tables_and_however_old_what_the_planner_knows(
    one: PostgresRecord,
) -> None:
    await one.commit(unit(1, *(view(f"user:{number}") for number in range(3000))))
    async with one.database.connection() as db:
        plan = await db.fetch(
            "EXPLAIN SELECT u.nth FROM unnest($1::TEXT[], $2::BYTEA[]) WITH ORDINALITY AS u (subject, name, nth)"
            " JOIN journey.touchpoints AS t ON t.key = u.subject AND t.name = u.name",
            ["user:1"],
            [b"1"],
        )
    assert "using touchpoints_pkey" in "\n".join(row[0] for row in plan)


async def test_an_error_that_is_ours_is_not_taken_for_a_server_that_is_away(one: PostgresRecord) -> None:
    async with one.database.connection() as db:
        with pytest.raises(asyncpg.UndefinedTableError):
            await db.fetch("SELECT 1 FROM there_is_no_such_table")
        with pytest.raises(asyncpg.DataError):
            await db.fetch("SELECT $1::INTEGER", "no number")


async def test_who_is_cancelled_while_a_transaction_begins_gives_its_connection_back_without_one(
    one: PostgresRecord, caplog: pytest.LogCaptureFixture
) -> None:
    async def begin() -> None:
        async with one.database.connection() as db, bounds.transaction(db, "BEGIN; SELECT pg_sleep(60)"):
            pass

    beginning = asyncio.create_task(begin())
    async with one.database.connection() as db, asyncio.timeout(SECONDS_MAX):
        while not await db.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')"
        ):
            await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    # asyncpg would say so, and roll back itself.
    assert caplog.messages == []
