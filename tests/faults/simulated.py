"""The parts of a simulated world: virtual time, partitions in memory, and a record that several processes share.

The record is the embedded one's code with what the distributed one adds: versions of subjects, turns, an outbox, marks. Every question put
to it, every commit and every message is a named point, at which a process may go slower than another, freeze, lose its connection or crash.
"""

import asyncio
import random
import selectors
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from journey.errors import Away
from journey.facts import StageEntered
from journey.instants import DAY, Instant
from journey.person import PersonJourney
from streams.journeys import load
from streams.operators import Decided
from streams.ports import Pruned, Raced
from streams.postgres.unit_statements import changed_by
from streams.sqlite.record import FILE, SqliteRecord
from streams.units import Change, DerivedPart, Generation, Recorded, Unit
from tests.streams.builders import START
from tests.streams.followed import Told

PARTITIONS = 3
KEPT_MAX = 6
"""Units whose changes stay after they were told, at most."""

FROZEN_ALONE = 10
"""How much more likely who does something alone is to freeze."""

NOTICED_SHARE = 0.1
"""How likely it is, at each point, that who no longer has what it does alone hears of it."""

DAYS_A_SECOND = 10
"""How fast the scheduler's clock runs."""


class Crashed(BaseException):
    """A process is gone, in the middle of what it did."""


class _Jumping(selectors.DefaultSelector):
    """Where all wait, time goes on at once."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits for ever")
        self.loop.passed += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is its own: what runs in it takes none, and only sleeping does. Runs the same each time."""

    def __init__(self) -> None:
        selector = _Jumping()
        selector.loop = self
        self.passed = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.passed


class Placed(NamedTuple):
    """What a position is of: how far each partition was placed, and by which definition all is derived."""

    offsets: dict[int, int]
    definition: str


@dataclass
class Held:
    """What one worker does alone, as long as it has that. Who is frozen while another waits for it has had it, and hears of it later."""

    is_alone: bool = True
    frozen: bool = False
    lost: bool = False


@dataclass
class Transaction:
    """Of a relay's. What is in one that was never committed was never sent, to those who read what is committed."""

    committed: bool = False


class Message(NamedTuple):
    told: Told
    of: Transaction


