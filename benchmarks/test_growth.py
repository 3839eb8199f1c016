"""What grows grows in proportion. Told by the work that is counted, which no other load of the machine changes."""

import pytest

from benchmarks.growth import CASES, embedded, exponent
from journey.definition import Bounds
from streams.world import NEAR_FROM

SIZES = {name: (6, 12) if "deals" in name else (250, 500) for name in CASES}
"""Beyond all bounds, twice as much, and small enough for every day."""

GROWS_MAX = 1.35
"""1 is in proportion, 2 by the square. What a start takes, and what comes before a bound is crossed, is in it."""


def test_the_sizes_are_beyond_the_bounds() -> None:
    assert min(size for name, (size, _) in SIZES.items() if "deals" not in name) > max(NEAR_FROM, 2 * Bounds().ids_max)


@pytest.mark.parametrize("name", CASES)
async def test_twice_as_much_takes_twice_the_work(name: str) -> None:
    case = CASES[name]
    sizes = SIZES[name]
    costs = [await embedded(case, size) for size in sizes]

    grows = {what: exponent(sizes, [cost.work[what].all for cost in costs]) for what in costs[0].work if costs[0].work[what].all}
    assert max(grows.values()) < GROWS_MAX, grows
