"""The page of the definition: read by who audits; checked and put to use by operators."""

import asyncio
import difflib
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.engine.clock import now
from app.engine.derived_anew import use
from app.engine.ports import Engine
from app.server.access import Actor, Right, needs
from app.server.pages.entrance import FORM_BYTES_MAX, form_of, one_of, reason_of, text_of
from app.server.pages.lengthy import Lengthy
from app.server.pages.rendering import page
from app.server.problems import HttpProblem
from app.server.served import Served
from app.text.definition import cure, lacks
from journey.definition import Definition, unused
from journey.errors import Away, Refused
from schemas.definition_files import dump_definition, parse_definition
from schemas.yaml_nodes import FILE_BYTES_MAX
from streams.operators import By

router = APIRouter(include_in_schema=False)

TEXT_BYTES_MAX = 3 * FILE_BYTES_MAX + FORM_BYTES_MAX
"""A form has three bytes for many a character."""

NAME_MAX = 128
PASTED = "pasted.yaml"
LINES_AROUND = 3
LINES_SHOWN_MAX = 400

USE = "use a definition"
"""What is under way while everything is derived anew."""


@router.get("/definition", dependencies=[needs(Right.audit)])
async def definition(request: Request) -> HTMLResponse:
    return await _shown(request)


@router.get("/definition/under-way", dependencies=[needs(Right.audit)])
async def under_way(request: Request) -> HTMLResponse:
    """How far it is to put another one to use. Where that is done, its page is loaded again: all that it shows is another one."""
    used = _used(request)
    answer = page(request, "definition_used.html", **used)
    if used["using"] is None:
        answer.headers["HX-Redirect"] = "/definition"
    return answer


@router.post("/definition/check", dependencies=[needs(Right.operate)])
async def check(request: Request, actor: Actor) -> HTMLResponse:
    """What is wrong with a definition, and what it says otherwise than the one in use. Nothing is changed."""
    form = await form_of(request, TEXT_BYTES_MAX)
    checked = await _checked(request, form)
    if "hx-request" in request.headers:
        return page(request, "definition_checked.html", checked=checked)
    return await _shown(request, form=form, checked=checked)


@router.post("/definition", dependencies=[needs(Right.operate)])
async def put_to_use(request: Request, actor: Actor) -> Any:
    """Derive everything by another definition, beside what is in use; then it takes over."""
    form = await form_of(request, TEXT_BYTES_MAX)
    by = By(now(), actor, reason_of(form))
    checked = await _checked(request, form)
    wanted = checked["definition"]
    if wanted is None:
        return await _shown(request, form=form, checked=checked, status=400)
    served, lengthy = _served(request), _lengthy(request)
    before = lengthy.there(USE)
    if before is not None and not before.task.done():
        raise HttpProblem(409, "another one is being put to use; wait until that is done")
    lengthy.forget(USE)

    async def run(engine: Engine) -> dict[str, Any]:
        await engine.start()
        return await use(engine, wanted, _name(form), by)

    try:
        await lengthy.look(USE, partial(served.change_at_length, run))
    except (Away, Refused) as error:
        raise HttpProblem(503 if isinstance(error, Away) else 400, str(error)) from error
    return RedirectResponse("/definition", 303)


async def _shown(request: Request, *, form: Any = None, checked: Any = None, status: int = 200) -> HTMLResponse:
    in_use = await _served(request).read(lambda engine: engine.definition())
    text = dump_definition(in_use)
    return page(
        request,
        "definition.html",
        status=status,
        in_use=in_use,
        text=text,
        written=text_of(form, "text") if form else text,
        file=one_of(form, "file") if form else "",
        reason=one_of(form, "reason") if form else "",
        checked=checked,
        may_use=request.state.caller.may(Right.operate),
        is_written=form is not None,
        **_used(request),
    )


async def _checked(request: Request, form: dict[str, list[str]]) -> dict[str, Any]:
    """What `journey definition check` says of what was written; and the lines that are not those of the one in use."""
    text = text_of(form, "text").removeprefix("\ufeff")
    if len(text.encode("utf-8", "replace")) > FILE_BYTES_MAX:
        raise HttpProblem(413, f"a definition has at most {FILE_BYTES_MAX:,} bytes")
    nothing: dict[str, Any] = {
        "definition": None, "problems": [], "lines": [], "lines_more": 0, "unused": [], "lacks": "", "is_in_use": False,
    }  # fmt: skip
    try:
        found = await asyncio.to_thread(parse_definition, text, _name(form))
    except Refused as refused:
        return {**nothing, "problems": str(refused).split("\n")}
    in_use: Definition = await _served(request).read(lambda engine: engine.definition())
    before, after = (dump_definition(one).splitlines() for one in (in_use, found))
    lines = list(difflib.unified_diff(before, after, "in use", _name(form), lineterm="", n=LINES_AROUND))
    lacking = lacks(found)
    return {
        "definition": found,
        "problems": [],
        "lines": lines[2:][:LINES_SHOWN_MAX],
        "lines_more": max(len(lines) - 2 - LINES_SHOWN_MAX, 0),
        "unused": unused(found),
        "lacks": cure(lacking, _name(form)) if lacking else "",
        "is_in_use": found.fingerprint == in_use.fingerprint,
    }


def _used(request: Request) -> dict[str, Any]:
    """What became of the definition that was put to use last, where that was lately."""
    found = _lengthy(request).there(USE)
    if found is None:
        return {"using": None, "used": None, "use_failed": ""}
    if not found.task.done():
        return {"using": found, "used": None, "use_failed": ""}
    error = found.task.exception()
    if error is not None:
        said = str(error) if isinstance(error, Away | Refused) else "an error of ours; the server's log has it"
        return {"using": None, "used": None, "use_failed": said}
    return {"using": None, "used": found.task.result(), "use_failed": ""}


def _name(form: dict[str, list[str]]) -> str:
    return one_of(form, "file")[:NAME_MAX] or PASTED


def _lengthy(request: Request) -> Lengthy:
    lengthy: Lengthy = request.app.state.lengthy
    return lengthy


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
