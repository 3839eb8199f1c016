"""Keys over HTTP: what `journey keys` does, for an operator."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.engine.api_keys import check_name, check_origins, make
from app.engine.clock import now
from app.server.access import Actor, needs
from app.server.bodies import body_as, read_as
from app.server.problems import PROBLEMS
from app.server.roles import Right, Role
from app.server.served import Served
from journey.instants import iso
from streams.keys import ApiKey, Keys
from streams.operators import By

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], responses=PROBLEMS)

REASON_LENGTH_MAX = 1_000

Reason = Annotated[str, Field(max_length=REASON_LENGTH_MAX, pattern=r"^[^\x00]*$", description="For whoever reads `journey audit`.")]


class ListedKey(BaseModel):
    """A key, of which only a hash is kept."""

    name: str
    role: str
    origins: tuple[str, ...]
    made_at: str
    made_by: str
    used_at: str | None
    revoked_at: str | None
    revoked_by: str | None

    @classmethod
    def of(cls, key: ApiKey) -> "ListedKey":
        used_at, revoked_at = (None if at is None else iso(at) for at in (key.used_at, key.revoked_at))
        said = {"name": key.name, "role": key.role, "origins": key.origins, "made_by": key.made_by, "revoked_by": key.revoked_by}
        return cls(**said, made_at=iso(key.made_at), used_at=used_at, revoked_at=revoked_at)


class ListedKeys(BaseModel):
    keys: list[ListedKey]


class NewKey(BaseModel):
    name: Annotated[str, Field(description="What `journey audit` calls who uses it.")]
    role: Role
    origins: Annotated[list[str], Field(description="The only web pages that may use it from a browser; any, where there are none.")] = []
    reason: Reason = ""


class MadeKey(BaseModel):
    name: str
    role: Role
    origins: tuple[str, ...]
    key: Annotated[str, Field(description="Shown only now.")]


class Revoking(BaseModel):
    reason: Annotated[str, Field(max_length=REASON_LENGTH_MAX, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$", description="For `journey audit`.")]


class Revoked(BaseModel):
    changed: Annotated[bool, Field(description="False where it was revoked already.")]


@router.get("", dependencies=[needs(Right.operate)])
async def keys(request: Request) -> ListedKeys:
    """The keys, in the order in which they were made."""

    async def run(kept: Keys) -> Sequence[ApiKey]:
        return await kept.all()

    served: Served = request.app.state.served
    return ListedKeys(keys=[ListedKey.of(key) for key in await served.keys(run)])


@router.post("", status_code=201, dependencies=[needs(Right.operate)], openapi_extra=body_as(NewKey))
async def add(request: Request, actor: Actor) -> MadeKey:
    """Make a key."""
    asked = await read_as(request, NewKey)
    name, origins, made = check_name(asked.name), check_origins(asked.origins), make()

    async def run(kept: Keys) -> None:
        await kept.add(name, asked.role, made.sha256, origins, By(now(), actor, asked.reason))

    served: Served = request.app.state.served
    await served.keys(run)
    return MadeKey(name=name, role=asked.role, origins=origins, key=made.key)


@router.post("/{name}/revoke", dependencies=[needs(Right.operate)], openapi_extra=body_as(Revoking))
async def revoke(request: Request, name: str, actor: Actor) -> Revoked:
    """Revoke a key."""
    asked = await read_as(request, Revoking)

    async def run(kept: Keys) -> bool:
        return await kept.revoke(name, By(now(), actor, asked.reason))

    served: Served = request.app.state.served
    return Revoked(changed=await served.keys(run))
