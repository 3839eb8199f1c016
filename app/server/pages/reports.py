"""Pages of figures: both read models section by section, and each figure by itself. Any figure that is registered has its page."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.engine import asking
from app.engine.clock import now
from app.engine.closed_periods import counting
from app.engine.evidence import FigureEvidence, why
from app.engine.known_state import known
from app.engine.ports import Engine
from app.server.access import Caller, Right, needs
from app.server.deals_behind import with_deals
from app.server.pages.question import PageQuestion as AskedOfPage
from app.server.pages.question import asked_in
from app.server.pages.rendering import page
from app.server.problems import HttpProblem
from app.server.roles import Role
from app.server.served import Served
from app.server.visible import check_figure, check_rows, seen, sees_rows, visible, visible_report
from app.text import layout
from journey.definition import Definition
from journey.errors import Refused
from journey.instants import iso
from projections.figures import sections
from projections.figures.answers import Answer
from projections.figures.catalogue import FigureEntry, entries
from projections.figures.figure import Group, Model, Section
from projections.figures.periods import PERIODS
from projections.figures.reports import GoesOn, Report, SectionAnswer
from projections.figures.sections import FIGURES

router = APIRouter(include_in_schema=False)

EVIDENCE_UNITS = 10
"""How many deals, people or leads a page tells of at once."""

REPORT_SECONDS = 2.0
"""How long a report is worked out before it is shown: the sections that are left then come one by one."""

RIGHTS = {"marketing": Right.read_marketing, "sales": Right.read_sales}


def _routes(model: Model) -> None:
    """The pages of one read model."""
    right = needs(RIGHTS[model])

    @router.get(f"/{model}", dependencies=[right])
    async def report(request: Request) -> HTMLResponse:
        return await _report(request, model)

    @router.get(f"/{model}/sections/{{name}}", dependencies=[right])
    async def section(request: Request, name: str) -> HTMLResponse:
        return await _section(request, model, name)

    @router.get(f"/{model}/figures/{{name}}", dependencies=[right])
    async def figure(request: Request, name: str) -> HTMLResponse:
        return await _figure(request, model, name)

    @router.get(f"/{model}/figures/{{name}}/why", dependencies=[right])
    async def why_page(request: Request, name: str) -> HTMLResponse:
        return await _why(request, model, name)


for each in ("marketing", "sales"):
    _routes(each)


async def _report(request: Request, model: Model) -> HTMLResponse:
    asked = asked_in(request.query_params)
    ends = time.monotonic() + REPORT_SECONDS
    # What was known earlier is derived once for all sections.
    told, definition = await _asked(request, model, asked, (), lambda: asked.asked.known is not None or time.monotonic() < ends)
    there = {section.name for section in told.sections}
    answered = [section for section in told.sections if section.answers]
    # Of a period in which nothing was at all, that is what its rows say.
    shown = [one for one in answered if not one.is_empty] or [one for one in answered if asked.by and layout.has_periods(one)]
    return page(
        request,
        "report.html",
        model=model,
        asked=asked,
        definition=definition,
        orders=layout.orders_of(definition),
        first=max((answer for section in told.sections for answer in section.answers), key=lambda answer: answer.until),
        groups=_groups(model, {section.name for section in shown}, there),
        shown={section.name: section for section in shown},
        empty=[section for section in answered if section not in shown],
        narrowed=next(filter(None, (layout.narrowed(answer) for section in told.sections for answer in section.answers)), ""),
        dimensions=dict.fromkeys(
            name for section in sections.SECTIONS if section.model == model for one in section.figures for name in one.breakdowns
        ),
        **_of_sections(request),
    )


class ShownGroup(NamedTuple):
    """A group of sections as a page has it. `opened` names those that are open from the start: all of one group, the first of several."""

    group: Group
    sections: list[Section]
    opened: frozenset[str]


def _groups(model: Model, shown: Collection[str], there: Collection[str]) -> list[ShownGroup]:
    """Those that have something: sections of the names of `shown`, and what is to come since it is not `there` yet."""
    found = [
        (group, some)
        for group, members in sections.grouped(model)
        if (some := [section for section in members if section.name in shown or section.name not in there])
    ]
    return [
        ShownGroup(group, some, frozenset(section.name for section in (some if len(found) == 1 else some[:1]))) for group, some in found
    ]


async def _section(request: Request, model: Model, name: str) -> HTMLResponse:
    """A section that its report did not wait for."""
    asked = asked_in(request.query_params)
    titles = {one.name: one.title for one in sections.SECTIONS if one.model == model}
    if name not in titles:
        raise HttpProblem(404, f"{model} has no section {name!r}")
    shown: dict[str, Any] = {"model": model, "asked": asked, "section_name": name, "title": titles[name], **_of_sections(request)}
    try:
        told, definition = await _asked(request, model, asked, (name,))
    except Refused as refused:  # it has none of what the report is asked by
        return page(request, "section_page.html", section=None, why=str(refused), **shown)
    (section,) = told.sections
    orders = layout.orders_of(definition)
    return page(request, "section_page.html", section=section, orders=orders, **shown)


async def _asked(
    request: Request, model: Model, asked: AskedOfPage, names: Sequence[str], goes_on: GoesOn = lambda: True
) -> tuple[Report, Definition]:
    """What the caller may see of the sections of these names, all where there are none."""

    async def run(engine: Engine) -> tuple[Report, Definition]:
        question = replace(asked.asked.question(model, names), top=None if asked.by is None else 0)
        told = await asking.report(engine, question, goes_on)
        return await with_deals(engine, _role(request), told), (await known(engine, asked.asked.known)).definition

    told, definition = await _served(request).read(run)
    return visible_report(_role(request), told, small_count=definition.small_count, at=now()), definition


def _of_sections(request: Request) -> dict[str, Any]:
    """What the template of a section asks for."""
    return {
        "needs": lambda section: dict.fromkeys(field for answer in section.answers for one in answer.figures for field in one.needs),
        "left_out": _left_out,
        "figures_of": lambda section: dict.fromkeys(one.name for answer in section.answers for one in answer.figures),
        "rows_of": lambda name: sees_rows(_role(request), FIGURES[name]),
    }


def _left_out(section: SectionAnswer) -> list[tuple[list[str], list[str]]]:
    """The figures that lack dimensions which were asked for, by those that they lack."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, lacks in section.left_out.items():
        found.setdefault(lacks, []).append(layout.words(name))
    return [([layout.words(one) for one in lacks], names) for lacks, names in found.items()]


