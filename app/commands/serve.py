"""`journey serve`: publish and read over HTTP."""

import asyncio
import socket
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Servers, where
from app.text.arguments import Data
from app.text.printing import note, quiet
from journey.errors import Refused

app = typer.Typer(add_completion=False)

GRACEFUL_SECONDS_MAX = 10
"""How long requests have to end once the server is told to stop."""


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen at; 0: any free one.", min=0, max=65535)] = 8000,
) -> None:
    """Take in touchpoints and answer questions over HTTP, until it is told to stop."""
    place = where(data)
    quiet.set(True)
    listening = _listening(host, port)
    try:
        asyncio.run(_serve(place, listening))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        listening.close()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Refused(f"can't listen at {host}:{port}: {error.strerror or error}; --port 0 takes any free one") from error


async def _serve(place: Path | Servers, listening: socket.socket) -> None:
    # Half a second to load, which other commands need not wait for.
    import uvicorn

    from app.server.application import application
    from app.server.served import served

    async with served(place, note) as here:
        host, port = listening.getsockname()[:2]
        note(f"serving at http://{f'[{host}]' if ':' in host else host}:{port}")
        app = application(here)
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACEFUL_SECONDS_MAX, server_header=False)

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                # Who listens would have it wait for ever.
                app.state.feed.end()
                await super().shutdown(sockets)

        await Server(config).serve(sockets=[listening])
