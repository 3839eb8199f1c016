"""Who may do what: each route names the right that it needs, and each request is told apart by its key."""

import asyncio
import base64
import hmac
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase

from app.engine.api_keys import hashed
from app.engine.clock import now
from app.server.problems import HttpProblem
from app.server.roles import RIGHTS, Right, Role
from app.server.served import Served
from journey.errors import Away, Refused
from journey.instants import Instant
from streams.keys import ApiKey, Keys

__all__ = ["OPEN", "Actor", "Caller", "Callers", "Right", "key_of", "needs", "right_of", "routes_of"]

OPEN: Final = frozenset({"/health/live", "/health/ready", "/api/v1/openapi.json", "/login", "/logout", "/static"})
"""What is answered to anybody. Every other route needs a right, or a test fails."""

COOKIE = "journey_key"
"""What keeps the key of who looks at pages. Browsers send it to this server only, and only from its own pages."""

ONE_TIME = "one-time key"
"""What `journey audit` calls who uses it. No kept key can be called so."""

KNOWN_SECONDS = 1.0
"""How long keys are used as they were seen last: so soon does a revocation hold."""

UNKNOWN_SECONDS = 0.1
"""How often they are looked at for a key that is not among them, which may have just been made."""

AWAY_SECONDS_MAX = 300.0
"""How long keys are used as they were seen last where the database that keeps them is away: it can revoke none then, and the log may be
there to be published to."""

LOOK_SECONDS_MAX = 1.0
"""How long a request waits for a look at the keys, where they were seen before."""

NOTED_SECONDS = 60.0
"""How often it is noted at most that a key was used."""


class Caller(NamedTuple):
    """Whose request it is."""

    name: str
    role: Role
    origins: frozenset[str] = frozenset()

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]


class Callers:
    """Knows who calls, by the key of a request. In `app.state.callers`."""

    def __init__(self, served: Served, one_time: bytes | None = None) -> None:
        """`one_time` is the hash of a key of an operator that is kept nowhere."""
        self._served = served
        self._one_time = one_time
        self._kept: Sequence[ApiKey] = ()
        self._seen_at: float | None = None
        self._failure: Exception | None = None
        self._looking: asyncio.Task[None] | None = None
        self._noted: dict[str, Instant] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def check(self, request: Request, right: Right) -> Caller | None:
        """Whose request it is. Raises HttpProblem 401 where nobody's, 403 where they may not. None where it has no key in its headers and
        may yet have one in its body: only what is published has."""
        key = key_of(request.headers) or _of_cookie(request)
        if key is None and right is Right.publish:
            return None
        return await self._checked(request, key, right)

    async def check_body_key(self, request: Request) -> Caller:
        """Whose request to publish it is, by the key in its body (`request.state.body_key`) where none is in its headers. To be called
        by each route that publishes, before it does. Raises HttpProblem."""
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None:
            key = getattr(request.state, "body_key", None)
            caller = await self._checked(request, key if isinstance(key, str) and key else None, Right.publish)
        return caller

    async def of_key(self, key: str) -> Caller | None:
        """Whose key it is; None where it is none, or revoked."""
        sha256 = hashed(key)
        if self._one_time is not None and hmac.compare_digest(sha256, self._one_time):
            return Caller(ONE_TIME, Role.operator)
        await self._look_again(KNOWN_SECONDS)
        found = self._holder(sha256)
        if found is None:
            asked_at = time.monotonic()
            await asyncio.sleep(max(0.0, UNKNOWN_SECONDS - self._age()))
            await self._look_again(time.monotonic() - asked_at)
            found = self._holder(sha256)
        if found is None or found.role not in tuple(Role):
            return None
        self._note(found)
        return Caller(found.name, Role(found.role), frozenset(found.origins))

    async def origins(self) -> frozenset[str]:
        """The web pages from which any key may be used: a browser asks for them before it sends one."""
        await self._look_again(KNOWN_SECONDS)
        return frozenset(origin for key in self._kept if key.revoked_at is None for origin in key.origins)

    async def _checked(self, request: Request, key: str | None, right: Right) -> Caller:
        caller = None if key is None else await self.of_key(key)
        if caller is None:
            raise _unauthorized(key is not None)
        origin = request.headers.get("origin")
        if origin is not None and caller.origins and origin.lower() not in caller.origins:
            raise HttpProblem(
                403, f"the key {caller.name!r} may not be used from web pages of {origin!r}; --origin of `journey keys add` names them"
            )
        if not caller.may(right):
            raise HttpProblem(403, f"the key {caller.name!r} is of role {caller.role}, which has no right to {right.replace('_', ' ')}")
        request.state.caller = caller
        return caller

    # --- the keys that are kept

    def _holder(self, sha256: bytes) -> ApiKey | None:
        # Each is compared, so that how long it takes says nothing of them.
        found = [key for key in self._kept if hmac.compare_digest(key.sha256, sha256) and key.revoked_at is None]
        return found[0] if found else None

    async def _look_again(self, seconds: float) -> None:
        """See which keys there are, where they were not seen for so long. Raises Away."""
        if self._age() <= seconds:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        await asyncio.wait([self._looking], timeout=None if self._seen_at is None else LOOK_SECONDS_MAX)
        if self._age() > AWAY_SECONDS_MAX:
            raise self._failure or Away("the keys can't be looked at")

    async def _look(self) -> None:
        began = time.monotonic()
        try:
            self._kept = await self._served.keys(_all)
        except (Away, Refused) as error:
            self._failure = Away(str(error))
        else:
            self._seen_at, self._failure = began, None

    def _age(self) -> float:
        return float("inf") if self._seen_at is None else time.monotonic() - self._seen_at

    def _note(self, key: ApiKey) -> None:
        """Have it noted that a key was used, seldom, and while the request goes on."""
        at = now()
        if at - max(self._noted.get(key.name, 0), key.used_at or 0) < NOTED_SECONDS * 1_000_000:
            return
        self._noted[key.name] = at
        task = asyncio.create_task(self._used(key.name, at))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _used(self, name: str, at: Instant) -> None:
        async def run(keys: Keys) -> None:
            await keys.used(name, at)

        try:
            await self._served.keys(run)
        except (Away, Refused):
            self._noted.pop(name, None)  # the next use is noted


