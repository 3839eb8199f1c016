"""`journey worker`: one process of the distributed runtime."""

import logging
import os
import signal
import socket
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from app.engine import tracing
from app.engine.access import with_servers
from app.engine.listening import address_of, bound
from app.engine.logs import begun, failed, say_as
from app.settings import Servers, needs_clients, read_settings, where
from journey.errors import FAILED_EXIT, Away, Refused
from streams.remarks import Say

if TYPE_CHECKING:
    from app.engine.worker_health import Health

app = typer.Typer(add_completion=False)


class WorkerPart(StrEnum):
    """The parts of a worker's work."""

    placement = "placement"
    marketing = "marketing"
    sales = "sales"


@app.command()
def worker(
    only: Annotated[WorkerPart | None, typer.Option("--only", help="Do only this part of the work.", show_default=False)] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port",
            help="Answer at this port: /metrics for Prometheus, /health/live and /health/ready. 0: any free one. JOURNEY_METRICS_PORT sets"
            " it too, and JOURNEY_METRICS_HOST the address, which is this machine's own otherwise.",
            show_default=False,
            min=0,
            max=65535,
        ),
    ] = None,
) -> None:
    """Process the touchpoints that are published to Kafka and keep both read models up to date, until it is stopped.

    Needs JOURNEY_KAFKA and JOURNEY_POSTGRES.
    """
    settings = read_settings()
    with begun(settings.log, settings.instance or socket.gethostname()):
        say = say_as("worker")
        try:
            status = _work(only, settings.metrics_port if metrics_port is None else metrics_port, settings.metrics_host, say)
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


def _work(only: WorkerPart | None, metrics_port: int | None, metrics_host: str, say: Say) -> int:
    place = where(None)
    if not isinstance(place, Servers):
        raise Refused("a worker works for the distributed runtime; set JOURNEY_KAFKA and JOURNEY_POSTGRES (embedded data needs none)")
    instance = place.instance
    needs_clients()
    import uvloop

    from app.engine.worker import work  # once the clients are known to be there

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, partial(_leave, say))
    health = None if metrics_port is None else _watched(metrics_host, metrics_port, say)
    end_traces = tracing.begin("journey-worker", say)
    # A read model whose server is away holds up itself only.
    run = with_servers(place, lambda engine: work(engine, instance, only, say_as, health), say, prepared=False)
    try:
        status: int = uvloop.run(run)
    finally:
        end_traces()
        if health is not None:
            health.end()
    say("stopped")
    return status


def _watched(host: str, port: int, say: Say) -> "Health":
    from app.engine.worker_health import Health

    listening = bound(host, port, "--metrics-port")
    health = Health(listening)
    say(f"health and metrics at {address_of(listening)}")
    return health


def _leave(say: Say, number: int, _frame: FrameType | None) -> None:
    """Told to stop while it waits for the servers that it needs to begin: nothing is to be put in order."""
    say(f"stopping: {signal.Signals(number).name}")
    say("stopped")
    os._exit(0)
