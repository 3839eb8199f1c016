"""Pages of deals and of leads: lists as the API has them, and a deal as a salesperson wants it."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.engine import stories
from app.engine.asking import whom_to_ask
from app.engine.ports import Engine
from app.engine.question import until_of
from app.server.access import Right, needs
from app.server.answering import AnswerBody
from app.server.lists import OfDeals, OfLeads, how_a_deal_stands, page_of_deals, page_of_leads
from app.server.pages.question import as_of, words_of
from app.server.pages.rendering import page
from app.server.pages.subjects import ENTRIES_MAX, told_entry
from app.server.people import standing
from app.server.rows import OF_SALES, RowCondition, formatted, found
from app.server.served import Served
from app.server.visible import seen
from journey.errors import NotThere

router = APIRouter(include_in_schema=False)

DEAL_PEOPLE, PRODUCTS = OF_SALES["v1_deal_people"], OF_SALES["v1_deal_products"]
PEOPLE_SHOWN = 100


@router.get("/deals", dependencies=[needs(Right.read_sales)])
async def deals(request: Request) -> HTMLResponse:
    asked = words_of(OfDeals, request.query_params)
    told = await _served(request).read(lambda engine: page_of_deals(engine, request, asked))
    return _listed(request, "deals.html", told, asked=asked)


@router.get("/leads", dependencies=[needs(Right.read_sales)])
async def leads(request: Request) -> HTMLResponse:
    asked = words_of(OfLeads, request.query_params)
    told = await _served(request).read(lambda engine: page_of_leads(engine, request, asked))
    return _listed(request, "leads.html", told, asked=asked)


def _listed(request: Request, name: str, told: AnswerBody, **shown: Any) -> HTMLResponse:
    plain: Any = told.plain
    rows = seen(request.state.caller.role, [row.model_dump(mode="json") for row in plain.items])
    only = {text for name, text in request.query_params.items() if name not in ("after", "limit", "until", "known_at") and text}
    return page(
        request, name, rows=rows, next=plain.next, until=plain.until, told_at=plain.position,
        is_narrowed=bool(only), is_all=only == {"any"}, **shown,
    )  # fmt: skip


@router.get("/deals/{id:path}", dependencies=[needs(Right.read_sales)])
async def deal(request: Request, id: str) -> HTMLResponse:
    until, known_at = (request.query_params.get(name, "").strip() for name in ("until", "known_at"))
    asked, key = as_of(until, known_at), id if id.startswith("deal:") else f"deal:{id}"

    async def run(engine: Engine) -> Any:
        async with whom_to_ask(engine, "sales", asked.known) as (ask, definition):
            at = until_of(asked.asked_until, definition)
            of_deal = [RowCondition("v.deal = ?", (key,))]
            stands = await how_a_deal_stands(ask, at, key)
            people = [formatted(DEAL_PEOPLE, row) for row in await found(ask, DEAL_PEOPLE, at, of_deal, "v.person", PEOPLE_SHOWN)]
            products = [formatted(PRODUCTS, row)["product"] for row in await found(ask, PRODUCTS, at, of_deal, "v.product")]
            of_people = await standing(ask, at, [one["person"] for one in people])
        story = await stories.timeline(engine, key, asked.asked_until, asked.known)
        return stands, [{**one, **of_people[one["person"]]} for one in people], products, story

    try:
        stands, people, products, story = await _served(request).read(run)
    except NotThere as refused:
        return page(request, "subjects.html", status=404, asked=key, why=str(refused), found=None)
    role = request.state.caller.role
    entries = seen(role, [told_entry(one, role) for one in story.entries])
    return page(
        request,
        "deal.html",
        deal=seen(role, stands),
        people=sorted(seen(role, people), key=lambda one: (not one["is_primary"], one["person"])),
        products=products,
        story=story,
        entries=entries[-ENTRIES_MAX:],
        left_out=max(len(entries) - ENTRIES_MAX, 0),
        until=until,
        known_at=known_at,
    )


def _served(request: Request) -> Served:
    served: Served = request.app.state.served
    return served
