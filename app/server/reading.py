"""All that is read over HTTP, under /api/v1: docs/api.md."""

from fastapi import APIRouter, Depends, Request

from app.server import figures, lists, live, people
from app.server.problems import Problem

PREFIX = "/api/v1"


def routes() -> APIRouter:
    """The routes as the figures are now."""
    made = APIRouter(prefix=PREFIX, dependencies=[Depends(_readable)])
    for router in (people.router, lists.router, live.router, figures.router()):
        made.include_router(router)
    return made


async def _readable(request: Request) -> None:
    """Raises Problem for what no text of ours has in it, and PostgreSQL takes in none."""
    if "\0" in request.url.path or any("\0" in part for pair in request.query_params.multi_items() for part in pair):
        raise Problem(400, "what is asked has a NUL character in it; nothing that is kept has")
