"""The audit over HTTP and on its page: what `journey audit` shows, the last decision first."""

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field

from app.engine.cursors import cursor_of, is_like, values_of
from app.engine.ports import Engine
from app.server.access import Right, needs
from app.server.answering import AS_CSV, DECISION_MAX, AnswerBody, answered, next_page
from app.server.asked import PAGE, PAGE_MAX, AskedPosition, Text
from app.server.pages.rendering import page
from app.server.problems import PROBLEMS
from app.server.roles import Role
from app.server.served import Served
from app.server.visible import seen
from app.text.decisions import in_words
from journey.errors import Refused
from journey.instants import iso
from projections.figures.answers import Value
from streams.operators import Decision

router, pages = APIRouter(), APIRouter(include_in_schema=False)


class DecisionAnswer(Value):
    """What somebody decided. `says` is what was before and after, in words; `detail` is all that is kept of it."""

    number: int
    at: str
    actor: str
    action: str
    reason: str
    says: str
    detail: dict[str, Any]


class PageOfDecisions(Value):
    """Some of the decisions. `next` is where the next page is, as the header Link has it; nothing on the last one."""

    items: tuple[DecisionAnswer, ...]
    next: str | None


class OfDecisions(AskedPosition):
    action: Text = Field(
        "", description="Only decisions of this kind, such as definition, import, retract, close-period, requeue, add-key."
    )
    limit: int = Field(PAGE, ge=1, le=PAGE_MAX, description="How many are on a page at most.")
    after: Text = Field("", description="A cursor: what the link to the next page has.")


@router.get(
    "/audit", response_model=PageOfDecisions, responses={**AS_CSV, **PROBLEMS}, dependencies=[needs(Right.audit)],
    operation_id="audit", tags=["audit"], summary="Who decided what, when and why, the last decision first.",
)  # fmt: skip
async def audit(request: Request, asked: Annotated[OfDecisions, Query()]) -> Response:
    async def run(engine: Engine) -> AnswerBody:
        decisions, cursor = await _decided(engine, asked)
        items = tuple(_shown(request.state.caller.role, one) for one in decisions)
        return AnswerBody(PageOfDecisions(items=items, next=next_page(request, asked, cursor) if cursor else None), _table, cursor)

    return await answered(request, asked, run, as_csv=True)


@pages.get("/audit", dependencies=[needs(Right.audit)])
async def audit_page(request: Request, action: Text = "", after: Text = "") -> HTMLResponse:
    asked = OfDecisions(action=action.strip(), after=after)

    async def run(engine: Engine) -> tuple[Sequence[Decision], str, list[str]]:
        decisions, cursor = await _decided(engine, asked)
        return decisions, cursor, sorted({one.action for one in await engine.desk.decisions()})

    served: Served = request.app.state.served
    decisions, cursor, actions = await served.read(run)
    return page(
        request, "audit.html", decisions=[_shown(request.state.caller.role, one) for one in decisions], actions=actions,
        asked=asked, next=next_page(request, asked, cursor) if cursor else "",
    )  # fmt: skip


async def _decided(engine: Engine, asked: OfDecisions) -> tuple[Sequence[Decision], str]:
    """Those on the page that is asked for, and the cursor of the next one. Raises Refused."""
    before = DECISION_MAX
    if asked.after:
        values = values_of(asked.after)
        if not is_like(values, ["INTEGER"]):
            raise Refused(f"after {asked.after!r} is no cursor of this list; the link to the next page has one")
        (before,) = values  # type: ignore[assignment]  # a whole number, as was seen
    found = await engine.desk.decisions(asked.action or None, before=before, limit=asked.limit + 1)
    shown = found[: asked.limit]
    return shown, cursor_of([shown[-1].number]) if len(found) > asked.limit else ""


def _shown(role: Role, one: Decision) -> DecisionAnswer:
    """As `role` sees it: who is not shown whom data is about is not shown it in a reason either."""
    decision = Decision(**seen(role, one._asdict()))
    return DecisionAnswer(**decision._replace(at=iso(one.at))._asdict(), says=in_words(decision))  # type: ignore[arg-type]


def _table(page: dict[str, Any]) -> str:
    """CSV of a page: a row for each decision, its detail as JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*DecisionAnswer.model_fields])  # whose lines end in \r\n: so a cell that has either is quoted
    writer.writeheader()
    writer.writerows({**one, "detail": orjson.dumps(one["detail"]).decode()} for one in page["items"])
    return text.getvalue()
