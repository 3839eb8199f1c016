"""`journey worker`: one process of the distributed runtime."""

from enum import StrEnum
from typing import Annotated

import typer

from app.doors import with_servers
from app.printing import note
from app.wiring import Servers, needs_clients, where
from journey.errors import Refused

app = typer.Typer(add_completion=False)


class Only(StrEnum):
    """The parts of a worker's work."""

    placement = "placement"
    marketing = "marketing"
    sales = "sales"


@app.command()
def worker(
    only: Annotated[Only | None, typer.Option("--only", help="Do this part of the work only.", show_default=False)] = None,
) -> None:
    """Place what is published to Kafka and keep both read models up to date, until it is told to stop.

    Needs JOURNEY_KAFKA and JOURNEY_POSTGRES.
    """
    place = where(None)
    if not isinstance(place, Servers):
        raise Refused("a worker works for the distributed runtime; set JOURNEY_KAFKA and JOURNEY_POSTGRES (embedded data needs none)")
    instance = place.instance
    needs_clients()
    import uvloop

    from app.worker import work  # once the clients are known to be there

    try:
        # A read model whose server is away holds up itself only.
        status = uvloop.run(with_servers(place, lambda engine: work(engine, instance, only, note), prepared=False))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if status:
        raise typer.Exit(status)
