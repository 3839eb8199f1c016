"""What the relay and the scheduler tell others: changes in unit order, each transition once, and who is at which stage."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.admin import NewTopic

from journey.errors import Away, Refused
from journey.facts import FOLD_VERSION
from journey.instants import Instant, iso
from journey.money import AMOUNT_MINOR_MAX
from streams import scheduler
from streams.kafka import relay
from streams.kafka.relay import POSITION, telling
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.placement import Placement
from streams.postgres import record as record_module
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.database import Database
from streams.postgres.record import PostgresRecord
from streams.rebuilding import rebuilt
from streams.scheduler import announce
from streams.units import Change, Generation, Recorded
from tests.journey.builders import SMALL
from tests.streams.builders import LATER, at, incoming, link, retraction, sent, unlink
from tests.streams.followed import Entry, entries
from tests.streams.kafka.clients import admin, read, told


@dataclass
class Desk:
    """A record under the small definition, by which who is silent for 30 days is lost; and who tells others of it."""

    settings: KafkaSettings
    record: PostgresRecord
    announcements: PostgresAnnouncements
    tell: Callable[[], Awaitable[int]]
    placement: Placement = field(init=False)
    offset: int = -1

    def __post_init__(self) -> None:
        self.placement = Placement(SMALL, self.record)

    async def take(self, *lines: bytes) -> None:
        """One unit of `lines`."""
        batch = [Recorded(0, self.offset + nth, LATER, incoming(line)) for nth, line in enumerate(lines, start=1)]
        await self.placement.run(batch, {0: self.offset})
        self.offset += len(lines)

    async def announce(self, until: Instant) -> int:
        return await announce(self.announcements, until)

    def another(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[int]]]:
        """One that takes over."""
        return telling(self.settings, self.record, self.announcements)

    async def told(self, topic: str, *, committed: bool = False) -> list[Any]:
        return told(await read(self.settings, f"{self.settings.prefix}.{topic}", committed=committed))

    async def summed(self) -> Counter[tuple[Any, ...]]:
        """What somebody knows who adds up the transitions of the topic, and leaves out what was told before all was derived anew."""
        transitions = await self.told("transitions")
        since = max((one["since"] for one in transitions), default=0)
        total: Counter[tuple[Any, ...]] = Counter()
        for one in transitions:
            if one["since"] == since:
                total[one["person"], one["stage"], one["left"], one["at"], one["nth"], one["rule"]] += one["count"]
        return Counter({key: count for key, count in total.items() if count})

    async def entries(self) -> Counter[Entry]:
        return await entries(self.record, self.announcements)


@pytest.fixture
async def desk(settings: KafkaSettings, record: PostgresRecord, database: str) -> AsyncIterator[Desk]:
    writer = PostgresRecord(Database(database), record.topic)
    announcements = PostgresAnnouncements(writer)
    async with telling(settings, record, announcements) as tell:
        yield Desk(settings, record, announcements, tell)
    await writer.close()


def view(subject: str, day: float, **more: str) -> bytes:
    return sent("page_view", subject, at(day), **more)


async def test_changes_are_told_in_the_order_of_units_and_once(desk: Desk) -> None:
    for day in range(5):
        await desk.take(view(f"user:{day}", day))
    assert await desk.tell() == 5
    assert await desk.tell() == 0
    await desk.take(view("user:1", 9))
    assert await desk.tell() == 1
    messages = await read(desk.settings, Topics(desk.settings).changes)
    assert [one.key for one in messages] == [b"1", b"2", b"3", b"4", b"5", b"6"]
    kept = [change async for change in desk.record.changes(0)]
    assert [(one["position"], one["last"], one["facts"]) for one in told(messages)] == [(one.position, one.last, one.facts) for one in kept]


async def test_an_amount_that_a_reader_may_round_is_told_as_text(desk: Desk) -> None:
    amounts = {"at most a number": 2**53, "text": 2**53 + 1, "the most": AMOUNT_MINOR_MAX}
    await desk.take(
        *(sent("order_placed", "user:7", at(1), id=id, order=id, amount=str(value), currency="JPY") for id, value in amounts.items())
    )
    await desk.tell()
    (change,) = await desk.told("changes")
    ordered = {fact[3]: fact[7] for fact in change["facts"] if fact[0] == "ordered"}
    assert ordered == {"at most a number": 2**53, "text": "9007199254740993", "the most": "999999999999999999"}


async def test_a_transition_says_what_it_comes_from_and_its_key_is_the_person(desk: Desk) -> None:
    await desk.take(view("user:7", 0, id="v"))
    await desk.tell()
    (message,) = await read(desk.settings, Topics(desk.settings).transitions)
    assert message.key == b"user:7"
    assert told([message]) == [
        {
            "position": 1, "since": 0, "count": 1, "person": "user:7", "stage": "awareness", "left": "", "at": iso(at(0)), "nth": 0,
            "rule": "first-contact", "because": [{"source": "urn:test", "id": "v", "subject": "user:7"}],
        }
    ]  # fmt: skip


async def test_who_is_merged_away_has_a_tombstone_and_transitions_taken_back(desk: Desk) -> None:
    await desk.take(view("anon:a", 0), view("user:7", 1))
    await desk.take(link("anon:a", "user:7", at(2)))
    await desk.tell()
    stages: dict[bytes, Any] = {}
    for one in await read(desk.settings, Topics(desk.settings).stages):
        stages[one.key] = told([one])[0]
    assert stages[b"anon:a"] is None
    assert (stages[b"user:7"]["stage"], stages[b"user:7"]["entered_at"]) == ("awareness", iso(at(0)))
    assert await desk.summed() == await desk.entries()
    assert {key[0] for key in await desk.summed()} == {"user:7"}


async def test_told_again_after_a_crash_a_message_is_the_same_and_no_two_are(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.take(view("anon:a", 0), view("user:7", 1), view("user:8", 1))
    await desk.announce(at(60))
    await desk.take(link("anon:a", "user:7", at(2)), view("user:7", 3))

    async def crash(position: int) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(relay, "MESSAGES_PER_TRANSACTION_MAX", 1)
        patch.setattr(desk.record, "mark_published", crash)
        with pytest.raises(ZeroDivisionError):
            await desk.tell()
    once = {topic: [(one.key, one.value) for one in await read(desk.settings, topic)] for topic in _topics(desk)}
    async with desk.another() as tell:
        await tell()
    for topic, before in once.items():
        after = [(one.key, one.value) for one in await read(desk.settings, topic)]
        assert set(before) < set(after)
        assert len(after) == len(set(after)) + len(before)


def _topics(desk: Desk) -> list[str]:
    return [Topics(desk.settings).changes, Topics(desk.settings).transitions]


async def test_what_kafka_would_not_take_is_not_marked_as_told(settings: KafkaSettings, desk: Desk) -> None:
    topic = Topics(settings).transitions
    async with admin(settings) as client:
        await client.delete_topics([topic])
        await client.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "10"})])
    await desk.take(view("user:7", 0))
    with pytest.raises(Refused, match=r"max\.message\.bytes"):
        await desk.tell()
    assert await desk.record.published() == 0


async def test_a_deadline_is_announced_once_and_with_the_mark_that_has_passed_it(desk: Desk) -> None:
    await desk.take(view("user:7", 0))
    assert await desk.announce(at(29)) == 0
    assert await desk.announce(at(30)) == 1
    assert await desk.announcements.mark() == at(30)
    assert await desk.announce(at(30)) == await desk.announce(at(31)) == 0
    await desk.tell()
    last = (await desk.told("transitions"))[-1]
    assert (last["stage"], last["at"], last["count"], last["position"]) == ("lost", iso(at(30)), 1, 2)
    assert await desk.summed() == await desk.entries()


async def test_a_history_that_was_placed_before_the_first_mark_is_announced(desk: Desk) -> None:
    await desk.take(view("user:7", 0), view("user:8", 5))
    await desk.tell()
    assert await desk.announce(at(100)) == 2
    await desk.tell()
    assert await desk.summed() == await desk.entries()
    assert [key[0] for key in await desk.summed() if key[1] == "lost"] == ["user:7", "user:8"]


async def test_after_an_outage_all_that_struck_is_announced_once_in_units_of_a_bounded_size(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "STRUCK_MAX", 3)
    await desk.announce(at(0))
    await desk.take(*(view(f"user:{number + 1}", number // 2 / 10) for number in range(10)))
    announced = []
    while count := await desk.announce(at(37)):
        announced.append(count)
    assert sum(announced) == 10
    # Two strike at each instant, which no mark can part.
    assert max(announced) == 4
    await desk.tell()
    assert await desk.summed() == await desk.entries()
    assert sum(key[1] == "lost" for key in await desk.summed()) == 10


async def test_a_late_touchpoint_takes_an_announced_deadline_back(desk: Desk) -> None:
    await desk.take(view("user:7", 0))
    await desk.announce(at(40))
    await desk.tell()
    await desk.take(view("user:7", 20))
    await desk.tell()
    last = (await desk.told("transitions"))[-1]
    assert (last["stage"], last["at"], last["count"]) == ("lost", iso(at(30)), -1)
    assert await desk.summed() == await desk.entries()
    assert await desk.announce(at(60)) == 1
    await desk.tell()
    assert await desk.summed() == await desk.entries()
    assert (await desk.told("stages"))[-1]["entered_at"] == iso(at(50))


async def test_a_deadline_that_a_touchpoint_leaves_as_it_is_is_not_told_again(desk: Desk) -> None:
    await desk.take(view("user:7", 10))
    await desk.announce(at(60))
    # A lead's handoff is to strike as well now, and the loss stays where it was.
    await desk.take(sent("form_submitted", "user:7", at(9, 22), intent="demo"), sent("lead_assigned", "user:7", at(9, 23)))
    await desk.tell()
    assert await desk.summed() == await desk.entries()
    assert [one["count"] for one in await desk.told("transitions") if one["stage"] == "lost"] == [1]


async def test_two_schedulers_that_race_announce_it_once(desk: Desk, database: str) -> None:
    """One froze before its turn, and the other was faster."""
    await desk.take(view("user:7", 0))
    other = PostgresRecord(Database(database), desk.record.topic)
    late = _Frozen(other, desk)
    assert await announce(late, at(40)) == 0
    await desk.tell()
    assert await desk.summed() == await desk.entries()
    await other.close()


class _Frozen(PostgresAnnouncements):
    """It has seen that something is due, and freezes until another one has announced it."""

    def __init__(self, record: PostgresRecord, desk: Desk) -> None:
        super().__init__(record)
        self._desk = desk
        self._asked = False

    async def struck_at(self, nth: int, after: Instant, until: Instant) -> Instant | None:
        found = await super().struck_at(nth, after, until)
        if not self._asked:
            self._asked = True
            assert await self._desk.announce(until) == 1
        return found


async def test_a_scheduler_that_freezes_in_its_turn_announces_nothing_when_it_thaws(
    desk: Desk, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "TURN_IDLE_MS_MAX", 200)
    await desk.take(view("user:7", 0))
    other = PostgresRecord(Database(database), desk.record.topic)
    with pytest.raises(Away):
        await announce(_FrozenInItsTurn(other, desk), at(40))
    await desk.tell()
    assert await desk.summed() == await desk.entries()
    assert [one["count"] for one in await desk.told("transitions") if one["stage"] == "lost"] == [1]
    await other.close()


class _FrozenInItsTurn(PostgresAnnouncements):
    """It has its turn, knows what it is to announce, and freezes until another one, who waited for the turn, has announced it."""

    def __init__(self, record: PostgresRecord, desk: Desk) -> None:
        super().__init__(record)
        self._desk = desk

    async def announce(self, struck: Sequence[Sequence[Any]], mark: Instant, recorded_at: Instant) -> int:
        assert await self._desk.announce(mark) == 1
        return await super().announce(struck, mark, recorded_at)


@pytest.mark.parametrize("at_once", [1, relay.MESSAGES_PER_TRANSACTION_MAX])
async def test_whatever_comes_the_transitions_sum_to_the_stage_entries_up_to_the_mark(
    desk: Desk, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks between, at and after touchpoints; merges and corrections before and after what was announced."""
    monkeypatch.setattr(relay, "MESSAGES_PER_TRANSACTION_MAX", at_once)
    steps: list[tuple[bytes, ...] | Instant | str] = [
        (view("anon:a", 0), view("user:7", 3)),
        at(31),
        "tell",
        (view("anon:a", 45), sent("demo", "user:7", at(50), status="held")),
        at(60),
        (link("anon:a", "user:7", at(52)),),
        "tell",
        at(80),
        (retraction(view("anon:a", 45), at(81)),),
        "tell",
        (view("user:8", 79), view("user:7", 200)),
        at(300),
        (unlink("anon:a", "user:7", at(82)),),
        "tell",
        "rebuild",
        (view("user:7", 70),),
        at(301),
        "tell",
    ]
    for step in steps:
        match step:
            case "tell":
                await desk.tell()
                assert await desk.summed() == await desk.entries()
            case "rebuild":
                await desk.record.rebuild(rebuilt(SMALL, desk.record), Generation(SMALL.fingerprint, FOLD_VERSION), LATER)
                desk.placement.forget()
            case int():
                while await desk.announce(step):
                    pass
            case tuple():
                await desk.take(*step)


