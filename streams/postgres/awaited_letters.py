"""Letters that close themselves in PostgreSQL: what they were meant to be is awaited by name, until it is in.

A unit that brings such a letter rests on the subjects of those names, so it and a unit that brings one of the touchpoints come one after
the other, and the second one finds what the first one did.
"""

from collections.abc import Iterable

from schemas.intended import Name
from streams.postgres.lock_sessions import Connection
from streams.postgres.unit_statements import ARRIVED, AWAIT, AWAIT_NO_MORE, AWAITED, AWAITED_BY, LOCK_LETTERS, name_digest
from streams.units import Unit


async def arrive(db: Connection, unit: Unit, number: int) -> None:
    """`unit` is stored: its letters await what they were meant to be, and letters that awaited no more than what it brought are closed."""
    meant = [(letter.id, name) for letter in unit.dead_letters for name in letter.meant]
    if meant:
        # Behind the lock of all letters since they were stored.
        await expect(db, meant)
    if not unit.rows or not await db.fetchval(AWAITED):
        return
    names = list({name_digest((row.touch.subject, row.touch.source, row.touch.id)) for row in unit.rows})
    if letters := [row[0] for row in await db.fetch(AWAITED_BY, names)]:
        await db.execute(LOCK_LETTERS)
        await db.execute(AWAIT_NO_MORE, names, number)
        await db.execute(ARRIVED, number, letters)


async def expect(db: Connection, meant: Iterable[tuple[str, Name]]) -> None:
    """Behind the lock of all letters: those that are open or fixed await what is not in of their names, and close where that is nothing."""
    rows = sorted({(letter, name_digest(name), name[0]) for letter, name in meant})
    await db.execute(AWAIT, [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
