"""What a writer does and where the read models are, as Prometheus asks for it: by the same names for the server and for workers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from app.engine.clock import now
from app.engine.ports import Engine
from journey.errors import Away
from projections.read_model import ReadStore
from streams.operators import State
from streams.ports import Histories
from streams.units import Unit

UNIT_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
END_TO_END_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0)

LOOKED_AT_SECONDS_MAX = 5.0
"""How long a scrape waits for a server to answer."""

RECEIVED_MAX = 1_000
"""Of how many units that a read model has taken in at once the time until then is looked up."""

MICROSECONDS = 1_000_000


class Measures:
    """Those of one process that works with the data."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.records = Counter(
            "journey_records", "Records that this process has placed, by what became of them.", ("outcome",), registry=self.registry
        )
        self.units = Histogram(
            "journey_unit_seconds",
            "How long a unit took: to be placed, or to be taken in by a read model.",
            ("part",),
            registry=self.registry,
            buckets=UNIT_SECONDS,
        )
        self.end_to_end = Histogram(
            "journey_end_to_end_seconds",
            "From when the log had the last record of a unit until a read model shows it.",
            ("model",),
            registry=self.registry,
            buckets=END_TO_END_SECONDS,
        )
        self.lag = self._gauge("journey_lag_records", "Records of the log that are not placed yet.", "partition")
        self.reachable = self._gauge("journey_reachable", "1 where it answers, 0 where it does not.", "what")
        self.letters = self._gauge("journey_dead_letters", "Dead letters, by what became of them.", "state")
        self.position = Gauge("journey_record_position", "The last unit of the record.", registry=self.registry)
        self.at = self._gauge("journey_read_model_position", "The last unit that a read model has.", "model")
        self.staleness = self._gauge(
            "journey_staleness_seconds",
            "For how long the first thing that a read model has not has been there; 0 where it has all.",
            "model",
        )
        for outcome in ("accepted", "duplicate", "dead-letter"):
            self.records.labels(outcome)

    def placed(self, unit: Unit, seconds: float) -> None:
        self.units.labels("placement").observe(seconds)
        self.records.labels("accepted").inc(unit.accepted)
        self.records.labels("duplicate").inc(unit.duplicates)
        self.records.labels("dead-letter").inc(len(unit.dead_letters))

    def followed(self, model: str, seconds: float) -> None:
        self.units.labels(model).observe(seconds)

    async def shown(self, model: str, record: Histories, before: int, after: int) -> None:
        """A read model shows the units in (`before`, `after`] of the record since just now; one that began with nothing, what was shown
        before."""
        if not 0 < before < after:
            return
        at = now()
        for one in await record.received(before, after, RECEIVED_MAX):
            if not one.is_derived_anew:
                self.end_to_end.labels(model).observe(max(0, at - one.at) / MICROSECONDS)

    async def text(self, engine: Engine, waiting: Mapping[int, int] | None, models: Sequence[ReadStore]) -> bytes:
        """All of them, as of now. Of what is away it is told that it is. Where nobody knows how many records wait, the engine is asked."""
        self.lag.clear()
        async with self._looked_at("log"):
            for partition, count in (await engine.waiting() if waiting is None else waiting).items():
                self.lag.labels(partition).set(count)
        stands: dict[str, int] = {}
        for store in models:
            async with self._looked_at(store.model.name):
                stands[store.model.name] = await store.position()
        async with self._looked_at("record"):
            # After the read models, so that none seems to be ahead of it.
            position = await engine.record.position()
            self.position.set(position)
            for name, at in stands.items():
                self.at.labels(name).set(at)
                units = await engine.record.received(at, position, 1)
                first = units[0].at if units else await engine.waits_since()
                self.staleness.labels(name).set(0 if first is None else max(0, now() - first) / MICROSECONDS)
            letters = await engine.desk.states()
            for state in State:
                self.letters.labels(state).set(letters.get(state, 0))
        return generate_latest(self.registry)

    @asynccontextmanager
    async def _looked_at(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(LOOKED_AT_SECONDS_MAX):
                yield
        except (Away, TimeoutError):
            self.reachable.labels(what).set(0)
        else:
            self.reachable.labels(what).set(1)

    def _gauge(self, name: str, says: str, label: str) -> Gauge:
        return Gauge(name, says, (label,), registry=self.registry)
