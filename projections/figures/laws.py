"""Laws that hold for every figure of a kind: counts and totals add up over each dimension, a share lies in 0..1 or is null."""

from collections import Counter
from dataclasses import replace

from projections.figures.answering import answer
from projections.figures.answers import Cell, FigureAnswer
from projections.figures.figure import Asked, Figure
from projections.figures.measures import Number
from projections.read_model import Ask


async def broken(ask: Ask, figure: Figure, asked: Asked) -> list[str]:
    """What does not hold of `figure` where it is broken down by each of its dimensions, in words. `asked.by` is not looked at."""
    (whole,) = (await answer(ask, [figure], replace(asked, by=()))).figures
    found = _shares(figure, whole)
    for name in figure.breakdowns:
        (parts,) = (await answer(ask, [figure], replace(asked, by=(name,)))).figures
        found += _shares(figure, parts)
        if parts.adds_up and name != "currency" and (come_to := _sums(parts)) != (expected := _sums(whole)):
            found.append(f"{figure.name} by {name} adds up to {dict(come_to)}, and is {dict(expected)}")
    return found


def _sums(of: FigureAnswer) -> Counter[str]:
    """By currency, of those that are not 0."""
    sums: Counter[str] = Counter()
    for cell in of.cells:
        sums[cell.currency or ""] += _number(cell)  # type: ignore[assignment]  # a Counter adds fractions as well
    return Counter({currency: number for currency, number in sums.items() if number})


def _number(cell: Cell) -> Number:
    assert isinstance(cell.value, Number), "only numbers add up"
    return cell.value


def _shares(figure: Figure, of: FigureAnswer) -> list[str]:
    if figure.unit != "share":
        return []
    wrong = [cell for cell in of.cells if cell.value is not None and not 0 <= _number(cell) <= 1]
    return [f"{figure.name} of {cell.group} is {cell.value}, and no share" for cell in wrong]
