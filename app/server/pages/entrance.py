"""Logging in to the pages: the key is kept in a cookie that no script reads and no other site sends."""

from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.server.access import COOKIE, Caller, Callers, Right, needs
from app.server.bodies import BODY_SECONDS_MAX, pieces
from app.server.pages.rendering import NAVIGATION, page
from app.server.problems import HttpProblem
from app.server.roles import SIGHT
from app.server.visible import hidden

router = APIRouter(include_in_schema=False)

DAYS = 7
"""How long a browser keeps a key."""

FORM_BYTES_MAX = 64 * 1024

ASKED_AGAIN = {400, 409, 422, 429, 503, 504}
"""What is answered so may be answered otherwise where it is asked otherwise, or later: the page of the problem has the form again."""

LABELS = {
    "from": "From", "to": "Up to (excluded)", "until": "As of", "known_at": "As known at", "by": "By", "where": "Only",
    "currency": "Currency", "since": "Since", "upto": "Up to", "id": "Id", "period": "Period", "body": "What is sent in its place",
    "text": "The definition", "file": "Name of the file", "map": "Of a row: map", "zone": "Zone of its times",
    "reason": "Reason, for the audit",
}  # fmt: skip
"""The fields of forms that are written in."""


@router.get("/", dependencies=[needs(Right.look)])
async def first(request: Request) -> RedirectResponse:
    """The first page that the role may open."""
    for address, _, right in NAVIGATION:
        if request.state.caller.may(right):
            return RedirectResponse(address, 307)
    raise HttpProblem(403, f"the role {request.state.caller.role} has no pages")


@router.get("/login")
async def login(request: Request) -> Response:
    return page(request, "login.html", why="", next=_inside(request.query_params.get("next", "")))


@router.post("/login")
async def enter(request: Request) -> Response:
    form = await form_of(request)
    key, following = one_of(form, "key"), _inside(one_of(form, "next"))
    callers: Callers = request.app.state.callers
    if await callers.of_key(key) is None:
        return page(request, "login.html", status=400, why="That is no key, or it was revoked.", next=following)
    answer = RedirectResponse(following, 303)
    is_secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, key, max_age=DAYS * 86_400, httponly=True, samesite="strict", secure=is_secure)
    return answer


@router.post("/logout")
async def leave(request: Request) -> RedirectResponse:
    await form_of(request)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _inside(address: str) -> str:
    """`address` where it is a page of ours, else the first page: nobody is sent elsewhere."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"


async def form_of(request: Request, bytes_max: int = FORM_BYTES_MAX) -> dict[str, list[str]]:
    """What a form of ours sends. Raises HttpProblem where another site sends it, or where it is too large."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HttpProblem(403, "a form of another site is not answered")
    taken = bytearray()
    async for piece in pieces(request, bytes_max, BODY_SECONDS_MAX):
        taken += piece
    form = parse_qs(taken.decode("utf-8", "replace"), keep_blank_values=True)
    if any("\0" in text for texts in form.values() for text in texts):
        raise HttpProblem(400, "a form has no NUL character in it")
    request.state.form = form
    return form


def one_of(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0].strip()


def text_of(form: dict[str, list[str]], name: str) -> str:
    """What was written in a field of several lines: browsers end each with two characters."""
    return form.get(name, [""])[0].replace("\r\n", "\n")


def reason_of(form: dict[str, list[str]]) -> str:
    """Raises HttpProblem where there is none."""
    if not (reason := one_of(form, "reason")):
        raise HttpProblem(400, "a reason is needed; `journey audit` shows it to whoever asks why")
    return reason


class Problems:
    """How problems are shown: as pages to browsers, who log in where they have no key; and without what a role is not shown."""

    def hidden(self, request: Request, detail: str) -> str:
        caller: Caller | None = getattr(request.state, "caller", None)
        return hidden(detail) if caller is not None and SIGHT[caller.role].masks_people else detail

    def shown_to_browser(self, request: Request, status: int, title: str, detail: str) -> Response:
        if status == HTTPStatus.UNAUTHORIZED:
            address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?{urlencode({'next': address if request.method == 'GET' else '/'})}", 303)
        again = _fields(request) if status in ASKED_AGAIN else []
        return page(request, "problem.html", status=status, title=title, detail=detail, again=again, method=request.method.lower())


class FormField(NamedTuple):
    """`label` is "" where it is not written in, and goes along unseen."""

    name: str
    label: str
    text: str


def _fields(request: Request) -> list[FormField]:
    """What was written in the form that a request is of. Nothing where nobody is logged in: what they wrote may be a key."""
    if getattr(request.state, "caller", None) is None:
        return []
    if request.method == "GET":
        return [FormField(name, LABELS.get(name, name), text) for name, text in request.query_params.multi_items()]
    form: dict[str, list[str]] = getattr(request.state, "form", {})
    return [FormField(name, LABELS.get(name, ""), text) for name, texts in form.items() for text in texts]
