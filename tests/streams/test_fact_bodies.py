"""Facts as they are stored: of each kind apart, and as they were before that."""

from pathlib import Path

import orjson

from app.engine.clock import now
from app.engine.embedded import opened
from schemas.incoming import Incoming
from streams.fact_bodies import dump, load
from tests.streams.builders import at, sent

FACTS = [["touched", 1, "user:1", "2026-03-02", "Direct", ""], ["lowered", -1, "user:1", 0], ["touched", -1, "user:2", "", "", ""]]


def test_facts_from_before_they_were_kept_by_kind_are_read_like_any_others() -> None:
    before = orjson.dumps(FACTS)
    assert load(before) == FACTS
    assert load(before, {"lowered"}) == load(dump(FACTS), {"lowered"}) == [FACTS[1]]
    assert load(b"[]") == load(dump([])) == []


async def test_a_read_model_reads_no_facts_of_kinds_that_it_makes_nothing_of(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        await engine.start()
        await engine.record.append([Incoming(sent("page_view", "user:1", at(0)), "a file", "a file:1")], now())
        await engine.place()
        engine.record.db.execute("UPDATE changes SET facts = CAST(facts || ? AS BLOB)", ("\nof_nobody\tcan't be read",))
        await engine.follow()
        assert await engine.marketing.position() == await engine.sales.position() == await engine.record.position()