@dataclass
class World:
    """All that outlives a process, and the chance that decides what happens."""

    chance: random.Random
    folder: Path
    crash_share: float
    freeze_share: float
    away_share: float
    slow_share: float
    trouble: bool = True
    log: list[list[Recorded]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    owners: dict[int, str] = field(default_factory=dict)
    """The worker that each partition is assigned to."""
    versions: Counter[str] = field(default_factory=Counter)
    marks: dict[int, Instant] = field(default_factory=dict)
    struck: dict[int, list[list[Any]]] = field(default_factory=dict)
    rebuilt: list[int] = field(default_factory=list)
    published: int = 0
    pruned: int = 0
    placed: dict[int, Placed] = field(default_factory=dict)
    topics: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    epoch: int = 0
    """Of the producer that began last: Kafka takes nothing from any before."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    held: dict[str, Held] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    passed: Counter[str] = field(default_factory=Counter)
    crashed: Counter[str] = field(default_factory=Counter)
    sometimes: Counter[str] = field(default_factory=Counter)
    """What has happened, and how often."""
    trace: Any = field(default_factory=blake2b)

    def now(self) -> Instant:
        return START + int(asyncio.get_running_loop().time() * DAYS_A_SECOND * DAY)

    async def point(self, name: str, *, may_be_away: bool = False) -> None:
        process = PROCESS.get()
        if process.dead:
            raise Crashed(name)
        held = HELD.get()
        self.passed[name] += 1
        self.trace.update(f"{process.name} {name} {asyncio.get_running_loop().time():.6f}\n".encode())
        chance = self.chance
        if self.trouble:
            if process.mortal and chance.random() < self.crash_share:
                self.crashed[name] += 1
                process.dead = True
                raise Crashed(name)
            if chance.random() < self.freeze_share * (FROZEN_ALONE if held.is_alone else 1):
                self.sometimes["a process froze"] += 1
                held.frozen = True
                await asyncio.sleep(chance.uniform(1, 30))
                held.frozen = False
            if held.lost and chance.random() < NOTICED_SHARE:
                raise Away(f"another has what this one did alone {name}")
            if may_be_away and chance.random() < self.away_share:
                self.sometimes["the record was away"] += 1
                raise Away("the record is away")
            if chance.random() < self.slow_share:
                await asyncio.sleep(chance.uniform(0, 0.3))


@dataclass
class Life:
    """Of a process, as long as it lives."""

    name: str
    mortal: bool = True
    dead: bool = False


PROCESS: ContextVar[Life] = ContextVar("process")
HELD: ContextVar[Held] = ContextVar("held", default=Held(is_alone=False))  # noqa: B039  # of who does nothing alone, and so can't lose it


class SharedRecord(SqliteRecord):
    """A process's own connection to the record."""

    def __init__(self, world: World) -> None:
        super().__init__(world.folder / FILE)
        self.db.execute("PRAGMA synchronous = OFF")
        self.world = world
        self._in_turn: ContextVar[bool] = ContextVar("in turn", default=False)
        for name in (
            "offsets",
            "position",
            "bodies",
            "named",
            "known",
            "voided",
            "people",
            "deals_of",
            "journeys",
            "subjects",
            "brought",
            "generation",
        ):
            setattr(self, name, self._watched(name, getattr(self, name)))

    def _watched(self, name: str, asked: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(*values: Any, **more: Any) -> Any:
            await self.world.point(f"before reading {name}", may_be_away=True)
            found = await asked(*values, **more)
            await self.world.point(f"after reading {name}")
            return found

        return answer

    async def versions(self, keys: Collection[str]) -> Mapping[str, int]:
        await self.world.point("before reading versions", may_be_away=True)
        found = {key: self.world.versions[key] for key in keys if key in self.world.versions}
        await self.world.point("after reading versions")
        return found

    # --- committing

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:  # type: ignore[override]
        await self.world.point("before a turn", may_be_away=True)
        async with self.world.turn:
            token = self._in_turn.set(True)
            try:
                yield
            finally:
                self._in_turn.reset(token)

    async def commit(self, unit: Unit) -> int:
        world = self.world
        await world.point("before a commit", may_be_away=True)
        try:
            if self._in_turn.get():
                position = await self._committed(unit)
            else:
                async with world.turn:
                    position = await self._committed(unit)
        except Exception as error:
            world.sometimes[f"a unit was refused: {type(error).__name__}"] += 1
            raise
        await world.point("after a commit", may_be_away=True)
        return position

    async def _committed(self, unit: Unit) -> int:
        position = await super().commit(unit)
        for key in changed_by(unit):
            self.world.versions[key] += 1
        if unit.mark is not None:
            self.world.marks[position] = unit.mark
            self.world.struck[position] = unit.struck
        await self._note(position)
        return position

    def _store(self, unit: Unit, position: int) -> None:
        """Between the check of where it starts and the first write."""
        for key, version in unit.versions.items():
            if self.world.versions[key] != version:
                raise Raced(f"{key} is at version {self.world.versions[key]}, and was read at {version}")
        super()._store(unit, position)

    async def rebuild(
        self,
        parts: AsyncIterator[DerivedPart],
        generation: Generation,
        recorded_at: Instant,
        last: Callable[[], AsyncIterator[DerivedPart]] | None = None,
        decisions: Sequence[Decided] = (),
    ) -> int:
        async with self.world.locks["what is derived anew"]:
            beside = [part async for part in parts]
            async with self.turn():
                if last is not None:
                    beside += [part async for part in last()]
                await self.world.point("before a switch", may_be_away=True)

                async def all_of_it() -> AsyncIterator[DerivedPart]:
                    for part in beside:
                        yield part

                position = await super().rebuild(all_of_it(), generation, recorded_at, None, decisions)
                self.world.rebuilt.append(position)
                self.world.sometimes["all was derived anew"] += 1
                await self._note(position)
                await self.world.point("after a switch", may_be_away=True)
        return position

    async def _note(self, position: int) -> None:
        generation = await SqliteRecord.generation(self)
        assert generation is not None
        self.world.placed[position] = Placed(await SqliteRecord.offsets(self), generation.definition)

    # --- what is told to others

    async def changes(self, after: int, kinds: Collection[str] | None = None) -> AsyncIterator[Change]:
        while True:
            await self.world.point("before reading changes", may_be_away=True)
            if self.world.pruned > after:
                self.world.sometimes["changes were no longer kept"] += 1
                raise Pruned(f"changes up to {self.world.pruned} are no longer kept")
            found = [change async for change in super().changes(after, kinds)]
            if not found:
                return
            for change in found:
                await self.world.point("between two changes")
                yield change
            after = found[-1].position

    async def published(self) -> int:
        await self.world.point("before reading what was told", may_be_away=True)
        return self.world.published

    async def mark_published(self, position: int) -> None:
        await self.world.point("before marking what was told", may_be_away=True)
        self.world.published = max(self.world.published, position)
        await self.world.point("after marking what was told", may_be_away=True)

    async def prune_changes(self, kept: int) -> int:
        await self.world.point("before dropping changes", may_be_away=True)
        self.world.pruned = max(self.world.pruned, self.world.published - self.world.chance.randrange(KEPT_MAX))
        return 0


class Announcements:
    """See `streams.scheduler.Announcements` and `streams.kafka.relay.Announced`."""

    def __init__(self, record: SharedRecord) -> None:
        self.record = record
        self.world = record.world
        self.turn = record.turn

    async def mark(self, position: int | None = None) -> Instant | None:
        await self.world.point("before reading the mark", may_be_away=True)
        marks = [mark for at, mark in sorted(self.world.marks.items()) if position is None or at <= position]
        return marks[-1] if marks else None

    async def rebuilt_at(self, position: int) -> int:
        return max((one for one in self.world.rebuilt if one <= position), default=0)

    def _journeys(self) -> Iterator[tuple[str, bytes, PersonJourney]]:
        for subject, body in self.record.db.execute("SELECT subject, body FROM journeys ORDER BY subject").fetchall():
            journey = load(subject, body) if subject.startswith(("user:", "anon:")) else None
            if isinstance(journey, PersonJourney):
                yield subject, body, journey

    def _due(self, after: Instant, until: Instant) -> list[tuple[Instant, str, bytes]]:
        return sorted(
            (strike.at, subject, body)
            for subject, body, journey in self._journeys()
            for strike in (journey.outlook.strikes if journey.outlook is not None else ())
            if after < strike.at <= until
        )

    async def struck_at(self, nth: int, after: Instant, until: Instant) -> Instant | None:
        await self.world.point("before reading what has struck", may_be_away=True)
        due = self._due(after, until)
        return due[nth][0] if nth < len(due) else None

    async def due(self, after: Instant, until: Instant) -> AsyncIterator[tuple[str, bytes]]:
        for subject, body in sorted({(subject, body) for _, subject, body in self._due(after, until)}):
            await self.world.point("between two that something strikes")
            yield subject, body

    async def announce(self, struck: Sequence[Sequence[Any]], mark: Instant, recorded_at: Instant) -> int:
        self.world.sometimes["a deadline was announced"] += len(struck)
        return await self.record.commit(
            Unit(after={}, reached={}, recorded_at=recorded_at, mark=mark, struck=[list(one) for one in struck])
        )

    async def struck(self, position: int) -> list[list[Any]]:
        return self.world.struck.get(position, [])

    async def stages(self, persons: Sequence[str]) -> dict[str, tuple[str, Instant]]:
        await self.world.point("before reading where people stand", may_be_away=True)
        mark = max(self.world.marks.values(), default=None)
        found = {}
        for subject, _, journey in self._journeys():
            if subject in persons:
                found[subject] = (journey.stage, journey.entered_at)
                for strike in journey.outlook.strikes if journey.outlook is not None else ():
                    if mark is not None and strike.at <= mark and isinstance(strike, StageEntered):
                        found[subject] = (strike.stage, strike.at)
        return found

    async def ids(self) -> AsyncIterator[list[str]]:
        yield [id for (id,) in self.record.db.execute("SELECT key FROM subjects ORDER BY key").fetchall()]
