"""All that is read over HTTP, under /api/v1: docs/api.md."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.engine.ports import Engine
from app.server import figures, lists, live, people
from app.server.access import Right, needs
from app.server.answering import Told, answered
from app.server.answers import Digest
from app.server.asked import Waiting
from app.server.problems import PROBLEMS, Problem

PREFIX = "/api/v1"

digests = APIRouter()


def routes() -> APIRouter:
    """The routes as the figures are now."""
    made = APIRouter(prefix=PREFIX, dependencies=[Depends(_readable)])
    for router in (people.router, lists.router, live.router, digests, figures.router()):
        made.include_router(router)
    return made


@digests.get(
    "/digest", response_model=Digest, responses=PROBLEMS, dependencies=[needs(Right.audit)],
    operation_id="digest", tags=["audit"], summary="One hash for all that each read model says, and one for all that was accepted.",
)  # fmt: skip
async def digest(request: Request, asked: Annotated[Waiting, Query()]) -> Response:
    async def run(engine: Engine) -> Told:
        return Told(await engine.digest())

    return await answered(request, asked, run)


async def _readable(request: Request) -> None:
    """Raises Problem for what no text of ours has in it, and PostgreSQL takes in none."""
    if "\0" in request.url.path or any("\0" in part for pair in request.query_params.multi_items() for part in pair):
        raise Problem(400, "what is asked has a NUL character in it; nothing that is kept has")