async def _all(keys: Keys) -> Sequence[ApiKey]:
    return await keys.all()


# --- routes


class Needs(SecurityBase):
    """A request needs `right`; in the OpenAPI document the route asks for a key."""

    model = HTTPBearer(description="A key, as `journey keys add` prints it; also as X-API-Key, or as the user of Basic authentication.")
    scheme_name = "key"

    def __init__(self, right: Right) -> None:
        self.right = right

    async def __call__(self, request: Request) -> None:
        request.state.right = self.right
        request.state.caller = None
        # What comes in while the request is answered may be missing in the answer.
        request.state.position = request.app.state.served.positions.position
        callers: Callers = request.app.state.callers
        await callers.check(request, self.right)


def needs(right: Right) -> Any:
    """A dependency of a route: the request needs `right`. Who calls is `request.state.caller` then."""
    return Depends(Needs(right))


def _actor(request: Request) -> str:
    caller: Caller = request.state.caller
    return caller.name


Actor = Annotated[str, Depends(_actor)]
"""Who decides what a route changes, as `journey audit` names them: the name of the key. Every route that changes something has it."""


def routes_of(app: FastAPI) -> list[RouteContext]:
    """Every route, those of routers that were included too."""
    return list(iter_route_contexts(app.routes))


def right_of(route: RouteContext) -> Right | None:
    """The right that a route needs; None where it names none."""
    found = [call.right for call in _calls(route) if isinstance(call, Needs)]
    return found[0] if found else None


def names_actor(route: RouteContext) -> bool:
    """Whether a route asks who decides."""
    return _actor in _calls(route)


def _calls(route: RouteContext) -> list[Any]:
    def of(dependant: Dependant) -> Iterator[Any]:
        for one in dependant.dependencies:
            yield one.call
            yield from of(one)

    dependant = getattr(route, "dependant", None)
    return [] if dependant is None else list(of(dependant))


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key of a request, by whichever of its headers: `X-API-Key`, or `Authorization` as Bearer or as user of Basic."""
    scheme, _, rest = headers.get("authorization", "").strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip() or None
        case "basic":
            try:
                user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
            except ValueError:  # Not base64, not even ASCII, or no UTF-8 in it.
                return None
            return user or password or None
        case _:
            return headers.get("x-api-key") or None


def _of_cookie(request: Request) -> str | None:
    """The key that a browser keeps. What changes something has to come from a page of ours: not from another port, nor a sibling's."""
    if request.method not in ("GET", "HEAD"):
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
        is_own = origin.partition("://")[2].lower() == request.headers.get("host", "").lower() != ""
        if site != "same-origin" and not (site is None and is_own):
            return None
    return request.cookies.get(COOKIE) or None


def _unauthorized(is_given: bool) -> HttpProblem:
    said = "the key is unknown, or was revoked" if is_given else "this needs a key: Authorization: Bearer KEY"
    challenge = 'Bearer realm="journey"' + (', error="invalid_token"' if is_given else "")
    return HttpProblem(401, f"{said}; `journey keys add` makes one", headers={"WWW-Authenticate": challenge})
