"""All that is read over HTTP, under /api/v1: docs/api.md."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.engine.ports import Engine
from app.server import audit, figures, lists, live, people
from app.server.access import Right, needs
from app.server.answering import AnswerBody, answered
from app.server.answers import Digest
from app.server.asked import AskedPosition
from app.server.problems import PROBLEMS

PREFIX = "/api/v1"

digests = APIRouter()


def routes() -> APIRouter:
    """The routes as the figures are now."""
    made = APIRouter(prefix=PREFIX)
    for router in (people.router, lists.router, live.router, audit.router, digests, figures.router()):
        made.include_router(router)
    return made


@digests.get(
    "/digest", response_model=Digest, responses=PROBLEMS, dependencies=[needs(Right.audit)],
    operation_id="digest", tags=["audit"], summary="One hash for all that each read model says, and one for all that was accepted.",
)  # fmt: skip
async def digest(request: Request, asked: Annotated[AskedPosition, Query()]) -> Response:
    async def run(engine: Engine) -> AnswerBody:
        return AnswerBody(await engine.digest())

    return await answered(request, asked, run)
