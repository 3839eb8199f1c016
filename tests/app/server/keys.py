"""Keys for tests: made where a server keeps them."""

from collections.abc import Sequence

from app.engine.api_keys import make
from app.server.roles import Role
from app.server.served import Served
from streams.keys import Keys
from streams.operators import By


async def add(served: Served, name: str, role: Role, origins: Sequence[str] = ()) -> str:
    """A new key."""
    made = make()

    async def run(keys: Keys) -> None:
        await keys.add(name, role, made.sha256, origins, By(1, "ann", ""))

    await served.keys(run)
    return made.key


async def revoke(served: Served, name: str) -> None:
    async def run(keys: Keys) -> None:
        await keys.revoke(name, By(2, "ann", "leaked"))

    await served.keys(run)
