"""The score of a person: a ledger of points, each counting until it expires; and where the score fell below a limit.

Points that end at T count for the touchpoints at T still, since what time brings comes after them.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from journey.facts import NEVER
from journey.instants import Instant
from journey.touchpoints import Key


class Points(NamedTuple):
    """An entry of the ledger: it counts until before `until`."""

    until: Instant
    points: int
    key: Key


class ScoreFall(NamedTuple):
    """The score went from a limit or more to less at this instant, because of all points that had counted until then."""

    at: Instant
    because: tuple[Key, ...]


@dataclass(slots=True)
class Ledger:
    """The points that count, and their sum."""

    entries: list[Points] = field(default_factory=list)
    score: int = 0
    ends_at: Instant = NEVER
    """When the first of the entries expire."""
    fell: dict[int, ScoreFall] = field(default_factory=dict)
    """By limit: the last fall below it, while the score is still below."""

    def copied(self) -> "Ledger":
        return Ledger(self.entries.copy(), self.score, self.ends_at, self.fell.copy())

    @property
    def keys(self) -> tuple[Key, ...]:
        """The touchpoints that gave the points."""
        return _keys(self.entries)

    def add(self, points: Points) -> None:
        self.entries.append(points)
        self.score += points.points
        self.ends_at = min(self.ends_at, points.until)

    def expire(self, before: Instant, limits: Collection[int]) -> None:
        """Drop what ended before `before`; where a limit may be passed, one instant after the other."""
        while self.ends_at < before:
            at, score, counted = self.ends_at if limits else before - 1, self.score, self.entries
            self.entries = [entry for entry in counted if entry.until > at]
            self.ends_at = min((entry.until for entry in self.entries), default=NEVER)
            self.score = sum(entry.points for entry in self.entries)
            if limits:
                self.note_falls(score, limits, ScoreFall(at, _keys(counted)))

    def note_falls(self, before: int, limits: Collection[int], fall: ScoreFall) -> None:
        """Note which limits the score has come to be below, or no longer is. `before` is the score before it."""
        for limit in limits:
            if before >= limit > self.score:
                self.fell[limit] = fall
            elif self.score >= limit:
                self.fell.pop(limit, None)

    def fall_below(self, limit: int, *, since: Instant, now: Instant) -> ScoreFall | None:
        """The fall below `limit` at `since` or later; if there was none, the one that will come when points expire."""
        fell = self.fell.get(limit)
        if fell is not None and fell.at >= since:
            return fell
        counting = [entry for entry in self.entries if entry.until >= now]
        score = sum(entry.points for entry in counting)
        for at in sorted({entry.until for entry in counting} - {NEVER}):
            counted, before = counting, score
            counting = [entry for entry in counted if entry.until > at]
            score = sum(entry.points for entry in counting)
            if before >= limit > score:
                return ScoreFall(at, _keys(counted))
        return None


def _keys(entries: list[Points]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(entry.key for entry in entries))
