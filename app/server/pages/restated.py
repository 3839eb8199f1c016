"""What changed: of a figure since a position or a closed period; and closed periods as told, beside what is known now.

Everything is derived as it was known then, which takes minutes where there is much: such a part comes to its page once it is there.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from app.engine.clock import now
from app.engine.closed_periods import AsTold, changed_between, close, closings, in_period, told_if_closed
from app.engine.known_state import position_known
from app.engine.ports import Engine
from app.engine.question import Question
from app.server.access import Actor, Caller, Right, needs
from app.server.pages.entrance import form_of, one_of, reason_of
from app.server.pages.lengthy import answer_or_wait
from app.server.pages.question import asked_in
from app.server.pages.rendering import page
from app.server.pages.reports import RIGHTS, entry_of
from app.server.problems import HttpProblem
from app.server.roles import Role
from app.server.served import Served
from app.server.visible import check_rows, sees_rows, visible_restatement
from app.text import restatement as words
from journey.errors import NotThere
from journey.instants import iso
from projections.figures import sections
from projections.figures.catalogue import FigureEntry
from projections.figures.figure import Model
from projections.figures.restatements import Restatement
from projections.figures.sections import FIGURES
from streams.operators import By

router = APIRouter(include_in_schema=False)

WORKING = "Everything is derived as it was known then."

TEXT_MAX = 64
"""The letters of a position, a time or a period."""


def _routes(model: Model) -> None:
    """The pages of one read model."""
    right = needs(RIGHTS[model])

    @router.get(f"/{model}/figures/{{name}}/changed", dependencies=[right])
    async def changed(request: Request, name: str) -> HTMLResponse:
        return await _changed(request, model, name)

    @router.get(f"/{model}/figures/{{name}}/told", dependencies=[right])
    async def told(request: Request, name: str) -> HTMLResponse:
        _check(request, model, name)
        return await _as_told(request, model, request.query_params.get("period", ""), [name])

    @router.get(f"/{model}/periods/{{period}}", dependencies=[right])
    async def of_period(request: Request, period: str) -> HTMLResponse:
        there = dict.fromkeys(figure for section in sections.SECTIONS if section.model == model for figure in section.figures)
        return await _as_told(request, model, period, [figure.name for figure in there if sees_rows(_role(request), figure)])


for each in ("marketing", "sales"):
    _routes(each)


@router.get("/periods", dependencies=[needs(Right.read_catalogue)])
async def periods(request: Request) -> HTMLResponse:
    every = await _served(request).read(closings)
    caller: Caller = request.state.caller
    return page(
        request,
        "periods.html",
        closings=list(reversed(every)),
        models=[model for model, right in RIGHTS.items() if caller.may(right)],
        may_close=caller.may(Right.operate),
        iso=iso,
        done=request.query_params.get("done", ""),
    )


@router.post("/periods", dependencies=[needs(Right.operate)])
async def close_period(request: Request, actor: Actor) -> RedirectResponse:
    """What both read models say of a period that is over is from now on what was told of it."""
    form = await form_of(request)
    name, by = one_of(form, "period"), By(now(), actor, reason_of(form))
    if not name:
        raise HttpProblem(400, "which period? Such as 2026-03, 2026-Q1 or 2026")
    closed, is_new = await _served(request).change_at_length(lambda engine: close(engine, name, by))
    told = f"{name} is closed at position {closed.position:,}" if is_new else f"{name} was closed at position {closed.position:,} already"
    return RedirectResponse(f"/periods?{urlencode({'done': told})}", 303)


async def _changed(request: Request, model: Model, name: str) -> HTMLResponse:
    asked = asked_in(request.query_params)
    figure = _check(request, model, name, {*(asked.by or ()), *asked.asked.filters})
    since, up_to = (request.query_params.get(word, "").strip() for word in ("since", "upto"))
    if not since:
        raise HttpProblem(400, "since when? A position, or a time of recording such as 2026-03-31T18:00:00Z")
    if max(len(since), len(up_to)) > TEXT_MAX:
        raise HttpProblem(400, f"a position or a time has {TEXT_MAX} letters at most")

    async def positions(engine: Engine) -> tuple[int, int]:
        last = await engine.record.position()
        return await position_known(engine, since), await position_known(engine, up_to) if up_to else last

    earlier, later = await _served(request).read(positions)
    # Who comes back for it asks of the same positions.
    again = asked.address(since=str(earlier), upto=str(later))

    async def run(engine: Engine) -> Restatement:
        question = replace(asked.asked.question(model, [figure.section]), figures=[name], known_at=None)
        return await changed_between(engine, question, (str(earlier), str(later)))

    return await _answered(
        request, (model, name, again), run, again=again, title=f"What changed in {_words(name)}", model=model, figure=name,
        columns=(f"at {earlier:,}", f"at {later:,}"),
    )  # fmt: skip


async def _as_told(request: Request, model: Model, period: str, figures: Sequence[str]) -> HTMLResponse:
    if not period or len(period) > TEXT_MAX:
        raise HttpProblem(400, "which closed period?")

    async def run(engine: Engine) -> AsTold:
        told = await told_if_closed(engine, await in_period(engine, Question(model, figures=figures), period))
        if told is None:
            raise NotThere(f"{period} is not closed; /periods lists those that are")
        return told

    whose = _words(figures[0]) if len(figures) == 1 else model
    return await _answered(
        request, (model, *figures, period), run, again=f"?{request.url.query}" if request.url.query else "",
        title=f"{period} of {whose}, as told and as known", model=model, figure=figures[0] if len(figures) == 1 else "",
        columns=("as told", "as known now"),
    )  # fmt: skip


async def _answered(
    request: Request, what: tuple[str, ...], run: Callable[[Engine], Awaitable[Restatement]], *, again: str, title: str, **shown: Any
) -> HTMLResponse:  # fmt: skip
    """The part of a page, or the page, once there is an answer; till then one that comes back for it."""
    told = await answer_or_wait(request, what, run, title=title, address=f"{request.url.path}{again}", working=WORKING)
    if isinstance(told, HTMLResponse):
        return told
    restatement = visible_restatement(_role(request), told)
    cells = words.told_cells(restatement) if isinstance(restatement, AsTold) else restatement.changed
    rows = words.rows(restatement, cells, more="CSV and JSON have all of them")
    return page(
        request,
        "restated.html",
        title=title,
        restatement=restatement,
        closing=restatement.closed if isinstance(restatement, AsTold) else None,
        rows=rows,
        has_causes=any(row.causes for row in rows),
        order=words.ORDER_OF_CAUSES,
        iso=iso,
        **shown,
    )


def _check(request: Request, model: Model, name: str, by: Iterable[str] = ()) -> FigureEntry:
    """The figure of that name. Raises HttpProblem where `model` has none, or where what changed it is not shown to the role so."""
    entry = entry_of(model, name)
    check_rows(_role(request), FIGURES[name], by)
    return entry


def _words(name: str) -> str:
    return name.replace("_", " ")


def _role(request: Request) -> Role:
    caller: Caller = request.state.caller
    return caller.role


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
