"""Errors as problem documents (RFC 9457): https://www.rfc-editor.org/rfc/rfc9457."""

import logging
import re
from http import HTTPStatus
from typing import Any, Final, Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from journey.errors import Away, NotThere, Refused
from journey.problems import meant

MEDIA_TYPE = "application/problem+json"

DOCUMENT = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Why, and what would work."},
    },
    "required": ["type", "title", "status", "detail"],
}
"""The schema of a problem document; some have further members."""


def documented(status: int | str, says: str) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: that a route answers so with a problem document."""
    return {status: {"description": says, "content": {MEDIA_TYPE: {"schema": DOCUMENT}}}}


PROBLEMS: Final = {**documented("4XX", "It can't be asked so."), **documented("5XX", "It can't be answered now.")}
"""For OpenAPI: what a route answers with where it can't do what is asked."""

RETRY_SECONDS = 1
"""After how long a client is to come again where a server of ours is away."""


PATH_COMPARED_MAX = 200
"""The letters of a path that is not there which are compared with those that are: what is like it takes long to find."""


WORD_COMPARED_MAX = 100
"""The same of the name of a parameter."""


class HttpProblem(Exception):
    """What a request can't have: the status, and in one sentence why and what would work. `more` are members of the document."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, headers, more


def problem(request: Request, status: int, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """A problem document, or a page where a browser asks. Its type is about:blank: the status says what kind of problem it is.

    `app.state.problems` shows them: what the role may not see is hidden, and where it is to be a page, that is made."""
    title = HTTPStatus(status).phrase
    shown: ProblemWriter | None = getattr(request.app.state, "problems", None)
    if shown is not None:
        detail = shown.hidden(request, detail)
        if "text/html" in request.headers.get("accept", ""):
            answer = shown.shown_to_browser(request, status, title, detail)
            answer.headers.update(headers or {})
            return answer
    # No cache is to say so once it is so no more.
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(document, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


async def check_text(request: Request) -> None:
    """Raises HttpProblem for what no text of ours has in it, and PostgreSQL takes in none."""
    if "\0" in request.url.path or any("\0" in part for pair in request.query_params.multi_items() for part in pair):
        raise HttpProblem(400, "what is asked has a NUL character in it; nothing that is kept has")


class ProblemWriter(Protocol):
    """How problems are shown to who asks."""

    def hidden(self, request: Request, detail: str) -> str: ...
    def shown_to_browser(self, request: Request, status: int, title: str, detail: str) -> Response: ...


def as_parameters(text: str) -> str:
    """A refusal as a command has it, with the query parameters that its options are here."""
    return _OPTION.sub(lambda found: found[1].replace("-", "_"), text)


_OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?![\w-])")


def answer_problems(app: FastAPI) -> None:
    """Have `app` answer each error with its document."""

    @app.exception_handler(HttpProblem)
    async def asked_wrongly(request: Request, error: HttpProblem) -> Response:
        return problem(request, error.status, error.detail, headers=error.headers, **error.more)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return problem(request, 404 if isinstance(error, NotThere) else 400, as_parameters(str(error)))

    @app.exception_handler(Away)
    async def away(request: Request, error: Away) -> Response:
        return problem(request, 503, str(error), headers={"Retry-After": str(RETRY_SECONDS)})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [{"in": [str(part) for part in one["loc"]], "detail": _told(app, request, one)} for one in error.errors()]
        told = "; ".join(f"{'.'.join(one['in'])}: {one['detail']}" for one in errors)
        return problem(request, 422, told, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if error.status_code == 404 and detail == HTTPStatus.NOT_FOUND.phrase:
            there = [path for path in app.openapi()["paths"] if "{" not in path]
            detail = f"there is nothing at {request.url.path}{meant(request.url.path[:PATH_COMPARED_MAX], there)}"
        return problem(request, error.status_code, detail, headers=dict(error.headers or {}) or None)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        logging.getLogger("journey.server").error("%s %s", request.method, request.url.path, exc_info=error)
        return problem(request, 500, "an error of ours; the server's log has it")


def _told(app: FastAPI, request: Request, error: Any) -> str:
    """What is wrong with a parameter, or with a member of a body, in words."""
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    where, name = error["loc"][0], str(error["loc"][-1])
    if where != "query":
        return "there is no such member"
    parameters = _parameters(app, request)
    if name in parameters.get("by", {}).get("schema", {}).get("items", {}).get("enum", ()):
        return f"there is no such parameter; write where={name}=… for a filter, by={name} to break down by it"
    near = meant(name[:WORD_COMPARED_MAX], parameters)
    is_filtered = f"{'' if near else ';'} a filter is written where=owner=anna" if "where" in parameters else ""
    return f"there is no such parameter{near}{is_filtered}"


def _parameters(app: FastAPI, request: Request) -> dict[str, Any]:
    """What may be asked where the request goes, as OpenAPI has it, by name."""
    operation = getattr(request.scope.get("route"), "operation_id", None)
    routes = (route for path in app.openapi()["paths"].values() for route in path.values())
    found = [one for route in routes if route.get("operationId") == operation for one in route.get("parameters", ())]
    return {one["name"]: one for one in found if one["in"] == "query"}
