"""HEAD is answered as GET is, without the body: FastAPI's routes know GET alone."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Ends an answer with its headers: of a stream, uvicorn then says that its client has gone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})

        await self._app({**scope, "method": "GET"}, receive, headers_only)
