"""Who lists dead letters reads none of their bytes, however many they are."""

import re
from pathlib import Path

from streams.sqlite.desk import SqliteDesk
from streams.sqlite.record import FILE, SqliteRecord
from streams.units import DeadLetter
from tests.contracts.units import commit

LETTERS, LETTER_BYTES = 12, 8_000_000
LISTED_BYTES_MAX = 500_000


def read_so_far() -> int:
    """The bytes that this process has read of any file."""
    (found,) = re.findall(r"rchar: (\d+)", Path("/proc/self/io").read_text())
    return int(found)


async def test_a_list_and_counts_of_large_letters_read_next_to_nothing(tmp_path: Path) -> None:
    record = SqliteRecord(tmp_path / FILE)
    for number in range(LETTERS):
        letter = DeadLetter(f"{number}", "too-large", "16 MB", "in.jsonl", "in.jsonl:1", b"x" * LETTER_BYTES, 1, b"y" * LETTER_BYTES)
        await commit(record, dead_letters=[letter])
    record.close()
    record = SqliteRecord(tmp_path / FILE, read_only=True)
    desk = SqliteDesk(record.db)
    before = read_so_far()
    assert [one.length for one in await desk.kept(after=0, limit=100)] == [LETTER_BYTES] * LETTERS
    assert await desk.codes() == {"too-large": (LETTERS, LETTERS)}
    assert sum((await desk.states()).values()) == LETTERS
    assert read_so_far() - before < LISTED_BYTES_MAX
    record.close()
