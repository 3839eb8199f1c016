"""Restated or taken back, in any order: as if only the last value, or nothing, had ever been sent."""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journey.facts import StageEntered, from_row
from journey.instants import DAY, iso
from tests.streams.builders import Bench, at, deal_opened, retraction, sent
from tests.streams.deliveries import Delivery, check
from tests.streams.test_any_order import TIGHT, anything, deliveries, event, thorough
from tests.streams.test_duplicates import alone

VIEW = sent("page_view", "user:1", at(1), id="v")


def spend(amount: str, stated: int) -> bytes:
    return sent("spend_recorded", "campaign:spring", at(3), id=f"s{amount}", campaign="spring", amount=amount, stated_at=iso(stated))


STATED = [spend("10.00", at(4)), spend("31.00", at(5)), spend("7.00", at(6))]


@pytest.mark.parametrize("order", list(permutations(STATED)))
async def test_a_cost_that_is_restated_is_the_last_one_whatever_came_first(bench: Bench, tmp_path: Path, order: Sequence[bytes]) -> None:
    await bench.take_each(*order)
    last = await alone(tmp_path / "last", STATED[-1])
    assert await bench.digests() == last


async def test_a_last_statement_that_is_retracted_leaves_the_one_before(bench: Bench, tmp_path: Path) -> None:
    await bench.take_each(STATED[2], retraction(STATED[2], at(9)), STATED[0], STATED[1])
    assert await bench.digests() == await alone(tmp_path / "before", STATED[1])


TAKEN = [
    sent("form_submitted", "user:1", at(2), id="x", intent="demo"),
    sent("close", "deal:1", at(9), id="x", outcome="won"),
    sent("order_placed", "user:1", at(2), id="x"),
    sent("spend_recorded", "campaign:spring", at(3), id="x", campaign="spring"),
    deal_opened("2", at(2), "user:1", id="x"),
]


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("first", ["the target", "the retraction", "both at once"])
async def test_what_is_retracted_might_as_well_never_have_been_sent(bench: Bench, tmp_path: Path, taken: bytes, first: str) -> None:
    rest = [VIEW, deal_opened("1", at(1), "user:1")]
    void = retraction(taken, at(20))
    await bench.take(*rest)
    match first:
        case "the target":
            await bench.take_each(taken, void)
        case "the retraction":
            await bench.take_each(void, taken)
        case _:
            await bench.take(void, taken)
    assert await bench.digests() == await alone(tmp_path / "rest", *rest)
    await bench.take(taken)
    assert await bench.digests() == await alone(tmp_path / "rest again", *rest)


async def test_a_retraction_under_another_subject_takes_nothing_back_and_is_listed(bench: Bench, tmp_path: Path) -> None:
    unit = await bench.take(VIEW, retraction(sent("page_view", "user:2", at(1), id="v"), at(2)))
    assert unit.dead_letters == []
    assert await bench.digests() == await alone(tmp_path / "view", VIEW)
    assert [one.target for one in await bench.desk.idle_retractions()] == [("user:2", "urn:test", "v")]


async def test_a_retraction_of_a_retraction_is_listed_and_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    void = retraction(VIEW, at(2))
    await bench.take_each(VIEW, void, retraction(void, at(3)))
    assert await bench.digests() == await alone(tmp_path / "nothing", retraction(VIEW, at(2)))
    assert [one.is_retraction for one in await bench.desk.idle_retractions()] == [True]


async def test_a_late_touchpoint_corrects_transitions_and_says_so_with_signs(bench: Bench, tmp_path: Path) -> None:
    form, first = sent("form_submitted", "user:1", at(60), id="f", intent="demo"), sent("page_view", "user:1", at(0), id="first")
    await bench.take_each(VIEW, form)
    unit = await bench.take(first)
    entered = [(fact, count) for fact, count in map(from_row, unit.facts) if isinstance(fact, StageEntered)]
    moved = [(fact.at, count, fact.because[-1][1]) for fact, count in entered if fact.at < at(60)]
    assert sorted(moved) == [(at(0), 1, "first"), (at(1), -1, "v")]
    # The stage after it is entered as before, and the first one had lasted longer.
    assert {(fact.stayed, count) for fact, count in entered if fact.at == at(60)} == {(59 * DAY, -1), (60 * DAY, 1)}
    assert await bench.digests() == await alone(tmp_path / "in order", first, VIEW, form)


events = st.lists(anything, min_size=2, max_size=8)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events, st.data())
def test_taking_everything_back_in_any_order_leaves_nothing(sent_events: list[dict[str, object]], data: st.DataObject) -> None:
    lines = [orjson.dumps(one) for one in sent_events]
    voids = [
        orjson.dumps(event("retracted", str(one["subject"]), at(300), 100 + nth, of_source=one["source"], of_id=one["id"], deal=None))
        for nth, one in enumerate(sent_events)
    ]
    mixed = data.draw(st.permutations([*lines, *voids]))
    check(Delivery(mixed, sizes=(1, 3)), TIGHT)


@thorough
@given(deliveries(anything), st.lists(anything, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_what_is_retracted_is_as_if_it_had_never_been_sent(rest: Delivery, taken: list[dict[str, Any]], random: Random) -> None:
    """Whatever it is: touchpoints, links, statements, deals with people; before its retraction or after it, and sent again."""
    lines = list(rest.lines)
    for nth, one in enumerate(taken):
        one |= {"id": f"taken-{nth}"}
        void = event("retracted", one["subject"], at(300), 100 + nth, of_source=one["source"], of_id=one["id"], deal=None)
        for each in (one, void, one):
            lines.insert(random.randint(0, len(lines)), orjson.dumps(each))
    check(rest._replace(lines=lines), TIGHT, as_if=rest.lines)
