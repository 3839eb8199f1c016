"""One micro-batch from the log to a unit: what becomes of each record, and what it costs."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from journey.histories import Stored
from journey.instants import DAY, iso
from schemas.incoming import Incoming
from streams.arrivals import TOO_FAR_AHEAD
from streams.pauses import TOUCHPOINTS_AT_ONCE
from streams.placement import ATTEMPTS_MAX, Placement
from streams.ports import Histories, OutOfStep, Raced
from streams.units import Unit
from streams.world import NEAR_FROM
from tests.streams.brute_force import told
from tests.streams.builders import LATER, Bench, at, deal_opened, link, retraction, sent, unlink


def view(subject: str = "user:1", when: int = at(0), **data: Any) -> bytes:
    return sent("page_view", subject, when, **data)


# --- what cannot be read


async def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_placed(bench: Bench) -> None:
    unit = await bench.take(b"no JSON", view(), sent("page_view", "robot:7", at(0)))
    assert [one.code for one in unit.dead_letters] == ["not-json", "wrong-subject"]
    assert unit.dead_letters[0].raw == b"no JSON"
    assert unit.accepted == 1
    assert await bench.facts() == told(bench.definition, [view()]).plain()


async def test_what_no_map_could_make_anything_of_is_a_dead_letter_with_its_reason(bench: Bench) -> None:
    await bench.record.append([Incoming(b"a,b", "crm.csv", "crm.csv:2", reason="column 'when' is empty")], LATER)
    unit = await bench.place()
    assert unit is not None
    (letter,) = unit.dead_letters
    assert (letter.code, letter.reason, letter.raw, letter.place) == ("unmapped", "column 'when' is empty", b"a,b", "crm.csv:2")


async def test_a_dead_letter_that_comes_again_is_the_same_one(bench: Bench) -> None:
    await bench.take(b"no JSON", b"no JSON")
    await bench.take(b"no JSON")
    (kept,) = await bench.desk.kept(after=0, limit=10)
    assert kept.seen == 3


async def test_a_unit_of_dead_letters_alone_moves_the_offset_on(bench: Bench) -> None:
    await bench.take(b"no JSON")
    assert await bench.place() is None
    assert await bench.record.position() == 1


# --- too far ahead


async def test_how_far_ahead_a_touchpoint_may_be_is_judged_by_when_the_log_recorded_it(bench: Bench) -> None:
    future = bench.definition.bounds.future
    unit = await bench.take(view(when=at(0)), recorded_at=at(0) - future)
    assert unit.accepted == 1
    unit = await bench.take(view(when=at(1)), recorded_at=at(1) - future - 1)
    assert [one.code for one in unit.dead_letters] == [TOO_FAR_AHEAD]


async def test_when_something_was_stated_may_be_no_further_ahead_than_the_touchpoint_itself(bench: Bench) -> None:
    stated = [sent("close", "deal:1", at(0), id=str(n), stated_at=iso(at(1) + n)) for n in range(2)]
    unit = await bench.take(*stated, recorded_at=at(0))
    assert [(letter.code, letter.reason.split()[1]) for letter in unit.dead_letters] == [("too-far-ahead", "stated_at")]
    assert unit.accepted == 1


async def test_pipelines_and_stages_that_the_definition_does_not_know_are_counted(bench: Bench) -> None:
    unit = await bench.take(
        deal_opened("1", at(0), pipeline="Sales Pipeline", stage="Offen"),
        deal_opened("2", at(0), stage="Offen"),
        *(sent("deal_updated", "deal:1", at(0) + n, stage="Gewonnen", stage_outcome="won") for n in range(2)),
        sent("deal_updated", "deal:2", at(0), stage="proposal"),
    )
    assert unit.unknown_fields == {("pipeline", "Sales Pipeline"): 1, ("stage", "Offen"): 1, ("stage", "Gewonnen"): 2}


async def test_what_was_too_far_ahead_is_accepted_when_it_is_sent_again_in_time(bench: Bench) -> None:
    await bench.take(view(when=at(5)), recorded_at=at(0))
    unit = await bench.take(view(when=at(5)), recorded_at=at(5))
    assert (unit.accepted, unit.duplicates) == (1, 0)
    await bench.rebuild(bench.definition)
    assert await bench.facts() == told(bench.definition, [view(when=at(5))]).plain()


async def test_each_record_of_a_unit_is_judged_by_its_own_time(bench: Bench) -> None:
    await bench.append([view("user:1", at(9))], recorded_at=at(0))
    await bench.append([view("user:2", at(9))], recorded_at=at(9))
    unit = await bench.place()
    assert unit is not None
    assert (unit.accepted, len(unit.dead_letters)) == (1, 1)


# --- seen before


async def test_what_comes_again_is_a_duplicate_in_its_unit_and_later(bench: Bench) -> None:
    unit = await bench.take(view(), view())
    assert (unit.accepted, unit.duplicates) == (1, 1)
    before = await bench.facts()
    unit = await bench.take(view())
    assert (unit.accepted, unit.duplicates, unit.facts) == (0, 1, [])
    assert await bench.facts() == before


async def test_other_spellings_of_a_body_are_duplicates(bench: Bench) -> None:
    event = orjson.loads(view())
    backwards = {key: event[key] for key in reversed(event)} | {"time": "2026-03-02T01:00:00+01:00", "sentat": "2026-03-09T00:00:00Z"}
    unit = await bench.take(view(), orjson.dumps(backwards, option=orjson.OPT_INDENT_2))
    assert (unit.accepted, unit.duplicates, len(unit.contested)) == (1, 1, 0)


async def test_a_body_that_comes_again_with_a_later_time_is_a_duplicate(bench: Bench) -> None:
    await bench.take(view(when=at(1), id="v"))
    unit = await bench.take(view(when=at(2), id="v"))
    assert (unit.accepted, unit.duplicates, unit.facts) == (0, 1, [])


async def test_a_body_that_comes_again_with_an_earlier_time_moves_there_and_is_no_conflict(bench: Bench) -> None:
    await bench.take(view(when=at(2), id="v"))
    unit = await bench.take(view(when=at(1), id="v"))
    assert unit.contested == set()
    assert await bench.facts() == told(bench.definition, [view(when=at(1), id="v")]).plain()


async def test_another_body_under_a_known_id_is_a_conflict(bench: Bench) -> None:
    await bench.take(view(when=at(2), id="v"))
    unit = await bench.take(view(when=at(3), id="v", url="/other"))
    assert unit.contested == {("user:1", "urn:test", "v")}
    (conflict,) = await bench.desk.conflicts()
    assert (conflict.counts.touch.occurred_at, [one.touch.occurred_at for one in conflict.others]) == (at(2), [at(3)])


async def test_a_conflict_counts_as_accepted_once_however_many_keys_it_brings(bench: Bench) -> None:
    await bench.take(sent("call", "user:1", at(2), id="c", deal="1"))
    unit = await bench.take(sent("call", "user:1", at(1), id="c", deal="2"))
    assert unit.accepted == 1


async def test_one_id_of_two_sources_or_two_subjects_is_no_conflict(bench: Bench) -> None:
    unit = await bench.take(view("user:1", id="v"), view("user:2", id="v"), view("user:1", id="v", source="urn:other"))
    assert (unit.accepted, unit.contested) == (3, set())


# --- fields that a type does not name


async def test_fields_that_a_type_does_not_name_are_counted_once_a_touchpoint(bench: Bench) -> None:
    unit = await bench.take(view(colour="red", size=3), view(colour="red", size=3), view("user:2", colour="blue"), view("user:3"))
    assert unit.unknown_fields == {("page_view", "colour"): 2, ("page_view", "size"): 1}


# --- what it costs


@dataclass
class Watched:
    """A record that notes which histories were read from it, and races as often as it is told to."""

    histories: Histories
    read: list[str] = field(default_factory=list)
    races: int = 0

    async def bodies(self, keys: Collection[str]) -> Mapping[str, list[Stored]]:
        self.read += sorted(keys)
        return await self.histories.bodies(keys)

    async def commit(self, unit: Unit) -> int:
        if self.races:
            self.races -= 1
            raise Raced("somebody was faster")
        return await self.histories.commit(unit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.histories, name)


@pytest.fixture
def watched(bench: Bench) -> Watched:
    watched = Watched(bench.record)
    bench.placement = Placement(bench.definition, watched)  # type: ignore[arg-type]  # the rest of it is the record's own
    return watched


async def test_what_is_later_than_all_that_is_known_reads_no_history(bench: Bench, watched: Watched) -> None:
    await bench.take(deal_opened("1", at(0), "user:1", "user:2"), link("anon:a", "user:1", at(0)))
    watched.read.clear()
    await bench.take(view("anon:a", at(1)), view("user:3", at(1)), sent("call", "user:2", at(1, 1), deal="1"))
    await bench.take(sent("close", "deal:1", at(2)), view("anon:a", at(3)), sent("account_updated", "account:acme", at(1), tier="a"))
    bench.placement = Placement(bench.definition, watched)  # type: ignore[arg-type]
    await bench.take(view("user:1", at(4)), sent("negotiation", "deal:1", at(5)))
    assert [key for key in watched.read if not key.startswith("account:")] == []


async def test_what_is_late_reads_the_histories_that_it_reaches_and_no_other(bench: Bench, watched: Watched) -> None:
    await bench.take(view("user:1", at(5)), view("user:2", at(5)), view("user:3", at(5)), link("anon:a", "user:1", at(5)))
    watched.read.clear()
    await bench.take(view("user:1", at(1)), view("user:2", at(9)))
    assert set(watched.read) == {"anon:a", "user:1"}


async def test_one_more_link_of_a_hub_reads_no_more_than_the_new_partner(bench: Bench, watched: Watched) -> None:
    await bench.take(*(link("anon:kiosk", f"user:{number}", at(number)) for number in range(1, NEAR_FROM + 1)))
    watched.read.clear()
    await bench.take(link("anon:kiosk", "user:new", at(200)), unlink("anon:kiosk", "user:1", at(200)))
    assert set(watched.read) == {"user:new", "user:1"}


async def test_who_logs_in_once_more_has_nothing_read_again(bench: Bench, watched: Watched) -> None:
    await bench.take(*(link("anon:phone", "user:1", at(number)) for number in range(1, NEAR_FROM + 1)))
    watched.read.clear()
    await bench.take(link("anon:phone", "user:1", at(200)), view("anon:phone", at(201)))
    assert watched.read == []


async def test_one_more_on_a_deal_is_derived_and_the_others_are_not(bench: Bench, watched: Watched) -> None:
    await bench.take(deal_opened("1", at(0), *(f"user:{number}" for number in range(1, 10))))
    watched.read.clear()
    await bench.take(sent("call", "user:new", at(1), deal="1"), deal_opened("2", at(2), "user:1", "user:2"))
    assert set(watched.read) == {"user:new", "deal:1", "deal:2"}


async def test_others_get_their_turn_while_a_long_history_is_placed_and_derived(bench: Bench) -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(take_turns())
    try:
        for day, least in ((1, 0), (0, 3)):  # In order; and before all that is there, so that all of it is derived anew.
            lines = [
                view(f"user:{number % 3 + 1}", at(day, number / 1000), id=f"{day}-{number}") for number in range(2 * TOUCHPOINTS_AT_ONCE)
            ]
            turns = 0
            await bench.take(*lines)
            assert turns > least
        turns = 0
        await bench.rebuild(bench.definition)
        assert turns >= 2
    finally:
        others.cancel()


async def test_what_several_units_add_is_what_one_unit_adds(bench: Bench) -> None:
    lines = [view("user:1", at(day), id=f"v{day}") for day in range(6)]
    await bench.take_each(*lines)
    assert await bench.facts() == told(bench.definition, lines).plain()


# --- races and failures


async def test_a_raced_unit_is_read_again_and_committed(bench: Bench, watched: Watched) -> None:
    watched.races = ATTEMPTS_MAX - 1
    await bench.take(view())
    assert await bench.record.position() == 1
    assert await bench.facts() == told(bench.definition, [view()]).plain()


async def test_a_unit_that_is_raced_for_ever_stops(bench: Bench, watched: Watched) -> None:
    watched.races = ATTEMPTS_MAX
    with pytest.raises(Raced):
        await bench.take(view())
    assert await bench.record.position() == 0


async def test_after_a_commit_that_failed_nothing_is_remembered_of_it(bench: Bench) -> None:
    first, second = view("user:1", at(1)), link("anon:a", "user:1", at(2))
    await bench.append([first, second, retraction(second, at(3))])
    batch = await bench.record.read(0, after=-1, limit=10)
    with pytest.raises(OutOfStep):
        await bench.placement.run(batch, {0: 77})
    await bench.place()
    assert await bench.facts() == told(bench.definition, [first]).plain()


async def test_offsets_are_those_of_the_batch_by_partition(bench: Bench) -> None:
    await bench.append([view(), view("user:2")])
    batch = list(await bench.record.read(0, after=-1, limit=10))
    elsewhere = [one._replace(partition=3, offset=one.offset + 40) for one in batch]
    unit = await bench.placement.place([*batch, *elsewhere], {3: 40})
    assert unit.after == {0: -1, 3: 40}
    assert unit.reached == {0: batch[-1].offset, 3: elsewhere[-1].offset}


async def test_the_bound_of_the_future_is_the_definitions(bench: Bench) -> None:
    wide = bench.definition.bounds.model_copy(update={"future": 30 * DAY})
    bench.placement = Placement(bench.definition.model_copy(update={"bounds": wide}), bench.record)
    assert (await bench.take(view(when=at(20)), recorded_at=at(0))).accepted == 1


async def test_of_two_persons_that_became_one_the_journey_of_one_is_kept(bench: Bench) -> None:
    await bench.take(view("anon:a"), view("user:1"))
    unit = await bench.take(link("anon:a", "user:1", at(1)))
    assert unit.gone == {"anon:a"}
    assert (await bench.record.journeys(["anon:a", "user:1"])).keys() == {"user:1"}
