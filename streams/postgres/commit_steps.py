"""The steps of a commit, from the first lock to the position."""

from collections.abc import Iterable

from journey.instants import Instant
from streams.ports import Raced
from streams.postgres.lock_sessions import Connection
from streams.postgres.unit_statements import CHECK_WATCHED, VERSIONS, Statement, locks
from streams.units import Unit


async def lock_subjects(db: Connection, unit: Unit, changed: set[str]) -> None:
    """Lock every subject that the unit rests on or changes, and bring those `changed` to their next version. Raises Raced."""
    unwatched: dict[str, int] = {}
    if silent := changed - unit.versions.keys():
        unwatched = {row[0]: row[1] for row in await db.fetch(VERSIONS, list(silent))}
    step = locks(unit, changed, unwatched)
    if len(changed) != await db.fetchval(step.sql, *step.values):
        raise Raced("another unit changed a subject that this one changes too")
    watched = list(unit.versions.keys() - changed)
    if watched and await db.fetchval(CHECK_WATCHED, watched, [unit.versions[key] for key in watched]):
        raise Raced("another unit changed a subject that this one rests on")


async def run(db: Connection, storing: Iterable[Statement]) -> None:
    for sql, values in storing:
        await db.execute(sql, *values)


async def finish(
    db: Connection, number: int, recorded_at: Instant, *, rebuilt: bool, unit: Unit | None = None, definition: str | None = None
) -> None:
    """Take the next position and commit, in one message: other writers wait for the server only, and not until we come to answer it."""
    accepted, duplicates, held = (0, 0, 0) if unit is None else (unit.accepted, unit.duplicates, unit.held_more)
    mark = "NULL" if unit is None or unit.mark is None else f"{unit.mark:d}"
    by = "NULL" if definition is None else await db.fetchval("SELECT quote_literal($1::TEXT)", definition)
    await db.execute(
        "WITH next AS (UPDATE journey.last SET position = position + 1 RETURNING position)"
        " INSERT INTO journey.units (unit, position, recorded_at, rebuilt, accepted, duplicates, held, mark, definition)"
        f" SELECT {number:d}, position, {recorded_at:d}, {rebuilt}, {accepted:d}, {duplicates:d}, {held:d}, {mark}, {by} FROM next; COMMIT"
    )


async def position_of(db: Connection, number: int) -> int:
    position: int = await db.fetchval("SELECT position FROM journey.units WHERE unit = $1", number)
    return position