async def test_who_is_no_more_by_another_definition_has_a_tombstone(desk: Desk) -> None:
    """A kiosk that one definition lets join nobody joins two by the next: two persons fewer are left."""
    both = SMALL.model_copy(update={"bounds": SMALL.bounds.model_copy(update={"users_per_device_max": 2})})
    await desk.take(view("anon:kiosk", 0), view("user:1", 1), view("user:2", 2), view("user:3", 2))
    await desk.take(link("anon:kiosk", "user:1", at(3)), link("anon:kiosk", "user:2", at(4)))
    await desk.tell()
    assert {one["person"] for one in await desk.told("stages")} == {"anon:kiosk", "user:1", "user:2", "user:3"}
    await desk.record.rebuild(rebuilt(both, desk.record), Generation(both.fingerprint, FOLD_VERSION), LATER)
    await desk.tell()
    stages = {one.key.decode(): one.value for one in await read(desk.settings, Topics(desk.settings).stages)}
    assert {person for person, stage in stages.items() if stage is None} == {"anon:kiosk", "user:2"}
    assert set(stages) == {"anon:kiosk", "user:1", "user:2", "user:3"}
    assert await desk.summed() == await desk.entries()


async def test_who_takes_over_from_another_knows_that_all_was_derived_anew_meanwhile(desk: Desk) -> None:
    """Found by the simulator, seed 28: it told of what came after as if it belonged to what was before."""
    await desk.take(view("user:7", 0))
    await desk.tell()
    await desk.record.rebuild(rebuilt(SMALL, desk.record), Generation(SMALL.fingerprint, FOLD_VERSION), LATER)
    async with desk.another() as tell:
        await tell()
    desk.placement.forget()
    await desk.take(view("user:8", 1))
    async with desk.another() as tell:
        await tell()
    assert {one["since"] for one in await desk.told("transitions") if one["person"] == "user:8"} == {2}
    assert await desk.summed() == await desk.entries()


