"""What commands ask of an engine. The embedded one and the distributed one answer alike: `app.engine.access` opens either as this."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from app.engine.summary import Summary
from journey.definition import Definition
from journey.instants import Instant
from projections.read_model import ReadStore
from schemas.incoming import Incoming
from streams.keys import Keys
from streams.operators import ControlLog, DeadLetters, Decided, Imports, Unknown
from streams.ports import Histories, Log
from streams.remarks import Say, nobody

Progress = Callable[[int], None]
"""Is told how much more is done."""


def no_progress(more: int) -> None:
    """Tells nobody."""


class Announced(Protocol):
    """Deadlines that struck, as units announce them."""

    async def mark(self, position: int | None = None) -> Instant | None:
        """Up to when they are announced as of `position`; None before the first."""
        ...

    async def struck(self, position: int) -> list[list[Any]]:
        """Those that the unit of `position` announces, as plain values."""
        ...


class Record(Histories, Protocol):
    """The record of one log."""

    @property
    def topic(self) -> str:
        """What the control log calls that log."""
        ...


class Desk(ControlLog, DeadLetters, Imports, Unknown, Protocol):
    """What operators look at, and what they decide."""


class RecordKeeper(Protocol):
    """As much of an engine as it takes to derive everything anew."""

    @property
    def record(self) -> Histories: ...
    @property
    def desk(self) -> ControlLog: ...
    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """For what only one process may do at a time."""
        ...


class Engine(RecordKeeper, Protocol):
    """The record, what operators decided, and both read models."""

    @property
    def record(self) -> Record: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def marketing(self) -> ReadStore: ...
    @property
    def sales(self) -> ReadStore: ...

    def log(self) -> Log:
        """What touchpoints come in by."""
        ...

    def announced(self) -> Announced:
        """The deadlines that struck, as far as somebody has announced them: workers do, and the server of embedded data."""
        ...

    async def waiting(self) -> Mapping[int, int]:
        """How many records of the log are not placed yet, by partition. Raises Away."""
        ...

    async def waits_since(self) -> Instant | None:
        """When the first of them was received; None where there is none, or where it would have to be read to be known."""
        ...

    async def definition(self) -> Definition:
        """The definition in use."""
        ...

    async def digest(self) -> dict[str, int | str]:
        """The position that both read models reflect, the digest of each, and that of all that was accepted."""
        ...

    def mend(self, say: Say) -> None:
        """Begin a read model anew whose file is damaged, where it has one: `start` derives it again."""
        ...

    async def start(self, say: Say = nobody, progress: Progress = no_progress) -> None:
        """Bring the data up to date: a definition in the control log, and everything derived by it."""
        ...

    async def derive(self, definition: Definition, decisions: list[Decided], progress: Progress) -> int:
        """Derive everything anew by `definition`, and switch to it. Returns when both read models have; the position of the switch."""
        ...

    async def withdraw(self, import_id: int, decisions: list[Decided], progress: Progress) -> int:
        """Withdraw what only an import brought. Returns when both read models are without it; the position of the switch."""
        ...

    async def ingest(self, incoming: Iterable[Incoming], progress: Progress = no_progress) -> Summary:
        """Take in `incoming`. Returns when both read models have all of it."""
        ...
