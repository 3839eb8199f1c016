"""Where a read model is, told to who listens: PostgreSQL's NOTIFY, within the transaction that moves the position."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from projections.stores.postgres_adding import Connections


def telling(name: str, rows: str) -> str:
    """The query that tells the `position` in `rows`. It is heard once the transaction is committed: who hears it finds its rows."""
    return f"SELECT pg_notify('{_channel(name)}', position::TEXT) FROM {rows}"


@asynccontextmanager
async def listening(name: str, database: Connections, moved: Callable[[int], None], lost: Callable[[], None]) -> AsyncIterator[None]:
    """Calls `moved` with each position that is committed from now on, and `lost` when nothing is heard any more. Raises Away."""

    def hear(_db: object, _session: int, _channel: str, position: object) -> None:
        moved(int(str(position)))

    def end(_db: object) -> None:
        lost()

    async with database.connection() as db:
        db.add_termination_listener(end)
        await db.add_listener(_channel(name), hear)
        try:
            yield
        finally:
            if not db.is_closed():
                db.remove_termination_listener(end)
                await db.remove_listener(_channel(name), hear)


def _channel(name: str) -> str:
    return f"journey_{name}"
