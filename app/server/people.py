"""People: found by an id, and each with its story, its stage and the reasons for it."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from app.engine import stories
from app.engine.asking import whom_to_ask
from app.engine.cursors import cursor_of, is_like, values_of
from app.engine.known_state import known
from app.engine.ports import Engine
from app.engine.question import until_of
from app.engine.segments import members_in
from app.engine.simulation_mark import is_simulated
from app.server.access import Right, needs
from app.server.answering import AS_CSV, AnswerBody, answered
from app.server.answers import ExplanationAnswer, PersonAnswer, PersonFound, SegmentMemberAnswer, TimelineAnswer
from app.server.asked import AskedPage, AsOf, Text
from app.server.problems import PROBLEMS, HttpProblem
from app.server.roles import SIGHT, Role
from app.server.rows import OF_SALES, PageOf, RowCondition, formatted, found, paged
from app.text import explanation as text_of_explanation
from app.text import segment as text_of_segment
from app.text import timeline as text_of_timeline
from journey.errors import NotThere, Refused
from journey.histories import is_person
from journey.identity import Person
from journey.instants import Instant, iso
from projections.read_model import Ask
from streams.lookup import looked_up

router = APIRouter()

KINDS = ("anon:", "user:")
"""What ids of people begin with, in the order of their bytes."""

IDS_AT_A_TIME, LOOKED_AT_MAX = 200, 2_000
"""So many ids are looked at for one page at most: of a person with many, one is enough. A page may have fewer than it was asked for."""

STAGES, SCORES, LEADS = OF_SALES["v1_people"], OF_SALES["v1_scores"], OF_SALES["v1_leads"]
FIELDS, SEEN = OF_SALES["v1_descriptions"], OF_SALES["v1_last_seen"]

Id = Annotated[str, Path(description="One of its ids: user:42, anon:9f3c.")]


class OfPeople(AskedPage):
    search: Text = Field("", description="An id, or how ids begin: user:42, anon:9f, or 42 for any kind.")
    called: Text = Field(
        "",
        description="A part of an id, a name or an e-mail address, whatever the case; of several words, each has to be there. As known"
        " now, and without further pages. For who is shown ids.",
    )


class OfReasons(AsOf):
    stage: Text = Field("", description="Only what is about this stage; mql or sql: about the lead.")


@router.get(
    "/people", response_model=PageOf[PersonFound], responses={**AS_CSV, **PROBLEMS}, dependencies=[needs(Right.read_people)],
    operation_id="people", tags=["people"], summary="People by their ids. Each is listed once, by the first id that is found.",
)  # fmt: skip
async def people(request: Request, asked: Annotated[OfPeople, Query()]) -> Response:
    if asked.called:
        check_sees_names(request.state.caller.role)
        return await answered(request, asked, lambda engine: page_of_called(engine, request, asked), as_csv=True)
    starts = [asked.search] if asked.search.startswith(KINDS) else [kind + asked.search for kind in KINDS]
    # Who is not shown ids can't guess them letter by letter either.
    is_whole = bool(SIGHT[request.state.caller.role].masks_people and asked.search)

    async def run(engine: Engine) -> AnswerBody:
        async with whom_to_ask(engine, "sales", asked.known) as (ask, definition):
            until = until_of(asked.asked_until, definition)
            matches, cursor = await _matching(engine, starts, asked, is_whole=is_whole)
            stands = await standing(ask, until, [person.name for _, person in matches])
            items = tuple(PersonFound(person=one.name, found=id, ids=one.ids, **stands[one.name]) for id, one in matches)
            return await paged(engine, request, asked, ask, until, items, cursor)

    return await answered(request, asked, run, as_csv=True)


def check_sees_names(role: Role) -> None:
    """Raises HttpProblem 403 where `role` is not shown what people are called, and so can't look for it."""
    if SIGHT[role].masks_people:
        raise HttpProblem(403, f"{role} is not shown what people are called, and finds them by a whole id only")


async def page_of_called(engine: Engine, request: Request, asked: OfPeople) -> AnswerBody:
    """People of whom an id or a name has what is asked for in it, each once. Raises Refused."""
    names = await engine.record.called(asked.called, asked.limit)
    whose = await engine.record.people(list(names))
    of_person: dict[str, tuple[str, Person]] = {}
    for id, name in names.items():
        person = whose.get(id) or Person(id, (id,))
        of_person.setdefault(person.name, (name, person))
    async with whom_to_ask(engine, "sales", asked.known) as (ask, definition):
        until = until_of(asked.asked_until, definition)
        stands = await standing(ask, until, list(of_person))
        items = tuple(PersonFound(person=name, found=by, ids=one.ids, **stands[name]) for name, (by, one) in of_person.items())
        return await paged(engine, request, asked, ask, until, items, "")


async def _matching(engine: Engine, starts: list[str], asked: AskedPage, *, is_whole: bool) -> tuple[list[tuple[str, Person]], str]:
    """People with an id that begins with, or is, one of `starts`, each by the first of them; and where the next ones begin.
    Raises Refused."""
    after = ""
    if asked.after:
        values = values_of(asked.after)
        if not is_like(values, ("TEXT",)):
            raise Refused(f"after {asked.after!r} is no cursor of this list; the link to the next page has one")
        (after,) = map(str, values)
    matches: list[tuple[str, Person]] = []
    looked_at = 0
    for start in starts:
        if after >= start and not after.startswith(start) and after:
            continue
        ids = [start] if after < start and (await engine.record.versions([start])) else []
        last = max(after, start)
        while True:
            more = [] if is_whole else [id for id in await engine.record.subjects(last, IDS_AT_A_TIME) if id.startswith(start)]
            ids += more
            whose = await engine.record.people(ids)
            for id in ids:
                person = whose.get(id) or Person(id, (id,))
                if id == min((one for one in person.ids if one.startswith(tuple(starts))), key=str.encode, default=id):
                    if len(matches) == asked.limit:
                        return matches, cursor_of([matches[-1][0]])
                    matches.append((id, person))
                looked_at += 1
            if len(more) < IDS_AT_A_TIME:
                break
            last, ids = more[-1], []
            if looked_at >= LOOKED_AT_MAX:
                return matches, cursor_of([last])
    return matches, ""


