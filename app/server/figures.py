"""Figures and sections: a route of each, made from what it says of itself. Nothing here knows any of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request, Response

from app.engine import asking as engine_asking
from app.engine.closed_periods import AsTold, Closings, changed_between, in_period, told_if_closed
from app.engine.closed_periods import closings as all_closings
from app.engine.evidence import FigureEvidence, figure_named, why
from app.engine.ports import Engine
from app.engine.question import Question
from app.server.access import Right, needs
from app.server.answering import AS_CSV, AnswerBody, answered
from app.server.answers import Catalogue
from app.server.asked import AskedPosition, AsOf, OfChanges, OfEvidence, OfFunnelEvidence, OfFunnelReport, OfReport, parameters
from app.server.problems import PROBLEMS
from app.server.visible import check_figure, check_rows, sees_rows
from journey.errors import NotThere, Refused
from projections.figures import catalogue, sections
from projections.figures.answers import Answer
from projections.figures.defined import FUNNELS
from projections.figures.figure import Figure, Model, Section
from projections.figures.reports import OneFigure, Report, sections_of
from projections.figures.restatements import Restatement

RIGHTS: dict[Model, Right] = {"marketing": Right.read_marketing, "sales": Right.read_sales}


def router() -> APIRouter:
    """The routes of all figures and sections that there are now."""
    made = APIRouter()
    _catalogue(made)
    for model in get_args(Model):
        there = [section for section in sections.SECTIONS if section.model == model]
        _report(made, model, there)
        for section in there:
            _section(made, model, section)
        for figure in dict.fromkeys(figure for section in there for figure in section.figures):
            _figure(made, model, figure)
            _why(made, model, figure)
        _between(made, model, there)
        _period(made, model)
        _nothing(made, model)
    return made


def _add(
    made: APIRouter, path: str, handler: Callable[..., Any], right: Right, options: type[AskedPosition], of: Any, *, name: str, tag: str,
    as_csv: bool, says: str, more: str = "", figures: Sequence[Figure] = (),
) -> None:  # fmt: skip
    """`figures` are those that are asked: what they say of themselves, FastAPI can't see in `options`, which are the same for all."""
    handler.__annotations__["asked"] = Annotated[options, Query(include_in_schema=False)]
    made.add_api_route(
        path, handler, response_model=of, dependencies=[needs(right)], name=name, operation_id=name, tags=[tag], summary=says,
        description=more or says, responses={**(AS_CSV if as_csv else {}), **PROBLEMS},
        openapi_extra={"parameters": parameters(options, figures)},
    )  # fmt: skip


def _is_of_funnels(figure: Figure) -> bool:
    return FUNNELS in figure.of.options


def _options(figures: Sequence[Figure]) -> type[OfReport]:
    """What a report of `figures` may be asked with: of funnels, which."""
    return OfFunnelReport if any(map(_is_of_funnels, figures)) else OfReport


