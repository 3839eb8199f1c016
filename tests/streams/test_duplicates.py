"""Sent again, however much later, by whichever way: it counts once; and which of two bodies counts is decided by what they say."""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.instants import DAY, HOUR, iso
from schemas.canonical import content_hash
from schemas.decode import decode
from streams.units import Recorded
from tests.streams.builders import LATER, Bench, at, definition, incoming, link, quick_bench, retraction, sent, unlink
from tests.streams.deliveries import Delivery, check
from tests.streams.test_any_order import deliveries, of_a_person, thorough

VIEW = sent("page_view", "anon:a", at(1), id="v", campaign="spring")
FORM = sent("form_submitted", "anon:a", at(2), id="f", intent="demo")


def again(line: bytes, **sending: str) -> bytes:
    return orjson.dumps({**orjson.loads(line), **sending})


async def alone(folder: Path, *lines: bytes) -> list[str]:
    """The digests of a record that was never sent anything else."""
    bench = quick_bench(folder, definition())
    try:
        await bench.take(*lines)
        return await bench.digests()
    finally:
        bench.close()


# --- once


async def test_sent_again_years_later_it_counts_once(bench: Bench) -> None:
    await bench.take(VIEW, FORM, recorded_at=at(2))
    before = await bench.digests()
    bench.restart()
    unit = await bench.take(again(VIEW, sentat=iso(at(800)), traceparent="00-1"), recorded_at=at(800))
    assert (unit.accepted, unit.duplicates) == (0, 1)
    assert await bench.digests() == before


async def test_sent_again_by_another_partition_it_counts_once(bench: Bench) -> None:
    for partition in (0, 3, 7):
        batch = [Recorded(partition, 0, LATER + partition, incoming(line)) for line in (FORM, VIEW)]
        unit, _ = await bench.placement.run(batch, await bench.record.offsets())
        bench.restart()
        assert unit.accepted == (2 if partition == 0 else 0)


async def test_sent_again_under_an_id_that_is_linked_later_it_counts_once_while_linked(bench: Bench, tmp_path: Path) -> None:
    under_user = again(VIEW, subject="user:7")
    tied, untied = link("anon:a", "user:7", at(90)), unlink("anon:a", "user:7", at(91))
    await bench.take_each(VIEW, under_user, tied)
    assert await bench.digests() == await alone(tmp_path / "linked", VIEW, tied)
    await bench.take(untied)
    assert await bench.digests() == await alone(tmp_path / "never", VIEW, under_user)


async def test_two_of_the_same_content_and_different_ids_both_count(bench: Bench) -> None:
    unit = await bench.take(VIEW, again(VIEW, id="another"))
    assert (unit.accepted, unit.duplicates, len(unit.contested)) == (2, 0, 0)
    rows = [orjson.loads(fact) for fact in (await bench.facts()).elements()]
    assert sum(row[0] == "touched" for row in rows) == 2


# --- the earliest repaired time


def by_a_wrong_clock(received: int) -> bytes:
    """A try that was on its way until `received`, by a sender whose clock is a day slow. Sent at 12:00, it says."""
    return again(FORM, sentat=iso(at(2, 12)), receivedat=iso(received))


TRIES = [by_a_wrong_clock(at(3, 12) + delay) for delay in (0, HOUR, 5 * DAY)]


@pytest.mark.parametrize("tries", list(permutations(TRIES)))
async def test_of_several_tries_the_earliest_repaired_time_counts_in_any_order(
    bench: Bench, tmp_path: Path, tries: Sequence[bytes]
) -> None:
    for one in tries:
        await bench.take(VIEW, one)
        bench.restart()
    assert not await bench.desk.conflicts()
    assert await bench.digests() == await alone(tmp_path / "first", VIEW, again(FORM, time=iso(at(3))))
    await bench.rebuild(bench.definition)
    assert await bench.digests() == await alone(tmp_path / "first again", VIEW, again(FORM, time=iso(at(3))))


async def test_a_repaired_time_that_is_too_far_ahead_is_a_dead_letter_and_stays_one(bench: Bench) -> None:
    ahead = again(FORM, sentat=iso(at(2)), receivedat=iso(at(12)))
    unit = await bench.take(ahead, recorded_at=at(2))
    assert [one.code for one in unit.dead_letters] == ["too-far-ahead"]
    wide = bench.definition.bounds.model_copy(update={"future": 100 * DAY})
    await bench.rebuild(bench.definition.model_copy(update={"bounds": wide}))
    assert await bench.facts() == {}


# --- conflicts

BODIES = [again(FORM, time=iso(at(day)), data={"form": form, "intent": intent}) for day, form, intent in [
    (5, "x", "demo"), (5, "y", "contact"), (4, "z", "contact"),
]]  # fmt: skip


def winner(bodies: Sequence[bytes]) -> bytes:
    return min(bodies, key=lambda line: (decode(line).touch.occurred_at, content_hash(decode(line).body)))


@pytest.mark.parametrize("bodies", list(permutations(BODIES)))
async def test_a_winner_that_comes_later_replaces_the_loser_in_any_order(bench: Bench, tmp_path: Path, bodies: Sequence[bytes]) -> None:
    await bench.take(VIEW)
    for nth, body in enumerate(bodies, start=1):
        await bench.take(body)
        expected = winner(bodies[:nth])
        assert await bench.digests() == await alone(tmp_path / str(nth), VIEW, expected)
    (conflict,) = await bench.desk.conflicts()
    assert conflict.counts.body == decode(winner(bodies)).body
    assert len(conflict.others) == 2


async def test_a_conflict_that_is_retracted_counts_with_none_of_its_bodies(bench: Bench, tmp_path: Path) -> None:
    await bench.take_each(BODIES[0], VIEW, retraction(FORM, at(9)), BODIES[2])
    assert await bench.digests() == await alone(tmp_path / "view", VIEW)


# --- all of it


@thorough
@given(deliveries(of_a_person()), st.integers(1, 400))
def test_everything_sent_again_later_with_other_sending_times_changes_nothing(delivery: Delivery, days: int) -> None:
    repeated = [again(line, sentat=iso(at(days)), time=iso(decode(line).touch.occurred_at + days * DAY)) for line in delivery.lines]
    check(delivery._replace(lines=[*delivery.lines, *repeated]), definition())
