"""How the parts of the work tell a person what they do: a line in a worker's log, or a remark of a command."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from journey.errors import Away


class Say(Protocol):
    def __call__(self, text: str, /, level: int = logging.INFO) -> None: ...


def nobody(text: str, /, level: int = logging.INFO) -> None:
    """Tells nobody."""


SayAs = Callable[[str], Say]
"""How a part of that name tells."""

TALLY_SECONDS = 10.0
"""How far apart two lines are that say how many there were."""


class Outage:
    """What one part waits for: said once when it begins, and once when it is over, however often it is tried in between."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._told: set[str] = set()
        self._began_at = 0.0

    @property
    def lasts(self) -> bool:
        return bool(self._told)

    def goes_on(self, away: Away) -> None:
        if not self._told:
            self._began_at = time.monotonic()
        if away.outage not in self._told:
            self._told.add(away.outage)
            self._say(f"waiting: {away}", logging.WARNING)

    def is_over(self) -> None:
        """Whatever was waited for has been done. Nothing is said where nothing was waited for."""
        if self._told:
            self._told.clear()
            self._say(f"going on, after {time.monotonic() - self._began_at:.1f} s")


class Tally:
    """Counts what is worth a line, and not one each: the first at once, what follows together, TALLY_SECONDS apart.

    `later` calls back after so many seconds: that of the event loop.
    """

    def __init__(self, say: Say, later: Callable[[float, Callable[[], None]], object], phrase: Callable[[Counter[str]], str]) -> None:
        self._say, self._later, self._phrase = say, later, phrase
        self._counted: Counter[str] = Counter()
        self._resting = False

    def add(self, kinds: Iterable[str]) -> None:
        self._counted.update(kinds)
        if self._counted and not self._resting:
            self._tell()

    def flush(self) -> None:
        """Tell what has not been told."""
        if self._counted:
            self._say(self._phrase(self._counted), logging.WARNING)
            self._counted.clear()

    def _tell(self) -> None:
        self.flush()
        self._resting = True
        self._later(TALLY_SECONDS, self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._counted:
            self._tell()
