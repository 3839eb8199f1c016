"""What was known at an earlier position: the definition in use then, the record as it stood, and read models built from it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from app.engine.ports import Engine
from app.text.arguments import YEARS, in_zone
from app.text.printing import progress
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import instant, rfc3339
from projections.read_model import ReadModel, ReadStore
from projections.stores.sqlite import SqliteReadStore
from schemas.definition_files import kept_definition
from streams.past import Past
from streams.ports import Bodies
from streams.rebuilding import rebuilt
from streams.units import Change


class KnownState(NamedTuple):
    """What a question is answered from, and by which definition."""

    definition: Definition
    bodies: Bodies


async def known(engine: Engine, known_at: str | None) -> KnownState:
    """What is known now, or what was at `known_at`: a position, or a day or time of recording. Raises Refused beyond the last position."""
    if known_at is None:
        return KnownState(await engine.definition(), engine.record)
    position = await position_known(engine, known_at)
    return KnownState(await definition_at(engine, position), Past(engine.record, position))


async def position_known(engine: Engine, known_at: str) -> int:
    """The position that `known_at` names: of a day of the reporting zone the last one up to its end. Raises Refused beyond the last one."""
    last = await engine.record.position()
    if (on := _day(known_at)) is not None:
        return await engine.record.position_at(in_zone(on, (await engine.definition()).zone))
    if not (known_at.isascii() and known_at.isdigit()):
        try:
            return await engine.record.position_at(instant(rfc3339(known_at)))
        except ValueError:
            raise Refused(
                f"{known_at!r} is no position and no time; write a number up to {last}, 2025-06-30 or 2025-06-30T12:00:00Z"
            ) from None
    # Leading zeros apart, more digits than those of the last one are more than it.
    if len(known_at.lstrip("0")) > len(str(last)) or int(known_at) > last:
        raise Refused(f"position {known_at} is not there yet; the last one is {last}")
    return int(known_at)


def _day(text: str) -> date | None:
    try:
        on = date.fromisoformat(text)
    except ValueError:
        return None
    return on if on.isoformat() == text and on.year in YEARS else None


async def definition_at(engine: Engine, position: int) -> Definition:
    """The definition that was in use at `position`; before there was any, the one in use now."""
    used = [fingerprint for since, fingerprint in await engine.record.definitions() if since <= position]
    for decision in reversed(await engine.desk.decisions("definition")):
        if used and decision.detail["fingerprint"] == used[-1]:
            return kept_definition(decision.detail["yaml"], decision.detail["file"])
    if used:
        raise Refused(f"the definition {used[-1]}, in use at position {position}, is not in the control log")
    return await engine.definition()


@asynccontextmanager
async def read_model(model: ReadModel, was: KnownState) -> AsyncIterator[ReadStore]:
    """`model` as it stood: built from the histories as they were, in a file that is gone afterwards."""
    position = await was.bodies.position()
    with TemporaryDirectory(prefix="journey-") as folder:
        store = SqliteReadStore(model, Path(folder) / f"{model.name}.db")
        try:
            with progress(await was.bodies.subjects_count(), f"deriving everything as known at {position}") as tell:
                await store.apply(_changes(was, tell))
            store.stand_at(position)
            yield store
        finally:
            store.close()


async def _changes(was: KnownState, tell: Any) -> AsyncIterator[Change]:
    """Each part as a unit of its own, so that none but the last few are held."""
    number = 0
    async for part in rebuilt(was.definition, was.bodies, tell):
        number += 1
        yield Change(number, part.facts)
