"""Deals, leads and transitions: as of an instant, as known at a position."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from app.engine.asking import whom_to_ask
from app.engine.cursors import cursor_of
from app.engine.ports import Engine
from app.engine.question import until_of
from app.server.access import Right, needs
from app.server.answering import AS_CSV, AnswerBody, answered
from app.server.answers import Transition
from app.server.asked import AskedPage, AsOf, Text
from app.server.problems import PROBLEMS
from app.server.rows import OF_SALES, PageOf, RowCondition, beyond, formatted, found, item_of, page, paged
from journey.errors import NotThere
from journey.instants import Instant, iso
from projections.read_model import Ask

router = APIRouter()

DEALS, LEADS = OF_SALES["v1_deals"], OF_SALES["v1_leads"]
Deal: Any = item_of(DEALS, "Deal")
Lead: Any = item_of(LEADS, "Lead")

TRANSITIONS = (
    "SELECT 'stage' AS what, person, 0 AS cycle, at, nth, stage AS entered, left_stage, rule, '' AS reason FROM stages WHERE at <= {until}"
    " UNION ALL"
    " SELECT 'lead' AS what, person, cycle, at, nth, step AS entered, '' AS left_stage, step AS rule, reason FROM leads WHERE at <= {until}"
    " UNION ALL"
    " SELECT 'segment' AS what, person, 0 AS cycle, at, nth, step AS entered, '' AS left_stage, segment AS rule, '' AS reason"
    " FROM segment_moves WHERE at <= {until}"
)


class OfDeals(AskedPage):
    outcome: Literal["open", "won", "lost", "abandoned", "any"] = Field("open", description="Deals that stand so.")
    owner: Text = Field("", description="Only those of this salesperson.")
    team: Text = Field("", description="Only those of this team.")
    pipeline: Text = Field("", description="Only those of this pipeline.")
    stage: Text = Field("", description="Only those in this stage.")
    account: Text = Field("", description="Only those of this account.")


class OfLeads(AskedPage):
    state: Literal["open", "ended", "any"] = Field("open", description="Leads that stand so.")
    person: Text = Field("", description="Only those of whom this is an id.")
    owner: Text = Field("", description="Only those of this salesperson.")
    team: Text = Field("", description="Only those of this team.")


class OfTransitions(AskedPage):
    person: Text = Field("", description="Only those of whom this is an id.")
    what: Literal["stage", "lead", "segment", "any"] = Field(
        "any", description="Stages that were entered, steps of leads, or segments that were entered or left."
    )
    entered: Text = Field("", description="Only those into this stage, or to this step; of segments: entered, or left.")


@router.get(
    "/deals", response_model=PageOf[Deal], responses={**AS_CSV, **PROBLEMS}, dependencies=[needs(Right.read_sales)],
    operation_id="deals", tags=["deals"], summary="Deals, by id: those that are open, unless others are asked for.",
)  # fmt: skip
async def deals(request: Request, asked: Annotated[OfDeals, Query()]) -> Response:
    return await answered(request, asked, lambda engine: page_of_deals(engine, request, asked), as_csv=True)


async def page_of_deals(engine: Engine, request: Request, asked: OfDeals) -> AnswerBody:
    """A page of the deals that are asked for. Raises Refused."""
    conditions = _equal(asked, "owner", "team", "pipeline", "stage", "account")
    conditions += [] if asked.outcome == "any" else [RowCondition("v.outcome = ?", (asked.outcome,))]
    return await page(engine, request, asked, DEALS, Deal, ("deal",), conditions)


@router.get(
    "/deals/{id:path}", response_model=Deal, responses=PROBLEMS, dependencies=[needs(Right.read_sales)],
    operation_id="deal", tags=["deals"], summary="How a deal stands.",
)  # fmt: skip
async def deal(
    request: Request, id: Annotated[str, Path(description="Its id: 12, or deal:12.")], asked: Annotated[AsOf, Query()]
) -> Response:  # fmt: skip
    async def run(engine: Engine) -> AnswerBody:
        async with whom_to_ask(engine, "sales", asked.known) as (ask, definition):
            return AnswerBody(Deal(**await how_a_deal_stands(ask, until_of(asked.asked_until, definition), id)))

    return await answered(request, asked, run)


async def how_a_deal_stands(ask: Ask, until: Instant, id: str) -> dict[str, Any]:
    """Raises NotThere."""
    key = id if id.startswith("deal:") else f"deal:{id}"
    rows = await found(ask, DEALS, until, [RowCondition("v.deal = ?", (key,))])
    if not rows:
        raise NotThere(f"nothing is known of {key!r} up to then")
    return formatted(DEALS, rows[0])


@router.get(
    "/leads", response_model=PageOf[Lead], responses={**AS_CSV, **PROBLEMS}, dependencies=[needs(Right.read_sales)],
    operation_id="leads", tags=["leads"], summary="Lead cycles, by person: those that are open, unless others are asked for.",
)  # fmt: skip
async def leads(request: Request, asked: Annotated[OfLeads, Query()]) -> Response:
    return await answered(request, asked, lambda engine: page_of_leads(engine, request, asked), as_csv=True)


async def page_of_leads(engine: Engine, request: Request, asked: OfLeads) -> AnswerBody:
    """A page of the lead cycles that are asked for. Raises Refused."""
    conditions = _equal(asked, "owner", "team")
    conditions += [] if asked.state == "any" else [RowCondition(f"v.is_open = {int(asked.state == 'open')}")]
    return await page(engine, request, asked, LEADS, Lead, ("person", "cycle"), [*conditions, *await _of_person(engine, asked.person)])


@router.get(
    "/transitions", response_model=PageOf[Transition], responses={**AS_CSV, **PROBLEMS}, dependencies=[needs(Right.read_people)],
    operation_id="transitions", tags=["transitions"], summary="Stages entered, steps of leads and moves of segments, the last one first.",
)  # fmt: skip
async def transitions(request: Request, asked: Annotated[OfTransitions, Query()]) -> Response:
    return await answered(request, asked, lambda engine: page_of_transitions(engine, request, asked), as_csv=True)


async def page_of_transitions(engine: Engine, request: Request, asked: OfTransitions) -> AnswerBody:
    """A page of the transitions that are asked for. Raises Refused."""
    conditions = _equal(asked, "entered")
    conditions += [] if asked.what == "any" else [RowCondition("v.what = ?", (asked.what,))]
    async with whom_to_ask(engine, "sales", asked.known) as (ask, definition):
        until = until_of(asked.asked_until, definition)
        # `nth` is a place among all transitions of a person at an instant.
        key = "v.at, v.person, v.nth"
        every = [*conditions, *await _of_person(engine, asked.person)]
        every += beyond(asked.after, key, ("INTEGER", "TEXT", "INTEGER"), "<")
        columns = [*Transition.model_fields, "nth"]
        where = " AND ".join(one.sql for one in every) or "TRUE"
        last_first = ", ".join(f"{name} DESC" for name in key.split(", "))
        rows = await ask(
            f"SELECT {', '.join(f'v.{name}' for name in columns)} FROM ({TRANSITIONS.format(until=until)}) AS v"
            f" WHERE {where} ORDER BY {last_first} LIMIT {asked.limit + 1}",
            *(value for one in every for value in one.values),
        )
        told = [dict(zip(columns, row, strict=True)) for row in rows]
        items = tuple(Transition(**{**one, "at": iso(one["at"])}) for one in told[: asked.limit])
        last = told[asked.limit - 1] if len(told) > asked.limit else None
        cursor = "" if last is None else cursor_of([last["at"], last["person"], last["nth"]])
        return await paged(engine, request, asked, ask, until, items, cursor)


def _equal(asked: AskedPage, *names: str) -> list[RowCondition]:
    """Only rows with the values that are asked for."""
    return [RowCondition(f"v.{name} = ?", (value,)) for name in names if (value := getattr(asked, name))]


async def _of_person(engine: Engine, id: str) -> list[RowCondition]:
    """Only rows of whom `id` is an id."""
    if not id:
        return []
    known = (await engine.record.people([id])).get(id)
    return [RowCondition("v.person = ?", (id if known is None else known.name,))]
