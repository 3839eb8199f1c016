"""`journey dead-letters`: what could not be read, what contradicts, and what retracts nothing."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer

from app import show
from app.arguments import Data, Json
from app.doors import read
from app.engine import Engine
from journey.errors import Refused


class Action(StrEnum):
    list = "list"
    show = "show"


def dead_letters(
    action: Annotated[Action, typer.Argument(help="list, or show N.")] = Action.list,
    number: Annotated[int | None, typer.Argument(metavar="N", help="With show: which one.", show_default=False)] = None,
    after: Annotated[int, typer.Option(min=0, help="With list: those after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="With list: how many.")] = 100,
    raw: Annotated[bool, typer.Option("--raw", help="With show: write its bytes as they came, and nothing else.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """What could not be read, kept as bytes with the reason; conflicts, where two bodies came under one id; and idle retractions."""
    if action is Action.show:
        if number is None:
            raise Refused("which one? journey dead-letters show N, with a number that `journey dead-letters` lists")
        one = read(data, lambda engine: engine.desk.show(number))
        if one is None:
            raise Refused(f"there is no dead letter {number}")
        if raw:
            sys.stdout.buffer.write(one.raw)
        else:
            show.dead_letter(one, json=json)
        return
    if number is not None or raw:
        raise Refused("a number and --raw go with show: journey dead-letters show N")

    async def run(engine: Engine) -> Any:
        desk = engine.desk
        return await desk.codes(), await desk.kept(after=after, limit=limit), await desk.conflicts(), await desk.idle_retractions()

    codes, kept, conflicts, idle = read(data, run)
    show.dead_letters(codes, kept, conflicts, idle, json=json)
