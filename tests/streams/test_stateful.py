"""Whatever somebody does, in whatever order: touchpoints come in, are placed and taken back; workers restart; all is derived anew.

Hypothesis makes up what is done, and finds the fewest steps by which it goes wrong. In the end, everything is what an independent
fold says of the whole set.
"""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from projections.marketing import marketing
from projections.sales import sales
from streams import arrivals
from tests.streams.brute_force import digest, told
from tests.streams.builders import Bench, quick_bench
from tests.streams.deliveries import agrees
from tests.streams.test_any_order import RESTLESS, TIGHT, Event, anything, echo, link_or_unlink

EXAMPLES = max(100, settings().max_examples // 10)
"""Of up to STEPS steps each. More with `--hypothesis-profile=soak`."""

STEPS = 30


@pytest.fixture(scope="module", autouse=True)
def older() -> Iterator[None]:
    """As if all of it had come before there was a rule for ids that are none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrivals, "check_ids", lambda touch, is_no_id: None)
        yield


class Desk(RuleBasedStateMachine):
    """One record, with both read models."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.bench: Bench
        self.sent: list[Event] = []

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(doing)

    @initialize(by=st.sampled_from([TIGHT, RESTLESS]))
    def open(self, by: Any) -> None:
        self.bench = quick_bench(Path(self.folder.name), by)

    def send(self, *events: Event) -> None:
        self.sent += events
        self.run(self.bench.append([json.dumps(one).encode() for one in events]))

    @rule(events=st.lists(anything, min_size=1, max_size=5))
    def several_come_in(self, events: list[Event]) -> None:
        self.send(*events)

    @rule(event=link_or_unlink())
    def somebody_is_linked_or_unlinked(self, event: Event) -> None:
        self.send(event)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def something_is_said_about_an_earlier_one(self, data: st.DataObject) -> None:
        self.send(data.draw(echo(self.sent)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def an_earlier_one_comes_again(self, data: st.DataObject) -> None:
        self.send(data.draw(st.sampled_from(self.sent)))

    @rule(limit=st.sampled_from([1, 2, 5, 100]))
    def a_unit_is_placed(self, limit: int) -> None:
        self.run(self.bench.place(limit))

    @rule()
    def the_worker_restarts(self) -> None:
        self.bench.restart()

    @rule()
    def journeys_are_lost(self) -> None:
        self.bench.forget_journeys()

    @rule()
    def both_read_models_follow(self) -> None:
        self.run(self.bench.follow())

    @rule(by=st.sampled_from([TIGHT, RESTLESS]))
    def all_is_derived_anew(self, by: Any) -> None:
        self.run(self.bench.rebuild(by))

    def teardown(self) -> None:
        try:
            if hasattr(self, "bench"):
                self.run(self.come_to_the_end())
                self.bench.close()
        finally:
            self.runner.close()
            self.folder.cleanup()

    async def come_to_the_end(self) -> None:
        while await self.bench.place(3):
            pass
        expected = told(self.bench.definition, [json.dumps(one).encode() for one in self.sent])
        await agrees(self.bench, expected, [digest(model, expected.facts) for model in (marketing, sales)])


TestDesk = Desk.TestCase
TestDesk.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
