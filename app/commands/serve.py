"""`journey serve`: publish and read over HTTP."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Servers, where
from app.text.arguments import Data
from app.text.ingest import left_out
from app.text.printing import note
from journey.errors import Refused

app = typer.Typer(add_completion=False)

GRACEFUL_SECONDS_MAX = 10
"""How long requests have to end once the server is told to stop."""


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen at; 0: any free one.", min=0, max=65535)] = 8000,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin", help="A site whose pages may publish from browsers, such as https://shop.example. Repeatable.", metavar="URL"
        ),
    ] = None,
) -> None:
    """Take in touchpoints and answer questions over HTTP, until it is told to stop."""
    place = where(data)
    origins = [_origin(url) for url in allow_origin or ()]
    listening = _listening(host, port)
    try:
        asyncio.run(_serve(place, listening, origins))
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


def _origin(url: str) -> str:
    """What a browser says of a page of `url`: scheme, host and port. Raises Refused."""
    found = re.fullmatch(r"(https?://[^/?#@\s*]+)/?", url.lower())
    if found is None:
        raise Refused(f"--allow-origin {url!r} is no origin; write scheme and host, such as https://shop.example or http://localhost:3000")
    return found[1]


async def _serve(place: Path | Servers, listening: socket.socket, origins: list[str]) -> None:
    # Half a second to load, which other commands need not wait for.
    import uvicorn

    from app.server.application import application
    from app.server.connections import PatientProtocol
    from app.server.served import served

    async with served(place, note) as here:
        host, port = listening.getsockname()[:2]
        note(f"serving at http://{f'[{host}]' if ':' in host else host}:{port}")
        web = application(here, origins)
        config = uvicorn.Config(
            web,
            http=PatientProtocol,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS_MAX,
            server_header=False,
        )
        await uvicorn.Server(config).serve(sockets=[listening])
        left_out(web.state.noticed)
