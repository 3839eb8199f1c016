"""`journey serve`: publish and read over HTTP."""

import asyncio
import os
import signal
import socket
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from app.engine import tracing
from app.engine.listening import address_of, bound
from app.settings import Servers, where
from app.text.arguments import Data
from app.text.ingest import left_out
from app.text.printing import note, quiet
from journey.errors import Refused
from streams.keys import Keys

app = typer.Typer(add_completion=False)

GRACEFUL_SECONDS_MAX = 10
"""How long requests have to end once the server is told to stop."""

STOP_SECONDS_MAX = 15.0
"""How long all of it has, the writer too; then the process ends as it is, which the data withstands."""


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen at; 0: any free one.", min=0, max=65535)] = 8000,
) -> None:
    """Take in touchpoints and answer questions over HTTP, until it is told to stop.

    `journey keys add` makes keys for it; where there is none, it prints one that is good until it stops, and listens at this machine only.
    """
    place = where(data)
    quiet.set(True)
    listening = bound(host, port, "--port")
    end_traces = tracing.begin("journey-server", note)
    try:
        asyncio.run(_serve(place, listening))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        end_traces()
        listening.close()


async def _serve(place: Path | Servers, listening: socket.socket) -> None:
    # Half a second to load, which other commands need not wait for.
    import uvicorn

    from app.engine.api_keys import make
    from app.server.application import application
    from app.server.connections import PatientProtocol
    from app.server.served import served

    async with served(place, note) as here:
        host = listening.getsockname()[0]
        one_time = None if await here.keys(_any) else make()
        if one_time and not ip_address(host).is_loopback:
            raise Refused(
                f"there are no keys, and {host} is an address that others reach: `journey keys add NAME --role ROLE` makes one first;"
                " without --host it serves this machine only, and prints a key"
            )
        app = application(here, one_time and one_time.sha256)
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            log_config=None,
            lifespan="off",  # There is none, and Ctrl-C while it begins would print a traceback.
            access_log=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS_MAX,
            server_header=False,
        )

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                leaving = threading.Timer(STOP_SECONDS_MAX, _leave)
                leaving.daemon = True
                leaving.start()
                # Who listens would have it wait for ever.
                app.state.feed.end()
                await super().shutdown(sockets)

        server = Server(config)

        def stop(*_: object) -> None:
            server.should_exit = True

        # Before uvicorn listens to signals itself; and after, when it raises once more what it was told to stop by: the writer has
        # not ended yet.
        signal.signal(signal.SIGTERM, stop)
        listening.listen()
        # The address last: who waits for it finds the key as well.
        if one_time:
            note(f"there are no keys yet; this one is an operator's, and good until the server stops: {one_time.key}")
        note(f"serving at {address_of(listening)}")
        await server.serve(sockets=[listening])
        left_out(app.state.noticed)


def _leave() -> None:
    """A file or a rebuild may take minutes more, and Kafka may be away; what is not acknowledged is not promised."""
    note(f"stopped, and has not waited for what did not end within {STOP_SECONDS_MAX:.0f} s; what was acknowledged is kept")
    os._exit(0)


async def _any(keys: Keys) -> bool:
    """Whether any key is good."""
    return any(one.revoked_at is None for one in await keys.all())
