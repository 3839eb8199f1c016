"""Reconciliation: at one position, the laws of both read models, and everything they hold against what the histories derive to."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from app.engine.known_state import definition_at
from app.engine.ports import Engine
from app.engine.shared_position import at_one_position
from journey.definition import Definition
from journey.instants import Instant
from projections.laws import LAWS, MODELS, Broken, Law, ReadModelPair
from projections.read_model import Ask, ReadModel, Value
from projections.stores.sqlite import SqliteReadStore
from streams.journeys import load
from streams.past import Past
from streams.rebuilding import derived, rebuilt
from streams.units import Change, DerivedPart

HISTORIES, JOURNEYS = "the rows are what the histories derive to", "the journeys kept are those derived"

Key = tuple[Value, ...]
Rows = dict[Key, tuple[int, ...]]
"""Of a table: what adds up in each row, by its key."""


class Reconciled(NamedTuple):
    position: int
    laws: dict[str, list[Broken]]
    """By law: what breaks it, which is nothing where all is well."""

    @property
    def broken(self) -> int:
        return sum(map(len, self.laws.values()))


async def reconcile(engine: Engine, until: Callable[[Definition], Instant], progress: Callable[[int], None]) -> Reconciled:
    """Hold everything against every law. Others go on meanwhile: all is as of one position. Raises Refused where there is none."""
    async with at_one_position(engine) as (position, asks):
        definition = await definition_at(engine, position)
        both = ReadModelPair(asks, definition, until(definition))
        laws = {law.name: await _checked(law, both) for law in LAWS}
        found = {name: await _rows(MODELS[name], ask) for name, ask in asks.items()}
    suspicious: set[str] = set()
    expected = await _derived(engine, definition, position, suspicious, progress)
    laws[HISTORIES] = [broken for name in MODELS for broken in _differences(name, expected[name], found[name])]
    laws[JOURNEYS] = await _kept(engine, sorted(suspicious))
    return Reconciled(position, laws)


async def _checked(law: Law, both: ReadModelPair) -> list[Broken]:
    """What breaks `law`; where rows are spoiled so that it can't even be asked, that."""
    try:
        return [broken async for broken in law.check(both)]
    except Exception as error:  # whatever rows that a hand has spoiled may lead to
        return [Broken("both", "law", {}, "can be worked out", f"{type(error).__name__}: {error}")]


async def _rows(model: ReadModel, ask: Ask) -> dict[str, Rows]:
    found = {}
    for table in model.tables:
        keys = len(table.key)
        rows = await ask(f"SELECT {', '.join(table.columns)} FROM {table.name}")
        found[table.name] = {tuple(row[:keys]): tuple(int(value) for value in row[keys:]) for row in rows}
    return found


async def _derived(
    engine: Engine, definition: Definition, position: int, suspicious: set[str], progress: Callable[[int], None]
) -> Mapping[str, dict[str, Rows]]:
    """The rows that the histories derive to, as of `position`. The keys of journeys that are kept otherwise are added to `suspicious`."""
    with TemporaryDirectory(prefix="journey-") as folder:
        with ExitStack() as stack:
            stores = {name: SqliteReadStore(model, Path(folder) / f"{name}.db") for name, model in MODELS.items()}
            for store in stores.values():
                stack.callback(store.close)
            number = 0
            async for part in rebuilt(definition, Past(engine.record, position), progress):
                number += 1
                for store in stores.values():
                    await store.apply(_one(Change(number, part.facts)))
                suspicious |= {one.row["subject"] for one in await _kept_otherwise(engine, part)}
            found = {}
            for name, store in stores.items():
                async with store.snapshot() as ask:
                    found[name] = await _rows(store.model, ask)
            return found


async def _one(change: Change) -> AsyncIterator[Change]:
    yield change


async def _kept(engine: Engine, keys: list[str]) -> list[Broken]:
    """Those of `keys` whose journey or person is not what their histories derive to now: what only went on since is well."""
    if not keys:
        return []
    async with engine.record.turn():
        return await _kept_otherwise(engine, await derived(await engine.definition(), engine.record, keys, {}))


async def _kept_otherwise(engine: Engine, part: DerivedPart) -> list[Broken]:
    """Where the record keeps a journey or a person that is not the one of `part`. One that is missing is derived when needed."""
    journeys = await engine.record.journeys(part.journeys.keys() | part.persons.keys())
    people = await engine.record.people(part.persons)
    broken = []
    for key, journey in journeys.items():
        if not _same(key, journey, expected := part.journeys.get(key)):
            broken.append(Broken("record", "journeys", {"subject": key}, expected and expected.decode(), journey.decode()))
    for id, name in part.persons.items():
        if id in people and people[id].name != name:
            broken.append(Broken("record", "persons", {"subject": id}, name, people[id].name))
    return broken


def _same(key: str, kept: bytes, derived: bytes | None) -> bool:
    """Whether they are one journey: what is a set in it stands in any order."""
    if kept == derived or derived is None:
        return kept == derived
    try:
        return load(key, kept) == load(key, derived)
    except ValueError:
        return False


def _differences(model: str, expected: dict[str, Rows], found: dict[str, Rows]) -> list[Broken]:
    broken = []
    for table in MODELS[model].tables:
        names = [column.name for column in table.key]
        ours, theirs = expected[table.name], found[table.name]
        sums = (*table.sums, "n")
        for key in sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)):
            row = dict(zip(names, key, strict=True))
            broken.append(Broken(model, table.name, row, _told(sums, ours.get(key)), _told(sums, theirs.get(key))))
    return broken


def _told(sums: tuple[str, ...], values: tuple[int, ...] | None) -> dict[str, int] | None:
    return None if values is None else dict(zip(sums, values, strict=True))


def as_answer(reconciled: Reconciled) -> dict[str, Any]:
    laws = [{"law": name, "broken": [one._asdict() for one in broken]} for name, broken in reconciled.laws.items()]
    return {"position": reconciled.position, "broken": reconciled.broken, "laws": laws}
