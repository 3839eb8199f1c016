"""A read model is a value: a name, its tables, and one pure function from a fact to the rows that it adds up in.

Linear: a fact taken back subtracts exactly what it added. What is not summed is key; every row holds how many facts are in it,
and a row whose count is 0 does not exist.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from operator import add
from typing import Any, Literal, NamedTuple, Protocol

from journey.facts import KINDS, Fact, from_row

Value = str | int
Answer = Sequence[tuple[Any, ...]]
Ask = Callable[..., Awaitable[Answer]]
"""`await ask(sql, *values)`, with `?` for each value."""


class Column(NamedTuple):
    name: str
    type: Literal["TEXT", "INTEGER"] = "TEXT"


@dataclass(frozen=True, slots=True)
class Table:
    """`key` says which row a fact is in, `sums` what adds up there besides the count."""

    name: str
    key: tuple[Column, ...]
    sums: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The key, the sums, and `n`: how many facts are in the row."""
        return (*(column.name for column in self.key), *self.sums, "n")


class Row(NamedTuple):
    """What one fact adds to one row."""

    table: str
    key: tuple[Value, ...]
    sums: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadModel:
    name: str
    version: int
    tables: tuple[Table, ...]
    rows: Callable[[Fact], Iterable[Row]]
    kinds: frozenset[str] = frozenset(KINDS)
    """The kinds of facts that `rows` makes anything of: others are not even read for it."""


class Delta(NamedTuple):
    """What is to be added to one row: the count, then the sums."""

    key: tuple[Value, ...]
    adds: tuple[int, ...]


def deltas(model: ReadModel, facts: Iterable[list[Any]]) -> dict[str, list[Delta]]:
    """What `facts` (as plain values, signed) add up to, by table, in order of key; rows that come to nothing are left out."""
    totals: dict[str, dict[tuple[Value, ...], tuple[int, ...]]] = {table.name: {} for table in model.tables}
    for plain in facts:
        if plain[0] not in model.kinds:
            continue
        fact, count = from_row(plain)
        for table, key, sums in model.rows(fact):
            of_table = totals[table]
            adds = (count, *[count * amount for amount in sums]) if sums else (count,)
            before = of_table.get(key)
            of_table[key] = adds if before is None else tuple(map(add, before, adds))
    found: dict[str, list[Delta]] = {}
    for table, of_table in totals.items():
        rows = [Delta(key, adds) for key, adds in of_table.items() if any(adds)]
        if rows:
            # No key is there twice.
            rows.sort()
            found[table] = rows
    return found


class Change(Protocol):
    """What one unit changed: see `streams.ports.Change`."""

    @property
    def position(self) -> int: ...
    @property
    def facts(self) -> list[list[Any]]: ...
    @property
    def rebuilt(self) -> bool: ...
    @property
    def last(self) -> bool: ...


class Differs(NamedTuple):
    """How many rows of a table differ."""

    removed: int
    added: int
    changed: int


class Switched(NamedTuple):
    """What the live read model became when one that was built beside it took its place: digests, and what differs by table."""

    position: int
    before: str
    after: str
    tables: dict[str, Differs]
    """Those that differ."""


Changes = Callable[[int], AsyncIterator[Change]]
"""What units after a position changed."""


class Shadow(Protocol):
    """A read model that is built while the live one serves. Nobody sees it; it is gone where it is not switched to."""

    async def add(self, facts: list[list[Any]]) -> None: ...

    async def switch(self, position: int, changes: Changes | None = None) -> Switched:
        """Take the place of the live rows, in one transaction and only where they differ: what is there as of `position`.

        Where the live ones are further, `changes` brings this one up to them. Raises Superseded where all was derived anew since, Away
        where another writer was first.
        """
        ...


class ReadStore(Protocol):
    """Where one read model is kept. Rows and position change in one transaction, so no reader sees half a unit."""

    model: ReadModel

    async def position(self) -> int:
        """The last unit that is in the rows; 0 before the first."""
        ...

    async def apply(self, changes: AsyncIterator[Change]) -> int:
        """Add units in their order; those it has are ignored, a gap raises Gap. Returns the new position."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Ask]:
        """Ask several questions of one state: `await ask(sql, *values)`, with `?` for each value."""
        ...

    def shadow(self) -> AbstractAsyncContextManager[Shadow]:
        """Begin to build the read model anew, beside the live one."""
        ...

    async def switched(self, position: int) -> Switched | None:
        """The last switch, where it was at `position` or after it."""
        ...


class Gap(Exception):
    """A unit is missing between the position of a store and the change it was given."""


class Superseded(Exception):
    """All was derived anew while a read model was built: what it was built of is void."""


async def catch_up(shadow: Shadow, position: int, changes: Changes) -> int:
    """Bring `shadow` from `position` to the last unit there is. Returns its position. Raises Superseded."""
    async for change in changes(position):
        if change.rebuilt:
            raise Superseded(f"unit {change.position} derived all anew")
        await shadow.add(change.facts)
        if change.last:
            position = change.position
    return position
