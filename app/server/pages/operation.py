"""Pages of what operators look at and decide: dead letters, imports, identities, names, the definition, health."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.engine.clock import now
from app.engine.imports import listed, retract
from app.engine.ports import Engine, no_progress
from app.engine.requeuing import dismiss_waiting, requeue_named, requeue_waiting
from app.server.access import Actor, Right, needs
from app.server.pages.entrance import form_of, one_of
from app.server.pages.rendering import page
from app.server.problems import Problem
from app.server.served import Served
from journey.errors import Away, Refused
from journey.instants import iso
from schemas.definition_files import dump_definition
from streams.identities import identity
from streams.operators import By, State
from streams.suspects import suspects

router = APIRouter(include_in_schema=False)

LETTERS_SHOWN = 100
SUSPECTS_SHOWN = 20
NUMBER_MAX = 2**53


@router.get("/dead-letters", dependencies=[needs(Right.operate)])
async def dead_letters(request: Request) -> HTMLResponse:
    state = State(request.query_params["state"]) if request.query_params.get("state") in [*State] else State.open
    code = request.query_params.get("code") or None
    after = request.query_params.get("after", "0")

    async def run(engine: Engine) -> Any:
        desk = engine.desk
        return (
            await desk.codes((state,)),
            await desk.kept(after=_number(after) or 0, limit=LETTERS_SHOWN, states=(state,), code=code),
            await desk.states(),
            await desk.conflicts(),
        )

    codes, letters, states, conflicts = await _served(request).read(run)
    return page(
        request,
        "dead_letters.html",
        codes=codes,
        letters=letters,
        states=states,
        conflicts=[one for one in conflicts if not one.dismissed],
        state=state,
        code=code,
        limit=LETTERS_SHOWN,
        all_states=list(State),
        iso=iso,
        done=request.query_params.get("done", ""),
    )


@router.get("/dead-letters/{number:int}", dependencies=[needs(Right.operate)])
async def dead_letter(request: Request, number: int) -> HTMLResponse:
    if number > NUMBER_MAX:
        raise Problem(404, f"there is no dead letter {number}")

    async def run(engine: Engine) -> Any:
        return await engine.desk.show(number)

    letter = await _served(request).read(run)
    if letter is None:
        raise Problem(404, f"there is no dead letter {number}")
    return page(request, "dead_letter.html", letter=letter, text=letter.raw.decode("utf-8", "replace"), iso=iso)


@router.post("/dead-letters", dependencies=[needs(Right.operate)])
async def decide(request: Request, actor: Actor) -> RedirectResponse:
    """Requeue or dismiss those that are ticked, or all of a code."""
    form = await form_of(request)
    numbers = [number for text in form.get("number", []) if (number := _number(text)) is not None]
    code, reason = one_of(form, "code") or None, one_of(form, "reason")
    by = By(now(), actor, reason)
    served = _served(request)
    match one_of(form, "do"):
        case "requeue":
            done = await served.change(lambda engine: requeue_named(engine, numbers, by) if numbers else requeue_waiting(engine, code, by))
            told = f"{done.came_in} came in, {len(done.still)} still can't be read, {len(done.need_fix)} need a fix first"
        case "dismiss" if numbers:
            _reason(form)
            dismissed = await served.change(lambda engine: engine.desk.dismiss(numbers, [], by))
            told = f"{dismissed} dismissed"
        case "dismiss":
            _reason(form)
            dismissed = await served.change(lambda engine: dismiss_waiting(engine, code, None, by))
            told = f"{dismissed} dismissed"
        case other:
            raise Problem(400, f"{other!r} is nothing to do; there are requeue and dismiss")
    return RedirectResponse(str(request.url_for("dead_letters").include_query_params(done=told)), 303)


@router.get("/imports", dependencies=[needs(Right.operate)])
async def imports(request: Request) -> HTMLResponse:
    found = await _served(request).read(lambda engine: listed(engine))
    return page(request, "imports.html", imports=list(reversed(found)), iso=iso, done=request.query_params.get("done", ""))


@router.post("/imports/{number:int}/retract", dependencies=[needs(Right.operate)])
async def take_back(request: Request, number: int, actor: Actor) -> RedirectResponse:
    """Withdraw what only this import brought."""
    if number > NUMBER_MAX:
        raise Problem(404, f"there is no import {number}")
    by = By(now(), actor, _reason(await form_of(request)))
    answer = await _served(request).change(lambda engine: retract(engine, number, None, by, dry_run=False))
    told = f"import {number} is taken back" if answer["changed"] else f"import {number} was taken back before"
    return RedirectResponse(str(request.url_for("imports").include_query_params(done=told)), 303)


@router.get("/identity", dependencies=[needs(Right.operate)])
async def identities(request: Request) -> HTMLResponse:
    """The links of an id; and the joins that look wrong."""
    id = request.query_params.get("id", "").strip()

    async def run(engine: Engine) -> Any:
        return await identity(await engine.definition(), engine.record, id) if id else None

    try:
        return page(request, "identity.html", found=await _served(request).read(run), id=id, why="")
    except Refused as refused:
        return page(request, "identity.html", status=404, found=None, id=id, why=str(refused))


@router.get("/identity/suspects", dependencies=[needs(Right.operate)])
async def suspected(request: Request) -> HTMLResponse:
    """Reads all histories, person by person."""

    async def run(engine: Engine) -> Any:
        return await suspects(await engine.definition(), engine.record, SUSPECTS_SHOWN, "", no_progress)

    return page(request, "suspects.html", worst=await _served(request).read(run))


@router.get("/names", dependencies=[needs(Right.operate)])
async def names(request: Request) -> HTMLResponse:
    async def run(engine: Engine) -> Any:
        async with engine.marketing.snapshot() as ask:
            custom = await ask("SELECT name, CAST(SUM(n) AS BIGINT) FROM custom_seen GROUP BY name ORDER BY 2 DESC, name LIMIT 500")
        return await engine.desk.unknown_fields(), dict(custom)

    fields, custom = await _served(request).read(run)
    return page(request, "names.html", custom=custom, fields=fields)


@router.get("/definition", dependencies=[needs(Right.audit)])
async def definition(request: Request) -> HTMLResponse:
    found = await _served(request).read(lambda engine: engine.definition())
    return page(request, "definition.html", definition=found, text=dump_definition(found))


@router.get("/status", dependencies=[needs(Right.audit)])
async def status(request: Request) -> HTMLResponse:
    served = _served(request)
    trouble = ""
    try:
        await served.check()
    except Away as away:
        trouble = str(away)

    async def run(engine: Engine) -> Any:
        positions = {"marketing": await engine.marketing.position(), "sales": await engine.sales.position()}
        return {"record": await engine.record.position(), **positions}, await engine.desk.states()

    positions, states = await served.read(run)
    return page(request, "status.html", status=503 if trouble else 200, trouble=trouble, positions=positions, states=states)


def _number(text: str) -> int | None:
    """The number that a form or an address names; None where it is none that we give."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _reason(form: dict[str, list[str]]) -> str:
    """Raises Problem where there is none."""
    if not (reason := one_of(form, "reason")):
        raise Problem(400, "a reason is needed; `journey audit` shows it to whoever asks why")
    return reason


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
