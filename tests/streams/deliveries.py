"""What is sent, how it is cut into units, and what happens in between; and whether it comes to what the whole set of it says."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from journey import identity
from journey.definition import Definition
from journey.instants import Instant
from journey.touchpoints import Retracted
from projections.marketing import marketing
from projections.sales import sales
from schemas.decode import decode
from schemas.intended import Name
from streams import arrivals, world
from streams import placement_cache as cache
from streams.past import Past
from streams.rebuilding import Anew, rebuilt
from streams.record_digest import RecordDigest
from tests.streams.brute_force import Told, digest, name_of, told
from tests.streams.builders import Bench, added, definition, quick_bench

LOOSE = definition(partners_max=20, ids_max=100)
"""Another definition, under which other ids are one person."""


class Delivery(NamedTuple):
    """What is sent, each line at least once; the sizes of the units, in turn; and what happens after each of them, in turn."""

    lines: Sequence[bytes]
    sizes: Sequence[int] = (1,)
    between: Sequence[str] = ("",)
    cached_max: int = 1000
    """How many journeys and persons are kept at hand from one unit to the next."""
    near: tuple[int, int] = (100, 100)
    """From how many bodies on what links come to is kept, and how many partners it has at most."""
    other_until: int = 0
    """So many units are placed under another definition; then everything is rebuilt under the one that counts."""


async def delivered(folder: Path, by: Definition, delivery: Delivery) -> Bench:
    """A bench on which all of it was placed, unit by unit, whatever happens in between."""
    bench = quick_bench(folder, LOOSE if delivery.other_until else by)
    await bench.append(delivery.lines)
    turn = 0
    while await bench.place(limit=delivery.sizes[turn % len(delivery.sizes)]):
        if turn + 1 == delivery.other_until:
            await bench.rebuild(by)
        match delivery.between[turn % len(delivery.between)]:
            case "restart":
                bench.restart()
            case "journeys lost":
                bench.forget_journeys()
            case "read":
                await bench.follow()
            case "rebuild":
                await bench.rebuild(bench.definition)
        turn += 1
    if bench.definition != by:
        await bench.rebuild(by)
    return bench


async def agrees(bench: Bench, expected: Told, digests: list[str]) -> None:
    """Whether what was handed out, what both read models hold, and what a rebuild comes to, is what the set says."""
    assert await bench.facts() == expected.plain()
    assert await bench.digests() == digests
    assert await bench.persons(*expected.people) == {id: name_of(ids) for id, ids in expected.people.items()}
    assert await caught_up(bench) == expected.plain()
    await bench.rebuild(bench.definition)
    assert await bench.facts() == expected.plain()
    assert await bench.digests() == digests


async def caught_up(bench: Bench) -> Counter[str]:
    """All that the record derives to as of the middle of it, and what came since: a few units at a time."""
    anew = Anew(bench.definition, bench.record)
    anew.known_at = await bench.record.position() // 2
    total: Counter[str] = Counter()
    async for part in rebuilt(bench.definition, Past(bench.record, anew.known_at)):
        total.update(added(part.facts))
    async for part in anew.rest():
        total.update(added(part.facts))
    return Counter({fact: count for fact, count in total.items() if count})


def accepted(lines: Sequence[bytes]) -> str:
    """The digest of a record that holds `lines`, all of which can be read."""
    earliest: dict[bytes, Instant] = {}
    voids: set[Name] = set()
    for line in lines:
        touch, _, _, body = decode(line)
        earliest[body] = min(earliest.get(body, touch.occurred_at), touch.occurred_at)
        if isinstance(touch.data, Retracted):
            voids.add((touch.subject, touch.data.of_source, touch.data.of_id))
    found = RecordDigest()
    found.add(sorted(earliest.items()))
    return found.ended(voids)


def check(delivery: Delivery, by: Definition, *, as_if: Sequence[bytes] | None = None) -> None:
    """Fails where `delivery` comes to anything else than the whole set of what is in it, or of `as_if`, read at once."""
    expected = told(by, delivery.lines if as_if is None else as_if)
    digests = [digest(model, expected.facts) for model in (marketing, sales)]

    async def run() -> None:
        with TemporaryDirectory() as folder:
            bench = await delivered(Path(folder), by, delivery)
            try:
                await agrees(bench, expected, digests)
                assert await bench.record.digest(await bench.record.position()) == accepted(delivery.lines)
            finally:
                bench.close()

    with within(delivery):
        asyncio.run(run())


@contextmanager
def within(delivery: Delivery) -> Iterator[None]:
    """The bounds of what is at hand are those that `delivery` says."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JOURNEYS_MAX", "PERSONS_MAX", "NAMES_MAX"):
            patch.setattr(cache, name, delivery.cached_max)
        near_from, near_max = delivery.near
        patch.setattr(world, "NEAR_FROM", near_from)
        patch.setattr(identity, "near_max", lambda bounds: near_max)
        # As if it had come before there was a rule for ids that are none.
        patch.setattr(arrivals, "check_ids", lambda touch, is_no_id: None)
        yield