async def _figure(request: Request, model: Model, name: str) -> HTMLResponse:
    entry, asked = entry_of(model, name), asked_in(request.query_params)
    periods = FIGURES[name].breakdowns[-len(PERIODS) :] if FIGURES[name].dated is not None else ()
    chosen = request.query_params.get("period", "week")
    if periods and chosen not in periods:
        raise HttpProblem(400, f"there is no period {chosen!r}; there are {', '.join(periods)}")

    async def run(engine: Engine) -> Any:
        groupings = ((), (chosen,) if periods else None, asked.by)
        answers = [
            None if by is None else await asking.figure(engine, FIGURES[name], replace(asked.asked.question(model), by=by))
            for by in groupings
        ]
        answers = [await with_deals(engine, _role(request), one) for one in answers]
        definition = (await known(engine, asked.asked.known)).definition
        return *answers, definition, await counting(engine), await engine.record.position()

    check_figure(_role(request), FIGURES[name], asked.by or (), asked.asked.filters)
    whole, by_period, by_dimension, definition, periods_closed, position = await _served(request).read(run)

    def shown(answer: Answer) -> Answer:
        return visible(_role(request), answer, small_count=definition.small_count, at=now())

    whole = shown(whole)
    return page(
        request,
        "figure.html",
        model=model,
        asked=asked,
        entry=entry,
        section_title=next(section.title for section in sections.SECTIONS if section.name == entry.section),
        definition=definition,
        orders=layout.orders_of(definition),
        whole=whole,
        needs=whole.figures[0].needs,
        periods=periods,
        chosen=chosen,
        sees_rows=sees_rows(_role(request), FIGURES[name]),
        closed=periods_closed,
        last_position=position,
        by_period=None if by_period is None else shown(by_period),
        by_dimension=None if by_dimension is None else shown(by_dimension),
    )


async def _why(request: Request, model: Model, name: str) -> HTMLResponse:
    entry_of(model, name)
    asked = asked_in(request.query_params)
    check_rows(_role(request), FIGURES[name], asked.by or (), asked.asked.filters)

    async def run(engine: Engine) -> FigureEvidence:
        after = request.query_params.get("after", "")
        return await why(engine, FIGURES[name], asked.asked.question(model), limit=EVIDENCE_UNITS, after=after)

    found = await _served(request).read(run)
    comes_to, figure = [cell for cell in found.comes_to if cell.n], found.answer.figures[0]
    column = layout.ShownColumn(figure, 0 if figure.quantiles else None)
    written = layout.format_of(column, comes_to)
    told = [written(cell, number) for cell in comes_to if (number := column.value(cell)) is not None]
    return page(
        request,
        "why.html",
        figure=name,
        iso=iso,
        found=found,
        units=seen(_role(request), found.model_dump(mode="json")["units"]),
        comes_to=" · ".join(told) or layout.UNKNOWN,
        next=asked.address(after=found.after) if found.beyond else "",
    )


def entry_of(model: Model, name: str) -> FigureEntry:
    for one in entries():
        if one.model == model and one.name == name:
            return one
    raise HttpProblem(404, f"{model} has no figure {name!r}")


def _role(request: Request) -> Role:
    caller: Caller = request.state.caller
    return caller.role


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
