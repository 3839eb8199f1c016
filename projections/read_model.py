"""A read model is a value: a name, and tables of facts.

Linear: a fact taken back subtracts exactly what it added. What is not summed is key; every row holds how many facts are in it,
and a row whose count is 0 does not exist.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from operator import add, itemgetter
from typing import Any, Literal, NamedTuple, Protocol, get_args

import orjson

from journey.facts import Ahead, Fact, Outlook

Value = str | int
Rows = Sequence[tuple[Any, ...]]


class Ask(Protocol):
    """Asks one state of a read model, with `?` for each value."""

    async def __call__(self, query: str, *values: Any) -> Rows:
        """All rows at once."""
        ...

    def rows(self, query: str, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        """One row after the other, for what need not be in memory as a whole."""
        ...


class Column(NamedTuple):
    name: str
    type: Literal["TEXT", "INTEGER"] = "TEXT"


class Row(NamedTuple):
    """What one fact adds to one row."""

    table: str
    key: tuple[Value, ...]
    sums: tuple[int, ...] = ()


@dataclass(frozen=True)
class Table:
    """The kept fields of one kind of fact. Those of `only`, or all; those of `but` are left away. `sums` add up, all others are
    the key.

    `each` names a field that holds several: there is a row of every one, with its `place` (from 0) and its own fields; where they are
    texts, `each_is` is what the column is called. Another field that holds several is kept as JSON. What deadlines will do lies in the
    same table as what happened: where a kind of fact may lie ahead, `ahead` is 1 in rows of what only time will bring.

    `indexes` are for questions that join it by what its key does not begin with: SQLite reads the whole table for each row otherwise.
    PostgreSQL joins by hash and has none, so that no text is too long for an entry of one.
    """

    name: str
    of: type[Fact]
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()
    each: str = ""
    each_is: str = ""
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def kind(self) -> str:
        """The kind of facts that it holds."""
        kind = self.of._field_defaults["kind"]
        assert isinstance(kind, str)
        return kind

    @cached_property
    def key(self) -> tuple[Column, ...]:
        """Which row a fact is in."""
        columns = [_column(self.of, name) for name in self._kept]
        if self.each:
            columns += [Column("place", "INTEGER"), *self._of_each]
        if self._may_lie_ahead:
            columns.append(Column("ahead", "INTEGER"))
        return tuple(columns)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The key, the sums, and `n`: how many facts are in the row."""
        return (*(column.name for column in self.key), *self.sums, "n")

    def rows(self, values: tuple[Any, ...], ahead: int = 0) -> list[Row]:
        """The rows that a fact is added up in, which begins with `values`."""
        key = self._key_of(values)
        if self._has_lists:
            key = tuple([value if isinstance(value, Value) else _plain(value) for value in key])
        sums = self._sums_of(values)
        if self.each:
            several = values[self._each_at]
            return [Row(self.name, (*key, place, *((one,) if self.each_is else one)), sums) for place, one in enumerate(several)]
        return [Row(self.name, (*key, ahead) if self._may_lie_ahead else key, sums)]

    @cached_property
    def _kept(self) -> tuple[str, ...]:
        return tuple(name for name in self.only or self.of._fields[:-1] if name not in (*self.but, *self.sums, self.each))

    @cached_property
    def _key_of(self) -> Callable[[Any], tuple[Any, ...]]:
        return _getter(self.of, self._kept)

    @cached_property
    def _sums_of(self) -> Callable[[Any], tuple[Any, ...]]:
        return _getter(self.of, self.sums)

    @cached_property
    def _each_at(self) -> int:
        return self.of._fields.index(self.each)

    @cached_property
    def _has_lists(self) -> bool:
        """Whether a field of the key holds several."""
        return any(getattr(self.of.__annotations__[name], "__origin__", None) is tuple for name in self._kept)

    @cached_property
    def _may_lie_ahead(self) -> bool:
        return self.of in get_args(Ahead)

    @cached_property
    def _of_each(self) -> tuple[Column, ...]:
        element, *_ = get_args(self.of.__annotations__[self.each])
        return (Column(self.each_is),) if element is str else tuple(_column(element, name) for name in element._fields)


def _column(of: type[Any], name: str) -> Column:
    return Column(name, "INTEGER" if of.__annotations__[name] is int else "TEXT")


def _getter(of: type[Any], names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Takes fields of a fact: this is done for every fact there is."""
    places = [of._fields.index(name) for name in names]
    if places == list(range(len(places))):
        return itemgetter(slice(len(places)))
    return itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))


def _plain(values: Sequence[Any]) -> str:
    return orjson.dumps(values, default=list).decode()


@dataclass(frozen=True)
class ReadModel:
    name: str
    version: int
    tables: tuple[Table, ...]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of facts that it holds, and those that hold what lies ahead: others are not even read for it."""
        return frozenset({*self._by_kind, _OUTLOOK})

    def rows(self, fact: Fact, *, ahead: int = 0) -> list[Row]:
        """Where `fact` is added up. Linear: a fact taken back subtracts exactly what it added."""
        return self.rows_of(fact.kind, fact, ahead)

    def rows_of(self, kind: str, values: tuple[Any, ...], ahead: int = 0) -> list[Row]:
        """The same of a fact of this kind that begins with `values`, as JSON has them: no fact is made for it, of which there are many."""
        found = []
        for table in self._by_kind.get(kind, ()):
            found += table.rows(values, ahead)
        if kind == _OUTLOOK:
            for one in values[_AHEAD]:
                found += self.rows_of(one[-1], tuple(one), 1)
        return found

    @cached_property
    def _by_kind(self) -> dict[str, list[Table]]:
        found = defaultdict(list)
        for table in self.tables:
            found[table.kind].append(table)
        return dict(found)


_OUTLOOK: str = Outlook._field_defaults["kind"]
_AHEAD = Outlook._fields.index("ahead")


class Delta(NamedTuple):
    """What is to be added to one row: the count, then the sums."""

    key: tuple[Value, ...]
    adds: tuple[int, ...]


def deltas(model: ReadModel, facts: Iterable[list[Any]]) -> dict[str, list[Delta]]:
    """What `facts` (as plain values, signed) add up to, by table, in order of key; rows that come to nothing are left out."""
    totals: dict[str, dict[tuple[Value, ...], tuple[int, ...]]] = {table.name: {} for table in model.tables}
    for kind, count, *values in facts:
        for table, key, sums in model.rows_of(kind, tuple(values)):
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


class ChangedFacts(Protocol):
    """What one unit changed: see `streams.units.Change`."""

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


Changes = Callable[[int], AsyncIterator[ChangedFacts]]
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

    async def apply(self, changes: AsyncIterator[ChangedFacts]) -> int:
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
