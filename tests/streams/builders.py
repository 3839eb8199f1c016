"""Touchpoints as a sender would send them, with all that does not matter filled in; and an embedded desk to put them on."""

import atexit
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import Any

import orjson

from journey.definition import (
    All,
    AnyOf,
    Bounds,
    Condition,
    Count,
    Counted,
    DealIs,
    Definition,
    LeadIs,
    Match,
    ProfileIs,
    Rule,
    Score,
    Scored,
    SegmentIs,
    StageIs,
    Test,
)
from journey.facts import FOLD_VERSION
from journey.instants import DAY, HOUR, Instant, instant, iso, rfc3339
from projections.canonical import digest
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from schemas.definition_files import default_definition
from schemas.incoming import Incoming
from streams.placement import Placement
from streams.rebuilding import rebuilt
from streams.sqlite.desk import SqliteDesk
from streams.sqlite.record import PARTITION, SqliteRecord
from streams.units import FactRow, Generation, Unit
from tests.examples import example

START: Instant = instant(rfc3339("2026-03-02T00:00:00Z"))
"""A Monday."""

LATER: Instant = START + 1000 * DAY
"""When the log records what the tests send, unless they say so: later than all of it."""


def at(day: float, hour: float = 0) -> Instant:
    """So many days and hours after START."""
    return START + int(day * DAY) + int(hour * HOUR)


def sent(type: str, subject: str, when: Instant, *, id: str = "", source: str = "urn:test", **data: Any) -> bytes:
    """A CloudEvent of the type; `data` replaces fields of the example's. Without an `id`, it has one of its own place."""
    event = example(type, **data)
    event |= {"subject": subject, "source": source, "time": iso(when), "id": id or f"{type}-{when}"}
    if subject.startswith("deal:") and "deal" in event["data"]:
        event["data"]["deal"] = subject.removeprefix("deal:")
    return orjson.dumps(event)


def link(one: str, other: str, when: Instant, *, id: str = "", source: str = "urn:test") -> bytes:
    return sent("identified", one, when, id=id or f"link-{one}-{other}-{when}", source=source, other=other)


def unlink(one: str, other: str, when: Instant, *, id: str = "", source: str = "urn:test") -> bytes:
    return sent("unlinked", one, when, id=id or f"unlink-{one}-{other}-{when}", source=source, other=other)


def deal_opened(deal: str, when: Instant, *people: str, id: str = "", **data: Any) -> bytes:
    named = [{"person": one, "primary": index == 0} for index, one in enumerate(people)]
    return sent("deal_opened", f"deal:{deal}", when, id=id or f"open-{deal}-{when}", people=named, **data)


def large_amounts() -> list[bytes]:
    """Orders of one instant, spend of one day in one row, deals won and open: amounts that are allowed, and together far beyond 64 bits."""
    orders = [
        sent("order_placed", "user:7", at(1), id=f"order-{number}", order=f"o{number}", amount="90071992547409.92", currency="EUR")
        for number in range(1_030)
    ]
    day = {"period_start": "2026-03-03", "period_end": "2026-03-03", "provider": "google", "campaign": None, "currency": "EUR"}
    spent = [
        sent("spend_recorded", "company:self", at(1), id=f"spend-{number}", statement=str(number), amount="9999999999999999.97", **day)
        for number in range(30)
    ]
    deals = []
    for number in range(30):
        money = {"amount": "9999999999999999.99", "currency": "EUR", "probability": "0.3333333333333333333333333333"}
        deals.append(deal_opened(f"d{number}", at(1), "user:7", id=f"open-{number}", pipeline="new_business", stage="negotiation", **money))
        if number < 11:
            del money["probability"]
            deals.append(sent("close", f"deal:d{number}", at(2), id=f"close-{number}", outcome="won", **money))
    return [*orders, *spent, *deals]


def retraction(of: bytes, when: Instant, *, id: str = "", source: str = "urn:test") -> bytes:
    """Takes `of` back."""
    event = orjson.loads(of)
    taken = {"of_source": event["source"], "of_id": event["id"]}
    return sent("retracted", event["subject"], when, id=id or f"no-{event['id']}", source=source, **taken)


def incoming(raw: bytes, number: int = 1) -> Incoming:
    return Incoming(raw, "test", f"test:{number}")


def definition(**bounds: int) -> Definition:
    """The default one, with other bounds."""
    return default_definition().model_copy(update={"bounds": Bounds(**bounds)})


