"""The doors of a command: the engine it works with, embedded or distributed, opened to write or to read."""

import asyncio
import getpass
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from app.engine.embedded import check_there, opened, reading
from app.engine.ports import Engine
from app.settings import Servers, needs_clients, where
from app.text.printing import note, progress, refusal
from journey.definition import Definition
from schemas.definition_files import default_definition
from streams.remarks import Say
from streams.sqlite.record import FILE

if TYPE_CHECKING:
    from app.engine.distributed import Distributed

T = TypeVar("T")

Run = Callable[[Engine], Coroutine[Any, Any, T]]
"""What a command does with an engine, whichever it is."""


def write(data: Path | None, run: Run[T], *, begins: bool = False) -> T:
    """Have `run` change the data; where it `begins` some, in a folder that need not be there. Raises Refused."""
    place = where(data)
    if not begins and not isinstance(place, Servers):
        check_there(place)
    try:
        if isinstance(place, Servers):
            return asyncio.run(with_servers(place, run))
        with opened(place, note) as engine:
            return asyncio.run(run(engine))
    except KeyboardInterrupt:
        refusal("interrupted; what was acknowledged is kept, and the same command goes on from there")
        raise typer.Exit(130) from None


async def start(engine: Engine) -> None:
    """Bring the data up to date, which takes a while where everything is derived again."""
    with progress(await engine.record.subjects_count(), "bringing the data up to date") as tell:
        await engine.start(note, tell)


def read(data: Path | None, run: Run[T]) -> T:
    place = where(data)
    if isinstance(place, Servers):
        return asyncio.run(with_servers(place, run))
    with reading(place) as engine:
        return asyncio.run(run(engine))


def definition_there(data: Path | None) -> Definition:
    """The definition in use where there is data, which is only read; else the one that ships."""
    place = where(data)
    if not isinstance(place, Servers) and not (place / FILE).exists():
        return default_definition()
    return read(data, lambda engine: engine.definition())


async def with_servers(
    place: Servers, run: "Callable[[Distributed], Coroutine[Any, Any, T]]", say: Say = note, *, prepared: bool = True
) -> T:
    # Its clients take half a second to load, which the embedded commands need not wait for.
    needs_clients()
    from app.engine import distributed

    # What it logs, it raises too, and we say it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    async with distributed.opened(place, say, prepared=prepared) as engine:
        return await run(engine)


def user() -> str:
    """Who is at the keyboard."""
    try:
        return getpass.getuser().encode(errors="backslashreplace").decode()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
