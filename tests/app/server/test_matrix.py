"""Route x method x role: every route there is, really called with each role's key and with none."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.routing import RouteContext

from app.server.access import OPEN, Actor, needs, right_of, routes_of
from app.server.access import names_actor as says_who
from app.server.application import application
from app.server.roles import Right, Role
from app.server.served import ServedFolder
from app.server.visible import refused, sees_rows
from journey.errors import Away
from projections.figures.sections import FIGURES
from tests.app.server.keys import add

ALLOWED: dict[Right, set[Role]] = {
    Right.publish: {Role.publisher, Role.operator},
    Right.look: {Role.marketing, Role.sales, Role.auditor, Role.operator},
    Right.read_catalogue: {Role.marketing, Role.sales, Role.auditor, Role.operator},
    Right.read_marketing: {Role.marketing, Role.auditor, Role.operator},
    Right.read_sales: {Role.sales, Role.auditor, Role.operator},
    Right.read_people: {Role.marketing, Role.sales, Role.auditor, Role.operator},
    Right.read_catalogue: {Role.marketing, Role.sales, Role.auditor, Role.operator},
    Right.audit: {Role.auditor, Role.operator},
    Right.operate: {Role.operator},
}
"""Written down once more, by hand: whoever changes who may what changes it here too."""

READS = {"GET", "HEAD", "OPTIONS"}
ANSWERED_SECONDS_MAX = 30
BODIES = (b"{}", b'{"batch": []}')


class Call(NamedTuple):
    route: RouteContext
    method: str
    path: str


def routes(app: FastAPI) -> Iterator[Call]:
    """Every route by each of its methods, with something in the place of what its path asks for."""
    for route in routes_of(app):
        for method in sorted(route.methods or {"GET"}):
            yield Call(route, method, re.sub(r"\{[^}]*\}", "1", route.path or "") or "/")


def without_a_row(app: FastAPI) -> list[str]:
    """The routes that neither name a right nor are open to all."""
    return [call.path for call in routes(app) if right_of(call.route) is None and call.route.path not in OPEN]


def is_kept_from(role: Role, path: str) -> bool:
    """Whether it is of a figure that is not shown to `role`, or not row by row."""
    found = re.search(r"/figures/(\w+)(/why)?$", path)
    figure = FIGURES.get(found[1]) if found else None
    if found is None or figure is None:
        return False
    return not sees_rows(role, figure) if found[2] else bool(refused(role, figure))


def changes_unsaid(calls: Iterable[Call]) -> list[str]:
    """The routes by which operators change something that do not ask who decides it."""
    return [call.path for call in calls if right_of(call.route) is Right.operate and call.method not in READS and not says_who(call.route)]


async def status(app: FastAPI, call: Call, key: str | None, body: bytes = b"{}") -> int:
    """With what a request is answered. It need not come to an end: some answers go on for as long as somebody listens."""
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    bodies: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if bodies:
            return bodies.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and not found.done():
            found.set_result(message["status"])

    headers = [(b"host", b"server"), (b"content-type", b"application/json")]
    if key is not None:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": call.method, "scheme": "http", "path": call.path,
        "raw_path": call.path.encode(), "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "server": ("server", 80),
        "root_path": "",
    }  # fmt: skip
    task = asyncio.create_task(app(scope, receive, send))
    try:
        async with asyncio.timeout(ANSWERED_SECONDS_MAX):
            return await found
    finally:
        task.cancel()
        await asyncio.wait({task})


class OnlyKeys:
    """A folder that knows who may what, and whose data is away: what is let in is answered at once."""

    def __init__(self, folder: ServedFolder) -> None:
        self._folder = folder

    async def read(self, run: Any = None) -> Any:
        raise Away("not here")

    change = change_at_length = publish = check = read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._folder, name)


@pytest.fixture
async def keys(folder: ServedFolder) -> dict[Role, str]:
    return {role: await add(folder, f"a-{role}", role) for role in Role}


def test_every_route_names_a_right_or_is_open_to_all(folder: ServedFolder) -> None:
    assert without_a_row(application(folder)) == []
    assert {*ALLOWED} == {*Right}


async def test_each_role_gets_to_where_it_may_and_nobody_else_does(folder: ServedFolder, keys: dict[Role, str]) -> None:
    app = application(OnlyKeys(folder))
    wrong: list[tuple[str, str, str, int]] = []
    for call in routes(app):
        right = right_of(call.route)
        answered = {role: await status(app, call, keys[role]) for role in Role}
        forged = [await status(app, call, "jk_forged")]
        # What is published may have its key in its body, which is read first: of some routes these are none.
        none = [await status(app, call, None, body) for body in BODIES]
        for role, got in answered.items():
            is_let_in = right is None or role in ALLOWED[right]
            if is_let_in and got == 403 and is_kept_from(role, call.path):
                continue
            if (got not in (401, 403)) != is_let_in or (not is_let_in and got != 403):
                wrong.append((call.method, call.path, role, got))
        for statuses in (forged, none):
            is_kept_out = 401 in statuses and min(statuses) >= 400
            if is_kept_out != (right is not None):
                wrong.append((call.method, call.path, "nobody", statuses[0]))
    assert wrong == []


def test_every_change_by_an_operator_says_who_decides(folder: ServedFolder) -> None:
    assert changes_unsaid(routes(application(folder))) == []


async def test_the_matrix_finds_what_is_wrong_with_a_route(folder: ServedFolder) -> None:
    app = application(folder)

    @app.get("/open")
    async def forgotten() -> None: ...
    @app.post("/unsaid", dependencies=[needs(Right.operate)])
    async def unsaid() -> None: ...
    @app.post("/said", dependencies=[needs(Right.operate)])
    async def said(actor: Actor) -> None: ...

    assert without_a_row(app) == ["/open"]
    assert changes_unsaid(routes(app)) == ["/unsaid"]
