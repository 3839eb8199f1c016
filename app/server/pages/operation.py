"""Pages of what operators look at and decide: imports, identities, names, health."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.engine import joins
from app.engine.clock import now
from app.engine.imports import listed, retract
from app.engine.ports import Engine, no_progress
from app.server.access import Actor, Right, needs
from app.server.pages.entrance import form_of, reason_of
from app.server.pages.lengthy import Lengthy, answer_or_wait
from app.server.pages.rendering import page
from app.server.problems import HttpProblem
from app.server.served import Served
from journey.errors import Away, Refused
from journey.instants import iso
from streams.identities import all_held_back, crowded, identity
from streams.operators import By
from streams.suspects import suspects

router = APIRouter(include_in_schema=False)

SUSPECTS_SHOWN = 20
HELD_SHOWN = 50

STATEMENTS_BYTES_MAX = 512 * 1024

WORKING = "All histories are read for it."

NUMBER_MAX = 2**53


@router.get("/imports", dependencies=[needs(Right.operate)])
async def imports(request: Request) -> HTMLResponse:
    found = await _served(request).read(lambda engine: listed(engine))
    return page(request, "imports.html", imports=list(reversed(found)), iso=iso, done=request.query_params.get("done", ""))


@router.post("/imports/{number:int}/retract", dependencies=[needs(Right.operate)])
async def take_back(request: Request, number: int, actor: Actor) -> RedirectResponse:
    """Withdraw what only this import brought."""
    if number > NUMBER_MAX:
        raise HttpProblem(404, f"there is no import {number}")
    by = By(now(), actor, reason_of(await form_of(request)))
    answer = await _served(request).change(lambda engine: retract(engine, number, None, by, dry_run=False))
    told = f"import {number} is taken back" if answer["changed"] else f"import {number} was taken back before"
    return RedirectResponse(f"/imports?{urlencode({'done': told})}", 303)


@router.get("/identity", dependencies=[needs(Right.operate)])
async def identities(request: Request) -> HTMLResponse:
    """The links of an id; and the joins that look wrong."""
    id = request.query_params.get("id", "").strip()

    async def run(engine: Engine) -> Any:
        return await identity(await engine.definition(), engine.record, id) if id else None

    done = request.query_params.get("done", "")
    try:
        return page(request, "identity.html", found=await _served(request).read(run), id=id, why="", done=done)
    except Refused as refused:
        return page(request, "identity.html", status=404, found=None, id=id, why=str(refused), done=done)


@router.post("/identity/statements", dependencies=[needs(Right.operate)])
async def state_identity(request: Request, actor: Actor) -> RedirectResponse:
    """Send what parts or joins ids whose join looks wrong."""
    form = await form_of(request, STATEMENTS_BYTES_MAX)
    by = By(now(), actor, reason_of(form))
    number = await _served(request).change(lambda engine: joins.state(engine, form.get("line", []), by))
    lengthy: Lengthy = request.app.state.lengthy
    lengthy.forget("suspects.html")
    told = f"{number} statement{'s' if number > 1 else ''} sent; the persons are as they say now"
    return RedirectResponse(f"/identity?{urlencode({'done': told})}", 303)


@router.get("/identity/suspects", dependencies=[needs(Right.operate)])
async def suspected(request: Request) -> HTMLResponse:
    """Reads all histories, person by person."""

    async def run(engine: Engine) -> Any:
        return await suspects(await engine.definition(), engine.record, SUSPECTS_SHOWN, "", no_progress)

    return await _of_all_histories(request, run, "suspects.html", "Joins that look wrong")


@router.get("/identity/held", dependencies=[needs(Right.operate)])
async def held(request: Request) -> HTMLResponse:
    """Reads the links of all histories."""

    async def run(engine: Engine) -> Any:
        definition = await engine.definition()
        found = await all_held_back(definition, engine.record)
        return found, await crowded(definition, engine.record)

    return await _of_all_histories(request, run, "held.html", "Kept apart by a bound", shown_max=HELD_SHOWN)


async def _of_all_histories(
    request: Request, run: Callable[[Engine], Awaitable[Any]], name: str, title: str, **shown: Any
) -> HTMLResponse:  # fmt: skip
    """The part of a page, or the page, once all histories are read; till then one that comes back for it."""
    found = await answer_or_wait(request, name, run, title=title, address=request.url.path, working=WORKING)
    return found if isinstance(found, HTMLResponse) else page(request, name, found=found, title=title, **shown)


@router.get("/names", dependencies=[needs(Right.operate)])
async def names(request: Request) -> HTMLResponse:
    async def run(engine: Engine) -> Any:
        async with engine.marketing.snapshot() as ask:
            custom = await ask("SELECT name, CAST(SUM(n) AS BIGINT) FROM custom_seen GROUP BY name ORDER BY 2 DESC, name LIMIT 500")
        return await engine.desk.unknown_fields(), dict(custom)

    fields, custom = await _served(request).read(run)
    return page(request, "names.html", custom=custom, fields=fields)


@router.get("/status", dependencies=[needs(Right.audit)])
async def status(request: Request) -> HTMLResponse:
    served = _served(request)
    trouble = ""
    try:
        await served.check()
        await served.check_log()
    except Away as away:
        trouble = str(away)

    async def run(engine: Engine) -> Any:
        positions = {"marketing": await engine.marketing.position(), "sales": await engine.sales.position()}
        # The log may be what is away: nobody knows then how much waits in it.
        waiting = {} if trouble else await engine.waiting()
        return {"record": await engine.record.position(), **positions}, await engine.desk.states(), waiting

    positions, states, waiting = await served.read(run)
    at_work, unknown = None, ""
    try:
        at_work = await served.at_work()
    except (Away, Refused) as error:  # the rest can be told all the same
        unknown = str(error)
    return page(
        request, "status.html", status=503 if trouble else 200, trouble=trouble, positions=positions, states=states,
        waiting=waiting, seconds=int(served.staleness()), at_work=at_work, unknown=unknown,
    )  # fmt: skip


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
