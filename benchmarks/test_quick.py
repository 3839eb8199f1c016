"""The benchmarks run, and measure what they say. How fast anything is, is nobody's business here."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.latency import through_units
from benchmarks.measuring import BENCH, Failed, said_by
from benchmarks.steps import DISTRIBUTED, EMBEDDED, Steps, found

SECONDS_MAX = 400


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_MAX + 30)
def test_everything_is_measured_beside_everything_in_one_quick_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "quick.json"
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")  # to compile well what runs for seconds takes longer

    said = said_by(
        [sys.executable, "-m", "benchmarks.compare", "--quick", "--late", "0.1", "--duplicates", "0.1", "--out", str(out)],
        seconds_max=SECONDS_MAX,
    )

    told = json.loads(out.read_text())
    assert told["rows"].keys() | told["missing"].keys() == compare.TITLES.keys()
    assert told["missing"].keys() <= {compare.OURS}
    for rows in told["repetitions"]:
        for name, one in rows.items():
            assert one["result"]["touchpoints"] == (compare.QUICK_EVENTS if name == compare.FAUST else told["touchpoints"])
    assert "its figures mean nothing" in said
    assert not any((BENCH / "services").iterdir())


def busy(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_a_step_is_told_without_the_steps_within_it() -> None:
    clocks = Steps()
    inner = clocks.timed(lambda: busy(0.02), "inner")

    def work() -> None:
        busy(0.01)
        inner()

    clocks.timed(work, "outer")()

    outer, inside = clocks.taken["outer"], clocks.taken["inner"]
    assert outer.wall >= 0.01e9
    assert inside.wall >= 0.02e9
    assert outer.cpu + inside.cpu <= 1.1 * outer.elapsed, "nothing is in both"


async def test_what_a_coroutine_waits_for_is_not_its_work() -> None:
    clocks = Steps()

    async def wait_and_work() -> str:
        await asyncio.sleep(0.05)
        busy(0.01)
        return "done"

    timed = clocks.timed(wait_and_work, "step")
    assert list(await asyncio.gather(timed(), timed())) == ["done", "done"]

    step = clocks.taken["step"]
    assert step.calls == 2
    assert step.wall >= 0.02e9
    assert step.elapsed - step.wall >= 0.08e9, "they wait for a tenth of a second, and work while the other waits"


async def test_a_cancelled_coroutine_is_told_and_may_clean_up() -> None:
    clocks, seen = Steps(), []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    waiting = asyncio.create_task(clocks.timed(wait, "step")())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert seen == ["cancelled"]
    assert clocks.taken["step"].calls == 1


async def test_an_async_generator_is_timed_item_by_item() -> None:
    clocks = Steps()

    async def items() -> AsyncIterator[int]:
        for one in range(3):
            busy(0.005)
            yield one

    timed = clocks.timed(items, lambda: "named by a call")
    assert [one async for one in timed()] == [0, 1, 2]

    assert clocks.taken["named by a call"].wall >= 0.015e9


def test_a_step_that_is_not_there_any_more_is_named() -> None:
    with pytest.raises(Failed, match="no_such_step"):
        Steps().time("streams.placement:Placement.no_such_step", "step")


def test_every_step_of_a_breakdown_is_a_function_of_ours() -> None:
    for where in {**EMBEDDED, **DISTRIBUTED}:
        found(where)


async def test_offsets_are_visible_when_both_read_models_reflect_the_unit_that_reached_them() -> None:
    stands: Iterator[tuple[int, Mapping[int, int]]] = iter([(1, {0: 9}), (2, {0: 19, 1: 5}), (4, {0: 30, 1: 8}), (4, {0: 30, 1: 8})])
    reflects = iter([0, 1, 3, 4])

    async def recorded() -> tuple[int, Mapping[int, int]]:
        return next(stands)

    async def reflected() -> int:
        return next(reflects)

    visible = through_units(recorded, reflected)

    assert [await visible() for _ in range(4)] == [{}, {0: 9}, {0: 19, 1: 5}, {0: 30, 1: 8}]
