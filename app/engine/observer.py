"""Who is told of each unit that is placed, and of each that a read model takes in: metrics and traces, where either is wanted."""

import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.engine import tracing
from projections.read_model import ReadModel
from streams.ports import Histories
from streams.units import Recorded, Unit

if TYPE_CHECKING:
    from app.engine.measures import Measures

CAUSES_KEPT_MAX = 1_000
"""Of how many units it is known which trace placed them, until the read models take them in."""


class Observer:
    """Does nothing where neither is wanted."""

    def __init__(self, measures: "Measures | None" = None) -> None:
        self.measures = measures
        self._came_about: deque[tuple[int, int, str]] = deque(maxlen=CAUSES_KEPT_MAX)
        """The traces of what waits to be placed, by first and last offset, where the log itself keeps none."""
        self._placed: OrderedDict[int, str] = OrderedDict()

    def came_about(self, first: int, last: int, trace: str) -> None:
        """The records of the log from offset `first` to `last` came about in this trace. From any thread."""
        self._came_about.append((first, last, trace))

    def placed(self, records: Sequence[Recorded], unit: Unit, position: int, seconds: float) -> None:
        if self.measures is not None:
            self.measures.placed(unit, seconds)
        if tracing.is_on():
            causes = [*self._causes_up_to(records[-1].offset), *(record.trace for record in records if record.trace is not None)]
            told: dict[str, Any] = {"journey.position": position, "journey.records": len(records), "journey.accepted": unit.accepted}
            self._placed[position] = tracing.happened("place a unit", seconds, causes, told)
            while len(self._placed) > CAUSES_KEPT_MAX:
                self._placed.popitem(last=False)

    def _causes_up_to(self, offset: int) -> list[str]:
        found = []
        while self._came_about and self._came_about[0][0] <= offset:
            _, last, trace = self._came_about.popleft()
            found.append(trace)
            if last > offset:
                # Its rest is of the next unit.
                self._came_about.appendleft((offset + 1, last, trace))
                break
        return found

    async def followed(self, record: Histories, model: ReadModel, before: int, after: int, began: float) -> None:
        """The read model, which stood at `before`, has come to `after`; `began` is by the monotonic clock."""
        if after <= before or (self.measures is None and not tracing.is_on()):
            return
        seconds = time.monotonic() - began
        if self.measures is not None:
            self.measures.followed(model.name, seconds)
            await self.measures.shown(model.name, record, before, after)
        if tracing.is_on():
            causes = [trace for position, trace in self._placed.items() if before < position <= after]
            tracing.happened(f"take in a unit: {model.name}", seconds, causes, {"journey.position": after, "journey.model": model.name})