async def test_once_another_has_taken_over_a_relay_can_tell_nothing_and_moves_no_mark(desk: Desk) -> None:
    await desk.take(view("user:7", 0))
    await desk.tell()
    async with desk.another() as tell:
        await desk.take(view("user:7", 1))
        with pytest.raises(Away, match="another has taken over"):
            await desk.tell()
        assert await desk.told("changes", committed=True) == await desk.told("changes")
        assert (await desk.record.published(), len(await desk.told("changes"))) == (1, 1)
        assert await tell() == 1
        await desk.record.mark_published(1)
        assert await desk.record.published() == 2


async def test_what_a_relay_told_half_is_seen_by_nobody_who_reads_what_is_committed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.take(view("user:7", 0))
    await desk.take(view("user:8", 0))
    struck = desk.announcements.struck

    async def away(position: int) -> list[list[Any]]:
        if position == 2:
            raise Away("the record is away")
        return await struck(position)

    with monkeypatch.context() as patch:
        patch.setattr(desk.announcements, "struck", away)
        with pytest.raises(Away):
            await desk.tell()
    async with desk.another() as tell:
        assert await desk.told("stages", committed=True) == []
        assert await tell() == 2
    assert {one["person"] for one in await desk.told("stages", committed=True)} == {"user:7", "user:8"}


