"""Keys of the HTTP interface: who has one and for what. Of a key itself only its SHA-256 is kept."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from journey.errors import Refused
from journey.instants import Instant
from streams.operators import By

ADD, REVOKE = "add-key", "revoke-key"
"""The actions, as the control log has them."""


class ApiKey(NamedTuple):
    """A key as it is listed. `origins` are the only web pages that may use it from a browser; where there are none, any may."""

    name: str
    role: str
    sha256: bytes
    origins: tuple[str, ...]
    made_at: Instant
    made_by: str
    used_at: Instant | None = None
    revoked_at: Instant | None = None
    revoked_by: str | None = None


class Keys(Protocol):
    """The keys that operators made. A name is one key's for ever: the control log calls who decided something by it."""

    async def all(self) -> Sequence[ApiKey]:
        """In the order in which they were made, those too that were revoked."""
        ...

    async def add(self, name: str, role: str, sha256: bytes, origins: Sequence[str], by: By) -> None:
        """Keep a key, with the decision. Raises Refused where there is or was one of that name."""
        ...

    async def revoke(self, name: str, by: By) -> bool:
        """Revoke a key, with the decision. False where it is revoked already; Refused where there is none."""
        ...

    async def used(self, name: str, at: Instant) -> None:
        """Note that a key was used. That is no decision; the latest instant stays."""
        ...


def adding(name: str, role: str, origins: Sequence[str]) -> dict[str, Any]:
    """What the control log has of a key that is made."""
    return {"key": name, "before": None, "after": {"role": role, "origins": list(origins)} if origins else {"role": role}}


def revoking(name: str, role: str) -> dict[str, Any]:
    """What it has of one that is revoked."""
    return {"key": name, "before": {"role": role}, "after": {"state": "revoked"}}


def taken(name: str) -> Refused:
    return Refused(f"there is or was a key {name!r}: `journey audit` calls who decided something by the name of a key, so choose another")


def no_key(name: str) -> Refused:
    return Refused(f"there is no key {name!r}; `journey keys` lists them")
