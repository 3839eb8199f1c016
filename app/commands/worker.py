"""`journey worker`: one process of the distributed runtime."""

import logging
import os
import signal
import socket
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import Annotated

import typer

from app.engine.access import with_servers
from app.engine.logs import begun, failed, say_as
from app.settings import Servers, needs_clients, read_settings, where
from journey.errors import FAILED_EXIT, Away, Refused
from streams.remarks import Say

app = typer.Typer(add_completion=False)


class Only(StrEnum):
    """The parts of a worker's work."""

    placement = "placement"
    marketing = "marketing"
    sales = "sales"


@app.command()
def worker(
    only: Annotated[Only | None, typer.Option("--only", help="Do only this part of the work.", show_default=False)] = None,
) -> None:
    """Process the touchpoints that are published to Kafka and keep both read models up to date, until it is stopped.

    Needs JOURNEY_KAFKA and JOURNEY_POSTGRES.
    """
    settings = read_settings()
    with begun(settings.log, settings.instance or socket.gethostname()):
        say = say_as("worker")
        try:
            status = _work(only, say)
        except (Refused, Away) as error:
            say(str(error), logging.ERROR)
            status = 1
        except OSError as error:
            # A file that a setting names: its name and what is the matter with it.
            say(": ".join(str(one) for one in (error.filename, error.strerror) if one is not None), logging.ERROR)
            status = 1
        except Exception as error:
            failed("worker", error)
            status = FAILED_EXIT
    if status:
        raise typer.Exit(status)


def _work(only: Only | None, say: Say) -> int:
    place = where(None)
    if not isinstance(place, Servers):
        raise Refused("a worker works for the distributed runtime; set JOURNEY_KAFKA and JOURNEY_POSTGRES (embedded data needs none)")
    instance = place.instance
    needs_clients()
    import uvloop

    from app.engine.worker import work  # once the clients are known to be there

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, partial(_leave, say))
    # A read model whose server is away holds up itself only.
    run = with_servers(place, lambda engine: work(engine, instance, only, say_as), say, prepared=False)
    status: int = uvloop.run(run)
    say("stopped")
    return status


def _leave(say: Say, number: int, _frame: FrameType | None) -> None:
    """Told to stop while it waits for the servers that it needs to begin: nothing is to be put in order."""
    say(f"stopping: {signal.Signals(number).name}")
    say("stopped")
    os._exit(0)
