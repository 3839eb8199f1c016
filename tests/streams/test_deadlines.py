"""What only time brings is the same under any clock, exact to the microsecond, and withdrawn by what comes late."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine import embedded as engine
from journey.facts import LeadMoved, StageEntered, from_row
from journey.instants import DAY, HOUR, Instant, instant, rfc3339
from tests.app.command import here, journey, put
from tests.streams.builders import Bench, at, deal_opened, link, sent
from tests.streams.deliveries import Delivery, check
from tests.streams.test_any_order import RESTLESS, deliveries, event, of_a_person, thorough
from tests.streams.test_duplicates import alone

VIEW = sent("page_view", "user:1", at(1), id="v")
SILENT: Instant = at(1) + 90 * DAY
"""When the default definition takes who only viewed a page for lost."""


def form(when: Instant) -> bytes:
    return sent("form_submitted", "user:1", when, id="f", intent="demo")


async def lost(bench: Bench) -> list[Instant]:
    """The instants at which somebody became lost by silence, as it was entered and not only foreseen."""
    found = [from_row([row[0], 1, *row[1:]])[0] for row in map(orjson.loads, await bench.facts())]
    return [fact.at for fact in found if isinstance(fact, StageEntered) and fact.stage == "lost" and fact.person == "user:1"]


async def breaches(bench: Bench) -> list[Instant]:
    found = [from_row([row[0], 1, *row[1:]])[0] for row in map(orjson.loads, await bench.facts())]
    return [fact.at for fact in found if isinstance(fact, LeadMoved) and fact.step == "breached"]


# --- one microsecond before, at, and after


@pytest.mark.parametrize(("late", "struck"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("order", ["in order", "backwards", "with another between", "at once"])
async def test_silence_strikes_who_comes_back_one_microsecond_after_the_limit(
    bench: Bench, tmp_path: Path, late: int, struck: bool, order: str
) -> None:
    back, other = form(SILENT + late), sent("page_view", "user:2", at(400))
    match order:
        case "in order":
            await bench.take_each(VIEW, back, other)
        case "backwards":
            await bench.take_each(other, back, VIEW)
        case "with another between":
            await bench.take_each(VIEW, other, back)
        case _:
            await bench.take(back, VIEW, other)
    assert bool(await lost(bench)) == struck
    assert await bench.digests() == await alone(tmp_path / "whole", VIEW, back, other)


@pytest.mark.parametrize("late", [-1, 0, 1])
async def test_a_late_touchpoint_withdraws_what_it_held_off_and_one_after_the_strike_does_not(
    bench: Bench, tmp_path: Path, late: int
) -> None:
    await bench.take_each(VIEW, form(SILENT + 30 * DAY))
    assert await lost(bench) == [SILENT]
    between = sent("page_view", "user:1", SILENT + late, id="late")
    unit = await bench.take(between)
    assert bool(await lost(bench)) == (late > 0)
    withdrawn = [fact for fact, count in map(from_row, unit.facts) if isinstance(fact, StageEntered) and fact.stage == "lost" and count < 0]
    assert [fact.at for fact in withdrawn] == ([] if late > 0 else [SILENT])
    assert await bench.digests() == await alone(tmp_path / "in order", VIEW, between, form(SILENT + 30 * DAY))


async def test_what_was_still_to_strike_is_withdrawn_by_a_link_and_a_deal(bench: Bench, tmp_path: Path) -> None:
    tied, opened = link("user:1", "anon:a", at(2)), deal_opened("1", SILENT - 1, "anon:a")
    await bench.take_each(VIEW, form(SILENT + DAY), opened, tied)
    assert await lost(bench) == []
    assert await bench.digests() == await alone(tmp_path / "in order", VIEW, tied, opened, form(SILENT + DAY))


# --- business time, across a change of clocks

FORWARD = instant(rfc3339("2026-03-27T15:00:00+01:00")), instant(rfc3339("2026-03-30T11:00:00+02:00"))
"""A Friday at three, and four hours of business later: the clocks go forward on that Sunday."""
BACK = instant(rfc3339("2026-10-23T15:00:00+02:00")), instant(rfc3339("2026-10-26T11:00:00+01:00"))


@pytest.mark.parametrize(("asked", "limit"), [FORWARD, BACK])
@pytest.mark.parametrize(("late", "breached"), [(-1, False), (0, False), (1, True)])
async def test_the_limit_of_an_answer_is_exact_across_a_change_of_clocks(
    bench: Bench, tmp_path: Path, asked: Instant, limit: Instant, late: int, breached: bool
) -> None:
    wish, answer = form(asked), sent("lead_accepted", "user:1", limit + late, id="yes")
    await bench.take_each(answer, wish)
    assert await breaches(bench) == ([limit] if breached else [])
    assert await bench.digests() == await alone(tmp_path / "in order", wish, answer)


# --- any clock, any zone

STORY = [
    VIEW, form(SILENT + 1), deal_opened("1", SILENT + 2 * DAY, "user:1"), sent("close", "deal:1", SILENT + 9 * DAY, outcome="lost"),
    sent("page_view", "user:2", FORWARD[0]), sent("form_submitted", "user:3", FORWARD[0], intent="demo"),
]  # fmt: skip
QUESTIONS = [("digest",), *((*asked, "--until", until) for asked in (
    ("report", "marketing"), ("report", "sales"), ("timeline", "user:1"), ("timeline", "user:3"),
) for until in ("2026-03-30", "2026-06-01T12:00:00Z", "2027-12-31"))]  # fmt: skip


def answers(cwd: Path) -> list[Any]:
    return [here(*question, "--json", cwd=cwd).json for question in QUESTIONS]


def test_the_answers_are_the_same_under_any_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for year in ("2027", "2051", "9001"):
        clock = instant(rfc3339(f"{year}-03-29T01:59:59.999999Z"))
        monkeypatch.setattr(engine, "now", lambda clock=clock: clock)
        cwd = tmp_path / year
        cwd.mkdir()
        assert here("ingest", put(cwd / "story.jsonl", *STORY), cwd=cwd).status == 0
        found.append(answers(cwd))
    assert found[0] == found[1] == found[2]


def test_the_answers_are_the_same_in_any_time_zone_of_the_machine(tmp_path: Path) -> None:
    found = []
    for zone in ("Pacific/Kiritimati", "America/St_Johns"):
        cwd = tmp_path / zone.replace("/", "-")
        cwd.mkdir()
        assert journey("ingest", put(cwd / "story.jsonl", *STORY), cwd=cwd, TZ=zone).status == 0
        found.append([journey(*question, "--json", cwd=cwd, TZ=zone).json for question in (QUESTIONS[0], QUESTIONS[4], QUESTIONS[7])])
    assert found[0] == found[1]


# --- all of it

EDGES = [at(0) + delta for limit in (4 * HOUR, HOUR, 20 * DAY, 90 * DAY) for delta in (0, limit - 1, limit, limit + 1)]


@st.composite
def at_the_edge(draw: st.DrawFn) -> dict[str, Any]:
    """Something that a person did a microsecond off a limit of what another did."""
    type, data = draw(st.sampled_from([
        ("page_view", {}), ("form_submitted", {"intent": "demo"}), ("lead_created", {}), ("lead_accepted", {}), ("lead_recycled", {}),
        ("call", {}),
    ]))  # fmt: skip
    return event(type, draw(st.sampled_from(["anon:a", "user:1"])), draw(st.sampled_from(EDGES)), draw(st.integers(0, 12)), **data)


@thorough
@given(deliveries(st.one_of(at_the_edge(), at_the_edge(), of_a_person())))
def test_deadlines_a_microsecond_off_come_to_what_the_whole_set_says_in_any_order(delivery: Delivery) -> None:
    check(delivery, RESTLESS)
