"""The longest values that a sender may send, of letters that take four bytes each and can't be compressed: all fit, in both runtimes."""

from collections.abc import AsyncIterator
from random import Random

import orjson
import pytest

from journey.touchpoints import ID_LENGTH_MAX, TEXT_LENGTH_MAX, TYPES, field_names
from projections.canonical import digest
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.postgres import PostgresReadStore
from schemas.decode import Unreadable, decode
from schemas.definition_files import default_definition
from streams.placement import UNKNOWN_FIELD_LENGTH_MAX, UNKNOWN_FIELDS_MAX, Placement
from streams.postgres.database import Database
from streams.postgres.record import PostgresRecord
from streams.units import Recorded
from tests.examples import EXAMPLES
from tests.streams.builders import LATER, Bench, incoming

LISTED = 20

chance = Random(13)


def wide(length: int) -> str:
    """One that no compression makes shorter: an entry of an index of PostgreSQL holds 2,704 bytes."""
    return "".join(chr(chance.randrange(0x10000, 0x10FFFE)) for _ in range(length))


PERSON = "user:" + wide(ID_LENGTH_MAX - len("user:"))
LONGEST = (
    wide(TEXT_LENGTH_MAX),
    wide(ID_LENGTH_MAX),
    PERSON,
    [wide(ID_LENGTH_MAX) for _ in range(LISTED)],
    [{"person": PERSON, "role": wide(ID_LENGTH_MAX)}],
    {wide(TEXT_LENGTH_MAX): wide(TEXT_LENGTH_MAX)},
)
"""Of each kind of value; the first one that a field takes is its longest."""


def widest(name: str) -> bytes:
    """A touchpoint of that type in which all that may be long is as long as it may be."""
    event = EXAMPLES[name]
    data = dict(event["data"])
    kind, _, rest = event["subject"].partition(":")
    if kind != "company":
        rest = wide(ID_LENGTH_MAX - len(f"{kind}:"))
        data |= {kind: rest} if kind in data else {}
    event = {**event, "id": wide(ID_LENGTH_MAX), "source": wide(ID_LENGTH_MAX), "subject": f"{kind}:{rest}", "data": data}
    wider = dict(event["data"])
    for field in field_names(TYPES[name]).keys() - {kind, "currency"}:
        for value in LONGEST:
            try:
                decode(orjson.dumps({**event, "data": {**event["data"], field: value}}))
            except Unreadable:
                continue
            wider[field] = value
            break
    wider |= {wide(1_000): number for number in range(UNKNOWN_FIELDS_MAX + 1)} if name == "page_view" else {}
    return orjson.dumps({**event, "data": wider})


@pytest.fixture
async def record(database: str) -> AsyncIterator[PostgresRecord]:
    record = await PostgresRecord.open(database, "the id of a topic")
    yield record
    await record.close()


async def test_the_widest_touchpoint_of_every_type_is_placed_and_followed_alike(
    bench: Bench, database: str, record: PostgresRecord
) -> None:
    lines = [widest(name) for name in EXAMPLES]
    for line in lines:
        decode(line)
    await bench.append(lines)
    while await bench.place():
        pass
    placement = Placement(default_definition(), record)
    unit, _ = await placement.run([Recorded(0, nth, LATER, incoming(line)) for nth, line in enumerate(lines)], {0: -1})
    assert (unit.accepted, unit.dead_letters) == (len(lines), [])
    assert sum(name == "page_view" for name, _ in unit.unknown_fields) == UNKNOWN_FIELDS_MAX
    assert {len(field) for _, field in unit.unknown_fields} == {UNKNOWN_FIELD_LENGTH_MAX}
    wanted = await bench.digests()
    for model, said in zip((marketing, sales), wanted, strict=True):
        store = await PostgresReadStore.open(model, Database(database))
        await store.apply(record.changes(0))
        async with store.snapshot() as ask:
            assert await digest(model, ask) == said, model.name
        await store.close()