async def test_every_message_says_its_position_tombstones_included(desk: Desk) -> None:
    await desk.take(view("anon:a", 0), view("user:7", 1))
    await desk.announce(at(60))
    await desk.tell()
    await desk.take(link("anon:a", "user:7", at(2)))
    await desk.tell()
    await desk.record.rebuild(rebuilt(SMALL, desk.record), Generation(SMALL.fingerprint, FOLD_VERSION), LATER)
    await desk.tell()
    found: dict[str, list[tuple[int, Any]]] = {}
    for topic in ("changes", "transitions", "stages"):
        messages = await read(desk.settings, f"{desk.settings.prefix}.{topic}")
        found[topic] = [(int(dict(one.headers)[POSITION]), value) for one, value in zip(messages, told(messages), strict=True)]
        assert all(value is None or value["position"] == position for position, value in found[topic])
        assert {position for position, _ in found[topic]} == {1, 2, 3, 4}
    assert [position for position, value in found["stages"] if value is None] == [3, 4]


async def test_told_again_from_further_back_the_last_word_about_a_person_is_the_right_one(desk: Desk) -> None:
    """By one that had read how far others were, and froze; they went on, told of a deadline, and it tells of what was before that."""
    await desk.take(view("user:7", 0))
    await desk.tell()
    await desk.take(sent("demo", "user:7", at(1), status="held"))
    await desk.announce(at(60))
    assert await desk.tell() == 2
    first = (await desk.told("stages"))[-1]
    assert first["stage"] == "lost"

    async def one_only(after: int) -> AsyncIterator[Change]:
        async for change in changes(1):
            yield change
            return

    changes, desk.record.changes = desk.record.changes, one_only  # type: ignore[method-assign]
    async with desk.another() as tell:
        await tell()
    last = (await desk.told("stages"))[-1]
    assert (last["position"], last["stage"], last["entered_at"]) == (2, first["stage"], first["entered_at"])