def _catalogue(made: APIRouter) -> None:
    async def figures(request: Request, asked: Any) -> Response:
        async def run(_: Engine) -> AnswerBody:
            return AnswerBody(Catalogue(figures=tuple(catalogue.entries())))

        return await answered(request, asked, run)

    says = "All figures: what each says, its formula, unit and dimensions."
    _add(made, "/figures", figures, Right.read_catalogue, AskedPosition, Catalogue, name="figures", tag="figures", as_csv=False, says=says)

    async def periods(request: Request, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            return AnswerBody(Closings(closings=tuple(await all_closings(engine))))

        return await answered(request, asked, run)

    says = "All closings of periods, oldest first: of one period, the last is what was told."
    _add(made, "/periods", periods, Right.read_catalogue, AskedPosition, Closings, name="periods", tag="periods", as_csv=False, says=says)


def _report(made: APIRouter, model: Model, there: Sequence[Section]) -> None:
    async def report(request: Request, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            return AnswerBody(await engine_asking.report(engine, asked.question(model)), Report.to_csv)

        return await answered(request, asked, run, as_csv=True, where=asked.filters)

    _add(
        made, f"/{model}", report, RIGHTS[model], OfReport, Report, name=model, tag=model, as_csv=True,
        says=f"All figures of {model}, section by section.", figures=[figure for section in there for figure in section.figures],
    )  # fmt: skip


def _section(made: APIRouter, model: Model, section: Section) -> None:
    async def of_section(request: Request, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            return AnswerBody(await engine_asking.report(engine, asked.question(model, [section.name])), Report.to_csv)

        return await answered(request, asked, run, as_csv=True, where=asked.filters)

    names = ", ".join(figure.name for figure in section.figures)
    _add(
        made, f"/{model}/{section.name}", of_section, RIGHTS[model], _options(section.figures), Report,
        name=f"{model}_{section.name}", tag=model, as_csv=True, says=section.title, more=f"{section.title}: {names}.",
        figures=section.figures,
    )  # fmt: skip


def _figure(made: APIRouter, model: Model, figure: Figure) -> None:
    async def of_figure(request: Request, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            return AnswerBody(await engine_asking.figure(engine, figure, asked.question(model)), Answer.to_csv)

        check_figure(request.state.caller.role, figure, asked.grouping or (), asked.filters)
        return await answered(request, asked, run, as_csv=True, where=asked.filters)

    _add(
        made, f"/{model}/figures/{figure.name}", of_figure, RIGHTS[model], _options([figure]), OneFigure,
        name=f"{model}_figure_{figure.name}", tag=model, as_csv=True, says=figure.says, more=words(figure), figures=[figure],
    )  # fmt: skip


def words(figure: Figure) -> str:
    """What a figure says of itself, for OpenAPI."""
    lines = [figure.says, f"Formula: {figure.formula}.", f"Unit: {figure.unit}."]
    lines += [f"Defined in {figure.source}."] if figure.source else []
    lines += [f"Reads {', '.join(figure.reads)}."]
    return "\n\n".join(lines)


def _why(made: APIRouter, model: Model, figure: Figure) -> None:
    async def of_units(request: Request, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            found = await why(engine, figure, asked.question(model), limit=asked.limit, after=asked.after)
            return AnswerBody(found, following=found.after)

        check_rows(request.state.caller.role, figure, asked.grouping or (), asked.filters)
        return await answered(request, asked, run, where=asked.filters)

    says = f"The touchpoints behind {figure.name}: which deals, people or leads count, and because of what."
    _add(
        made, f"/{model}/figures/{figure.name}/why", of_units, RIGHTS[model],
        OfFunnelEvidence if _is_of_funnels(figure) else OfEvidence, FigureEvidence,
        name=f"{model}_why_{figure.name}", tag=model, as_csv=False, says=says, more=f"{says}\n\n{words(figure)}", figures=[figure],
    )  # fmt: skip


def _between(made: APIRouter, model: Model, there: Sequence[Section]) -> None:
    async def between(request: Request, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            try:
                sections_of(model, asked.section)
            except NotThere as error:
                raise Refused(str(error)) from None
            question = replace(
                asked.question(model, asked.section), figures=_of_rows(request, model, {*(asked.grouping or ()), *asked.filters})
            )
            told = await changed_between(engine, question, (asked.from_position, asked.to_position))
            return AnswerBody(told, Restatement.to_csv)

        return await answered(request, asked, run, as_csv=True, where=asked.filters, at_length=True)

    _add(
        made, f"/{model}/between", between, RIGHTS[model], OfChanges, Restatement, name=f"{model}_between", tag=model, as_csv=True,
        says=f"What changed in the figures of {model} between two positions, cell by cell, and by which cause.",
        figures=[figure for section in there for figure in section.figures],
    )  # fmt: skip


def _period(made: APIRouter, model: Model) -> None:
    async def period(request: Request, period: str, asked: Any) -> Response:
        async def run(engine: Engine) -> AnswerBody:
            until = asked.asked_until if asked.until else None
            question = Question(model, until=until, known_at=asked.known, figures=_of_rows(request, model))
            question = await in_period(engine, question, period)
            told = await told_if_closed(engine, question)
            if told is None:
                known = f"/api/v1/{model}?from={question.from_on}&to={question.to_on}"
                raise NotThere(f"{period} is not closed, or asked for as known earlier; {known} tells what is known of it")
            return AnswerBody(told, Restatement.to_csv)

        return await answered(request, asked, run, as_csv=True, at_length=True)

    says = f"A closed period: what was told of it, beside what is known now, and what changed it. Of {model}."
    _add(
        made, f"/{model}/periods/{{period}}", period, RIGHTS[model], AsOf, AsTold, name=f"{model}_period", tag="periods",
        as_csv=True, says=says,
    )  # fmt: skip


def _of_rows(request: Request, model: Model, by: Iterable[str] = ()) -> list[str]:
    """The figures of which the role of who asks may see each row, broken down or filtered so."""
    role = request.state.caller.role
    there = [figure for section in sections.SECTIONS if section.model == model for figure in section.figures]
    return [figure.name for figure in there if sees_rows(role, figure, by)]


def _nothing(made: APIRouter, model: Model) -> None:
    """What has no route of its own is nothing: which name may be meant is said."""

    async def no_figure(figure: str) -> Response:
        figure_named(figure)
        raise NotThere(f"figure {figure!r} is not of {model}")

    async def no_section(section: str) -> Response:
        sections_of(model, [section])
        raise NotThere(f"there is no section {section!r}")

    for path, handler, right in (
        (f"/{model}/figures/{{figure}}/why", no_figure, RIGHTS[model]),
        (f"/{model}/figures/{{figure}}", no_figure, RIGHTS[model]),
        (f"/{model}/{{section}}", no_section, RIGHTS[model]),
    ):
        made.add_api_route(path, handler, dependencies=[needs(right)], include_in_schema=False, name=f"no {path}")
