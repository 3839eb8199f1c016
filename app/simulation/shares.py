"""Parts of a crowd in exact proportion: a world of two thousand then keeps the rates of one of a million."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Lot = TypeVar("Lot")


def deal_out(count: int, shares: Sequence[tuple[Lot, float]], rng: Random) -> list[Lot]:
    """`count` lots in the proportion of `shares` (which add up to 1), to the nearest whole one, in random order."""
    lots: list[Lot] = []
    so_far = 0.0
    for lot, share in shares:
        so_far += share
        lots += [lot] * (round(count * so_far) - len(lots))
    lots += [shares[-1][0]] * (count - len(lots))
    rng.shuffle(lots)
    return lots