async def standing(ask: Ask, until: Instant, persons: list[str]) -> dict[str, dict[str, object]]:
    """The stage of each, since when, and the score."""
    among = [RowCondition(f"v.person IN ({', '.join('?' for _ in persons)})", tuple(persons))] if persons else [RowCondition("FALSE")]
    stages = {row["person"]: formatted(STAGES, row) for row in await found(ask, STAGES, until, among)}
    scores = {row["person"]: row["score"] for row in await found(ask, SCORES, until, among)}
    return {
        person: {
            "stage": stages.get(person, {}).get("stage", ""),
            "since": stages.get(person, {}).get("valid_from"),
            "score": scores.get(person, 0),
        }
        for person in persons
    }


@router.get(
    "/segments/{name}", response_model=PageOf[SegmentMemberAnswer], responses={**AS_CSV, **PROBLEMS},
    dependencies=[needs(Right.read_people)], operation_id="segment", tags=["people"],
    summary="Who is in a segment of the definition, by id: since when, and because of what.",
)  # fmt: skip
async def segment(
    request: Request, name: Annotated[str, Path(description="As the definition names it.")], asked: Annotated[AskedPage, Query()]
) -> Response:
    async def run(engine: Engine) -> AnswerBody:
        async with whom_to_ask(engine, "marketing", asked.known) as (ask, definition):
            until = until_of(asked.asked_until, definition)
            found = await members_in(ask, definition, name, until, limit=asked.limit, after=asked.after)
            items = tuple(SegmentMemberAnswer(**text_of_segment.member(one)) for one in found.members)
            return await paged(engine, request, asked, ask, found.until, items, found.after)

    return await answered(request, asked, run, as_csv=True)


# Of paths that begin alike, the longer ones come first: an id may have slashes in it.


@router.get(
    "/people/{id:path}/timeline", response_model=TimelineAnswer, responses=PROBLEMS, dependencies=[needs(Right.read_people)],
    operation_id="timeline", tags=["people"], summary="A person's whole story: touchpoints, and what they brought about by which rule.",
)  # fmt: skip
async def timeline(request: Request, id: Id, asked: Annotated[AsOf, Query()]) -> Response:
    async def run(engine: Engine) -> AnswerBody:
        told = await stories.timeline(engine, _person(id), asked.asked_until, asked.known)
        return AnswerBody({**text_of_timeline.plain(told), "simulated": await is_simulated(engine)})

    return await answered(request, asked, run)


@router.get(
    "/people/{id:path}/explain", response_model=ExplanationAnswer, responses=PROBLEMS, dependencies=[needs(Right.read_people)],
    operation_id="explain", tags=["people"], summary="Why a person is at its stage, has its score, and what is missing for other stages.",
)  # fmt: skip
async def explain(request: Request, id: Id, asked: Annotated[OfReasons, Query()]) -> Response:
    async def run(engine: Engine) -> AnswerBody:
        told = await stories.explained(engine, _person(id), asked.asked_until, asked.known, asked.stage)
        return AnswerBody({**text_of_explanation.plain(told), "simulated": await is_simulated(engine)})

    return await answered(request, asked, run)


@router.get(
    "/people/{id:path}", response_model=PersonAnswer, responses=PROBLEMS, dependencies=[needs(Right.read_people)],
    operation_id="person", tags=["people"], summary="How a person stands: ids, stage, score, leads, deals, and what it is said to be.",
)  # fmt: skip
async def person(request: Request, id: Id, asked: Annotated[AsOf, Query()]) -> Response:
    async def run(engine: Engine) -> AnswerBody:
        definition, bodies = await known(engine, asked.known)
        one = (await looked_up(definition, bodies, _person(id))).one
        deals = await bodies.deals_of(one.ids)
        async with whom_to_ask(engine, "sales", asked.known) as (ask, _):
            until = until_of(asked.asked_until, definition)
            of_person, about = RowCondition("v.person = ?", (one.name,)), RowCondition("v.subject = ?", (one.name,))
            seen = [formatted(SEEN, row) for row in await found(ask, SEEN, until, [of_person])]
            fields = [formatted(FIELDS, row) for row in await found(ask, FIELDS, until, [about], "v.field")]
            ((position,),) = await ask("SELECT position FROM reflects")
            path = f"/api/v1/people/{quote(one.name)}"
            return AnswerBody(
                {
                    "person": one.name,
                    "ids": one.ids,
                    **(await standing(ask, until, [one.name]))[one.name],
                    "seen_at": seen[0]["seen_at"] if seen else None,
                    "fields": {field["field"]: field["value"] for field in fields},
                    "leads": [formatted(LEADS, row) for row in await found(ask, LEADS, until, [of_person], "v.cycle")],
                    "deals": sorted(deal.removeprefix("deal:") for deal in deals),
                    "position": position,
                    "until": iso(until),
                    "simulated": await is_simulated(engine),
                    "timeline": f"{path}/timeline",
                    "explain": f"{path}/explain",
                }
            )

    return await answered(request, asked, run)


def _person(id: str) -> str:
    """Raises NotThere where it is no id of a person."""
    if not is_person(id):
        raise NotThere(f"{id!r} is no id of a person; one begins with user: or anon:")
    return id
