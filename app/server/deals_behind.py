"""How many deals are behind a value of deals and of other things: who sees no single deal is to see none among a hundred orders either."""

from dataclasses import replace
from datetime import datetime
from typing import TypeVar, cast

from app.engine import asking
from app.engine.evidence import model_of
from app.engine.ports import Engine
from app.engine.question import Question
from app.server.roles import SIGHT, Role
from projections.figures.answers import Answer, FigureAnswer
from projections.figures.figure import Figure
from projections.figures.reports import Report
from projections.figures.sections import FIGURES

T = TypeVar("T")


def counts_others(figure: Figure) -> bool:
    """Whether a value of deals adds up what is no deal as well: orders, which are somebody's (`whose`)."""
    return figure.tells == "deal_value" and "whose" in figure.of.unit


async def with_deals(engine: Engine, role: Role, told: T) -> T:
    """`told`, a report or an answer, with how many deals are behind each cell, where `role` sees values over enough of them only."""
    match told:
        case Report():
            sections = [
                section.model_copy(update={"answers": tuple([await _counted(engine, role, one) for one in section.answers])})
                for section in told.sections
            ]
            return cast(T, told.model_copy(update={"sections": tuple(sections)}))
        case Answer():
            return cast(T, await _counted(engine, role, told))
        case _:
            return told


async def _counted(engine: Engine, role: Role, answer: Answer) -> Answer:
    in_sums = SIGHT[role].in_sums
    return answer.model_copy(
        update={
            "figures": tuple(
                [
                    await _with_deals(engine, answer, told, figure)
                    if (figure := FIGURES.get(told.name)) is not None and figure.tells in in_sums and counts_others(figure)
                    else told
                    for told in answer.figures
                ]
            )
        }
    )


async def _with_deals(engine: Engine, answer: Answer, told: FigureAnswer, figure: Figure) -> FigureAnswer:
    if answer.where or answer.known_at or answer.from_on or answer.to_on or answer.top:
        return told  # All of it is withheld: see `app.server.visible`.
    alone = replace(figure, of=replace(figure.of, sql=f"SELECT v.* FROM ({figure.of.sql}) AS v WHERE v.whose = ''"))
    asked = Question(model_of(figure), by=told.by, until=datetime.fromisoformat(answer.until), currency=answer.currency or "")
    found = await asking.figure(engine, alone, asked)
    deals = {(tuple(cell.group.items()), cell.currency): cell.n for one in found.figures for cell in one.cells}
    cells = tuple(cell.model_copy(update={"deals": deals.get((tuple(cell.group.items()), cell.currency), 0)}) for cell in told.cells)
    return told.model_copy(update={"cells": cells})