_READ = Match(types=("page_view", "content_view", "content_download"))
SEGMENTS: dict[str, Condition] = {
    "readers": Counted(count=Count(times=2, of=_READ, within="20d")),
    "buyers": AnyOf(any=(DealIs(deal="won"), Match(types=("order_placed",)))),
    "asleep": StageIs(stage=("lost", "churned")),
    "german-readers": All(all=(ProfileIs(profile={"country": Test(is_=("DE",))}), SegmentIs(segment="readers"))),
    "warm": Scored(score=Score(at_least=20)),
    "led": LeadIs(lead="created"),
}
"""Of every kind of condition: what a touchpoint ends, what time does, and what a merge brings together."""


def noticing(by: Definition) -> Definition:
    """`by`, where what an account says of itself moves those who joined it."""
    noticed = Rule(name="account-noticed", when=Match(types=("account_updated",), where={"tier": "a"}))
    again = Counted(count=Count(times=2, of=Match(types=("account_updated", "page_view")), within="100d"))
    first, second, *rest = by.stages
    first = first.model_copy(update={"rules": (*first.rules, noticed)})
    second = second.model_copy(update={"rules": (*second.rules, Rule(name="noticed-again", when=again))})
    return by.model_copy(update={"stages": (first, second, *rest), "segments": SEGMENTS})


class Bench:
    """An embedded record with both read stores, in a folder: everything that the engine wires, in reach of a test."""

    def __init__(self, folder: Path, definition: Definition) -> None:
        self.definition = definition
        self.record = SqliteRecord(folder / "journey.db")
        self.desk = SqliteDesk(self.record.db)
        self.stores = [SqliteReadStore(model, folder / f"{model.name}.db") for model in (marketing, sales)]
        self.placement = Placement(definition, self.record)

    def close(self) -> None:
        for one in (self.record, *self.stores):
            one.close()

    async def append(self, lines: Iterable[bytes], recorded_at: Instant = LATER) -> None:
        await self.record.append([incoming(line, number) for number, line in enumerate(lines, start=1)], recorded_at)

    async def place(self, limit: int = 10_000) -> Unit | None:
        """The next unit, of up to `limit` records; None where all are placed."""
        after = await self.record.offsets()
        batch = await self.record.read(PARTITION, after=after.get(PARTITION, -1), limit=limit)
        if not batch:
            return None
        unit, _ = await self.placement.run(batch, after)
        return unit

    async def take(self, *lines: bytes, recorded_at: Instant = LATER) -> Unit:
        """One unit of `lines`."""
        await self.append(lines, recorded_at)
        unit = await self.place()
        assert unit is not None
        return unit

    async def take_each(self, *lines: bytes) -> None:
        """A unit for each of `lines`."""
        for line in lines:
            await self.take(line)

    def restart(self) -> None:
        """Lose all that is only in memory."""
        self.placement = Placement(self.definition, self.record)

    def forget_journeys(self) -> None:
        """Lose the journeys that are kept; they are a cache of the fold."""
        self.record.db.execute("DELETE FROM journeys")
        self.restart()

    async def rebuild(self, definition: Definition) -> None:
        """Derive all that is derived again under `definition`, and go on from there."""
        self.definition = definition
        await self.record.rebuild(rebuilt(self.definition, self.record), Generation(self.definition.fingerprint, FOLD_VERSION), LATER)
        self.restart()

    async def follow(self) -> None:
        for store in self.stores:
            await store.apply(self.record.changes(await store.position()))

    async def digests(self) -> list[str]:
        """Of marketing's and of sales' read model, once they have caught up."""
        await self.follow()
        found = []
        for store in self.stores:
            async with store.snapshot() as ask:
                found.append(await digest(store.model, ask))
        return found

    async def facts(self) -> Counter[str]:
        """All facts that stand, added up from what the units changed."""
        total: Counter[str] = Counter()
        position = 0
        async for change in self.record.changes(0):
            if change.rebuilt and change.position > position:
                total.clear()
            position = change.position
            total.update(added(change.facts))
        return Counter({fact: count for fact, count in total.items() if count})

    async def persons(self, *ids: str) -> dict[str, str]:
        found = await self.record.people(ids)
        return {id: found[id].name if id in found else id for id in ids}


@cache
def _empty() -> Path:
    folder = Path(mkdtemp())
    atexit.register(rmtree, folder)
    Bench(folder, default_definition()).close()
    return folder


def quick_bench(folder: Path, definition: Definition) -> Bench:
    """A bench that does not wait for the disk: for tests that make hundreds of them, and crash none."""
    copytree(_empty(), folder, dirs_exist_ok=True)
    bench = Bench(folder, definition)
    for one in (bench.record, *bench.stores):
        one.db.execute("PRAGMA synchronous = OFF")
    return bench


def added(facts: Sequence[FactRow]) -> Counter[str]:
    """Facts in a form that can be counted and compared."""
    total: Counter[str] = Counter()
    for kind, count, *values in facts:
        total[orjson.dumps([kind, *values], default=tuple).decode()] += count
    return total
