"""Pages of one customer or deal: its story drawn over time, why it is where it is, and why not elsewhere; as of any instant."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from app.engine import stories
from app.engine.known_state import known
from app.engine.ports import Engine
from app.server.access import Right, needs
from app.server.asked import TEXT_MAX
from app.server.lists import OfTransitions, page_of_transitions
from app.server.pages.question import as_of
from app.server.pages.rendering import page
from app.server.people import OfPeople, page_of_called
from app.server.roles import SIGHT, Role
from app.server.served import Served
from app.server.visible import seen
from app.text import timeline as words
from journey.errors import NotThere
from journey.histories import is_person
from streams import timeline as telling

router = APIRouter(include_in_schema=False)

ENTRIES_MAX = 500
"""Of a story the last ones are on a page."""

FOUND_MAX = 50
"""How many people are listed that are found by a part of what they are called."""


LAST_TRANSITIONS = 200
"""Among so many are the people looked for who moved last."""

MOVED_MAX = 20
"""How many of them are listed."""


@router.get("/subjects", dependencies=[needs(Right.read_people)])
async def search(request: Request) -> Any:
    """A form, and who moved last; with an id that is known, its page; with a part of one or of a name, those that have it."""
    asked = request.query_params.get("id", "").strip()[:TEXT_MAX]
    served: Served = request.app.state.served
    if not asked:
        anybody = await served.read(lambda engine: engine.record.subjects("", 1))
        told = await served.read(lambda engine: page_of_transitions(engine, request, OfTransitions(limit=LAST_TRANSITIONS)))
        moved = _moved_last(told.plain, request.state.caller.role)
        return page(request, "subjects.html", asked="", found=None, is_empty=not anybody, moved=moved)
    ids = [asked] if ":" in asked else [f"user:{asked}", f"anon:{asked}"]
    known_ids = await served.read(lambda engine: engine.record.versions(ids))
    exact = next((id for id in ids if id in known_ids), None)
    if exact is not None or SIGHT[request.state.caller.role].masks_people:
        return RedirectResponse(f"/subjects/{quote(exact or ids[0])}", 303)
    told = await served.read(lambda engine: page_of_called(engine, request, OfPeople(called=asked, limit=FOUND_MAX)))
    people: Any = told.plain
    found = people.items
    if not found:
        return page(request, "subjects.html", status=404, asked=asked, found=None, why=f"nobody is found by {asked!r}")
    return page(request, "subjects.html", asked=asked, found=found, is_cut=len(found) == FOUND_MAX)


@router.get("/subjects/{id:path}", dependencies=[needs(Right.read_people)])
async def subject(request: Request, id: str) -> Any:
    if id.startswith("deal:") and request.state.caller.may(Right.read_sales):
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/deals/{quote(id.removeprefix('deal:'))}{query}", 307)
    until, known_at, stage = (request.query_params.get(name, "").strip() for name in ("until", "known_at", "stage"))
    asked = as_of(until, known_at)

    async def run(engine: Engine) -> Any:
        story = await stories.timeline(engine, id, asked.asked_until, asked.known)
        reasons = await stories.explained(engine, id, asked.asked_until, asked.known, stage) if is_person(id) else None
        return (await known(engine, asked.known)).definition, story, reasons

    served: Served = request.app.state.served
    try:
        definition, story, reasons = await served.read(run)
    except NotThere as refused:
        return page(request, "subjects.html", status=404, asked=id, found=None, why=str(refused))
    role = request.state.caller.role
    entries = seen(role, [told_entry(one, role) for one in story.entries])
    return page(
        request,
        "subject.html",
        definition=definition,
        story=story,
        subject=seen(role, story.subject),
        ids=seen(role, list(story.ids)),
        entries=entries[-ENTRIES_MAX:],
        left_out=max(len(entries) - ENTRIES_MAX, 0),
        instants=_instants(entries),
        reasons=None if reasons is None else seen(role, reasons.reasons),
        ties=() if reasons is None else seen(role, reasons.ties),
        until=until,
        known_at=known_at,
        stage=stage,
    )


def _moved_last(transitions: Any, role: Role) -> list[dict[str, Any]]:
    """The last transition of each, as `role` sees it. Who is not shown by an id that is known has no page to go to."""
    last: dict[str, dict[str, Any]] = {}
    for one in transitions.items:
        last.setdefault(one.person, one.model_dump())
    return [{**seen(role, one), "has_page": seen(role, person) == person} for person, one in list(last.items())[:MOVED_MAX]]


def told_entry(entry: telling.TimelineEntry, role: Role) -> dict[str, Any]:
    what = words.what(entry)
    return {
        # What roles see goes by the type of touchpoint: what a deal or an order came to tells an amount, as its close does.
        "type": "close" if what in ("deal", "order") else what,
        "what": what,
        "at": entry.at,
        "says": _says(entry, what),
        "rule": entry.rule,
        "deal": _deal_of(entry, role),
        "names": " ".join(filter(None, (entry.source, entry.id))),
    }


def _says(entry: telling.TimelineEntry, what: str) -> str:
    """What it means, in words. `what` stands before it: it is not said twice."""
    said = words.says(entry)
    return said if isinstance(entry.means, telling.Sent) else said.removeprefix(f"{what} ")


def _deal_of(entry: telling.TimelineEntry, role: Role) -> str:
    """The id of the deal that it names; "" where it names none, or one that is not shown to `role` as it is."""
    match entry.means:
        case telling.Sent(fields=fields):
            named = dict(fields).get("deal", "")
        case telling.Omitted(of=of):
            named = of.removeprefix("deal:") if of.startswith("deal:") else ""
        case _:
            named = ""
    return named if seen(role, named) == named else ""


def _instants(entries: list[dict[str, Any]]) -> list[str]:
    """When something happened, for the slider: each instant once."""
    return list(dict.fromkeys(one["at"] for one in entries if one["what"] != "due"))
