"""What the systems of the company send: every touchpoint is stamped, given its id and encoded here, nowhere else."""

from collections.abc import Iterator

import orjson

from app.simulation.calendar import SimulatedCalendar
from journey.instants import Instant

Data = dict[str, object]

SIMULATED = "/simulated"
"""Where the source of every touchpoint starts: whoever keeps it can tell that nothing of it happened."""


class SimulatedFeed:
    """Touchpoints of one world. What would lie outside its days is not sent, so a story may run past the end."""

    def __init__(self, calendar: SimulatedCalendar, world: str) -> None:
        self.calendar = calendar
        self._world = world
        self._sent: list[tuple[Instant, str, str, str, bytes]] = []
        self._numbers = 0

    def send(self, source: str, type: str, subject: str, at: Instant, data: Data) -> str:
        """The id of the touchpoint, with which its sender can take it back."""
        self._numbers += 1
        # The world is in the id, so that two simulations in one store never claim the same touchpoint.
        id = f"{self._world}-{self._numbers}"
        if self.calendar.opens <= at < self.calendar.ends:
            line = orjson.dumps(
                {
                    "specversion": "1.0",
                    "id": id,
                    "source": SIMULATED + source,
                    "type": type,
                    "subject": subject,
                    "time": self.calendar.stamp(at),
                    "data": data,
                }
            )
            # A copy: orjson's own bytes hold on to the whole buffer that it wrote them in, many times their length.
            self._sent.append((at, source, id, subject, bytes(memoryview(line))))
        return id

    def take_back(self, source: str, subject: str, id: str, at: Instant, reason: str) -> None:
        self.send(
            source,
            "retracted",
            subject,
            at,
            {"of_source": SIMULATED + source, "of_id": id, "reason": reason, "by": f"{source[1:]}-admin"},
        )

    def lines(self) -> Iterator[bytes]:
        """All lines in the order of history. Each is let go once it is handed out."""
        sent = self._sent
        sent.sort(reverse=True)
        while sent:
            yield sent.pop()[4]
