"""Which web pages a browser lets publish: those of the origins that keys are for."""

from contextlib import suppress

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.server.access import Callers
from journey.errors import Away, Refused


class Cors(CORSMiddleware):
    """Asks for the origins anew, since keys come and go while the server runs."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, allow_methods=["POST"], allow_headers=["*"], expose_headers=["Retry-After"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"]):
            callers: Callers = scope["app"].state.callers
            with suppress(Away, Refused):  # those of before hold on
                self.allow_origins = await callers.origins()
        await super().__call__(scope, receive, send)
