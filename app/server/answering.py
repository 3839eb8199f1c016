"""How an answer goes out: as JSON or CSV, by what is accepted; not at all where the client has it already; with a link to what follows."""

import csv
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import Request, Response
from pydantic import BaseModel

from app.engine.clock import now
from app.engine.ports import Engine
from app.server import long_questions
from app.server.asked import AskedPosition, AsOf, ready
from app.server.deals_behind import with_deals
from app.server.long_questions import unless_gone
from app.server.problems import HttpProblem
from app.server.served import Served
from app.server.visible import seen, visible, visible_report, visible_restatement
from app.text.arguments import several
from app.text.csv_cells import harmless
from journey.instants import iso
from journey.integers import all_plain
from projections.figures.answers import Answer
from projections.figures.reports import Report
from projections.figures.restatements import Restatement

JSON, CSV = "application/json", "text/csv"

VERSION = version("customer-journey-engine")
"""Another one may work out a figure otherwise."""

DECISION_MAX = 2**53
"""Beyond the number of any decision."""

AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}
"""For OpenAPI: what a route answers with as well."""

csv.field_size_limit(2**31 - 1)  # a value has as many letters as its touchpoint had


@dataclass(frozen=True, slots=True)
class AnswerBody:
    """What is answered: `plain` as JSON has it, of which `csv` makes CSV. `following` is where the next ones begin, "" at the end."""

    plain: BaseModel | dict[str, Any]
    csv: Callable[[Any], str] | None = None
    following: str = ""

    @property
    def json(self) -> bytes:
        """As the commands print it."""
        plain = self.plain.model_dump(mode="json") if isinstance(self.plain, BaseModel) else self.plain
        return orjson.dumps(all_plain(plain))


async def answered(
    request: Request,
    asked: AskedPosition,
    run: Callable[[Engine], Awaitable[AnswerBody]],
    *,
    as_csv: bool = False,
    where: dict[str, tuple[str, ...]] | None = None,
    at_length: bool = False,
) -> Response:
    """What `run` answers, which may take minutes where it is `at_length`. Its tag stands for the question, the positions, the definition
    and the last decision. One that is asked as of now depends on the clock too: there the tag stands for what is answered as well, apart
    from when. Raises HttpProblem, Refused, Away."""
    media = accepted(request, (JSON, CSV) if as_csv else (JSON,))
    here = await ready(request, asked)
    as_of_now = iso(asked.asked_until) if isinstance(asked, AsOf) and isinstance(asked.asked_until, int) and not asked.until else ""

    async def read(engine: Engine) -> tuple[str, str, bytes | None]:
        stands = await _stands(engine, media, request)
        if not as_of_now and _has(request, stands):
            return stands, "", None
        told = await run(engine)
        told = _as_seen(request, replace(told, plain=await with_deals(engine, request.state.caller.role, told.plain)))
        # Here, and not where all requests are waited for: it may be long.
        return stands, told.following, harmless(told.csv(told.plain)).encode() if media == CSV and told.csv is not None else told.json

    with several(where or {}):
        tag, cursor, body = await (
            unless_gone(request, here.read_at_length(read, long_questions.ANSWER_SECONDS_MAX)) if at_length else here.read(read)
        )
    if body is None:
        return Response(status_code=304, headers=_headers(f'"{tag}"'))
    following = _following(request, asked, cursor)
    if as_of_now:
        tag = hashlib.sha256(tag.encode() + body.replace(as_of_now.encode(), b"")).hexdigest()[:32]
        if _has(request, tag):
            return Response(status_code=304, headers=_headers(f'W/"{tag}"'))
    media_type = f"{media}; charset=utf-8" if media == CSV else media
    return Response(body, headers={**_headers(f'W/"{tag}"' if as_of_now else f'"{tag}"'), **following}, media_type=media_type)


def _as_seen(request: Request, told: AnswerBody) -> AnswerBody:
    """What the role of who asks is shown of it."""
    role, at = request.state.caller.role, now()
    served: Served = request.app.state.served
    small_count = served.definition.small_count
    match told.plain:
        case Report() as report:
            return replace(told, plain=visible_report(role, report, small_count=small_count, at=at))
        case Answer() as answer:
            return replace(told, plain=visible(role, answer, small_count=small_count, at=at))
        case Restatement() as restatement:
            # Only figures of which the role may see each row are in it: `app.server.figures` sees to that.
            return replace(told, plain=visible_restatement(role, restatement))
        case BaseModel() as document:
            return replace(told, plain=seen(role, document.model_dump(mode="json")))
        case document:
            return replace(told, plain=seen(role, document))


async def _stands(engine: Engine, media: str, request: Request) -> str:
    generation = await engine.record.generation()
    # Closing a period, or making a key, moves no position.
    decided = await engine.desk.decisions(before=DECISION_MAX, limit=1)
    positions = (await engine.record.position(), await engine.marketing.position(), await engine.sales.position())
    asked = (request.url.path, request.url.query, request.state.caller.role)
    question = (VERSION, positions, decided[0].number if decided else 0, None if generation is None else tuple(generation), media, *asked)
    return hashlib.sha256(repr(question).encode()).hexdigest()[:32]


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept, Authorization, Cookie, X-API-Key"}


def _has(request: Request, tag: str) -> bool:
    """Whether the client has what `tag` stands for. A weak tag is as good as a strong one here (RFC 9110, 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return f'"{tag}"' in named or named == ["*"]


def _following(request: Request, asked: AskedPosition, cursor: str) -> dict[str, str]:
    return {"Link": f'<{next_page(request, asked, cursor)}>; rel="next"'} if cursor else {}


def next_page(request: Request, asked: AskedPosition, cursor: str) -> str:
    """The same question from `cursor` on, as of the same instant: what comes meanwhile is on no page."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("after", "min_position", "wait", "until")]
    if isinstance(asked, AsOf):
        kept.append(("until", asked.until or iso(asked.asked_until)))  # type: ignore[arg-type]  # a day has been given
    return f"{quote(request.url.path)}?{urlencode([*kept, ('after', cursor)])}"


# --- what is accepted


def accepted(request: Request, offered: Sequence[str]) -> str:
    """The one of `offered` that the client likes best; of equals the first. Raises HttpProblem."""
    header = ",".join(request.headers.getlist("accept")) or "*/*"
    ranges = [one for part in header.split(",") if (one := _range(part)) is not None]
    best = max(offered, key=lambda media: _liking(media, ranges))
    if _liking(best, ranges) <= 0:
        raise HttpProblem(406, f"this is answered as {' or '.join(offered)} only")
    return best


def _range(part: str) -> tuple[str, float] | None:
    name, *parameters = (one.strip().lower() for one in part.split(";"))
    if "/" not in name:
        return None
    for parameter in parameters:
        if parameter.startswith("q="):
            found = re.fullmatch(r"q=(0(\.\d{0,3})?|1(\.0{0,3})?)", parameter)
            return name, float(found[1]) if found else 0.0
    return name, 1.0


def _liking(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How the client likes `media`: the range that names it most closely counts."""
    for name in (media, f"{media.partition('/')[0]}/*", "*/*"):
        for one, quality in ranges:
            if one == name:
                return quality
    return 0.0
