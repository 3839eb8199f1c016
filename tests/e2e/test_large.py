"""No record takes the worker's memory: what it unpacks to is counted, hashed and let go."""

import re
from hashlib import sha256
from pathlib import Path

from schemas.incoming import BEGINNING_BYTES
from streams.kafka.settings import KafkaSettings
from streams.kafka.unpacking import ZSTD
from tests.app.command import touch
from tests.e2e.workers import placed, wait_for
from tests.services.service import Service
from tests.streams.kafka.clients import Sent, publish, publish_batch
from tests.streams.kafka.packing import MB, batch, packed, record

BOMB_MB = 400
LARGE_BYTES, LARGE = 15_000_000, 8
BOMB_GROWTH_MAX_KB, GROWTH_MAX_KB = 100_000, 350_000


def peak_kb(pid: int) -> int:
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found)


async def test_a_bomb_between_two_touchpoints_and_many_large_records_take_little_memory(
    kafka: Service, database: str, topics: str, tmp_path: Path
) -> None:
    with placed(kafka.address, database, topics, tmp_path) as place:
        place.start("w1")
        place.at_work("w1")
        settings = KafkaSettings(kafka.address, prefix=topics)
        await publish(settings, touch(id="1"))

        def letters() -> list[dict[str, object]]:
            found: list[dict[str, object]] = place.command("dead-letters", "--json").json["dead_letters"]
            return found

        wait_for(lambda: place.command("timeline", "user:7", "--json").status == 0, "the first touchpoint", lambda: place.said("w1"))
        before = peak_kb(place.workers["w1"].pid)
        blanks = sha256()
        for _ in range(BOMB_MB):
            blanks.update(b" " * MB)
        parts = [*record(0, touch(id="2")), *record(1, b"", filled=BOMB_MB), *record(2, touch(id="3", subject="user:8"))]
        await publish_batch(settings, batch(packed(ZSTD, parts), 3, ZSTD), 3)
        wait_for(lambda: len(letters()) == 1, "the letter of the bomb", lambda: place.said("w1"), 120)
        assert peak_kb(place.workers["w1"].pid) - before < BOMB_GROWTH_MAX_KB
        await publish(settings, *(Sent(b"%d" % number + b"x" * LARGE_BYTES, partition=number % 4) for number in range(LARGE)))
        wait_for(lambda: len(letters()) == 1 + LARGE, "all letters", lambda: place.said("w1"), 120)
        assert peak_kb(place.workers["w1"].pid) - before < GROWTH_MAX_KB
        bomb = next(one for one in letters() if one["bytes"] == BOMB_MB * MB)
        assert (bomb["code"], bomb["sha256"]) == ("too-large", blanks.hexdigest())
        assert place.command("dead-letters", "show", str(bomb["number"]), "--raw").raw == b" " * BEGINNING_BYTES
        assert place.command("timeline", "user:8", "--json").status == 0
