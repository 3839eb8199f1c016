"""Laws that hold for every figure of a kind: counts and totals add up over each dimension, a share lies in 0..1 or is null."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from projections.figures.answering import answer
from projections.figures.answers import Cell, FigureAnswer
from projections.figures.figure import Asked, Figure
from projections.figures.measures import Number
from projections.read_model import Ask


async def broken(ask: Ask, figures: Iterable[Figure], asked: Asked) -> list[tuple[Figure, str]]:
    """What does not hold of `figures`, all of one read model, where they are broken down by each of their dimensions, in words.
    `asked.by` is not looked at."""
    figures = tuple(figures)
    found: list[tuple[Figure, str]] = []
    for grain in ("instant", "day"):
        # Those whose rows are summed by day are asked by themselves: they stand at another instant.
        some = {figure.name: figure for figure in figures if figure.of.grain == grain}
        if not some:
            continue
        whole = {one.name: one for one in (await answer(ask, some.values(), replace(asked, by=()))).figures}
        found += [(some[name], told) for name, one in whole.items() for told in _shares(some[name], one)]
        for dimension in dict.fromkeys(name for figure in some.values() for name in figure.breakdowns):
            broken_down = [figure for figure in some.values() if dimension in figure.breakdowns]
            for parts in (await answer(ask, broken_down, replace(asked, by=(dimension,)))).figures:
                figure = some[parts.name]
                found += [(figure, told) for told in _shares(figure, parts)]
                if not parts.adds_up or dimension == "currency":
                    continue
                come_to, expected = _sums(parts), _sums(whole[parts.name])
                if come_to != expected:
                    found.append((figure, f"{figure.name} by {dimension} adds up to {dict(come_to)}, and is {dict(expected)}"))
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
