"""Data of an older version is brought up to date with all that is in it."""

from pathlib import Path
from shutil import copy

from streams.ports import State
from streams.sqlite.database import connect, migrate
from streams.sqlite.desk import SqliteDesk
from streams.sqlite.record import MIGRATIONS, SqliteRecord


async def test_letters_and_conflicts_from_before_they_had_states_are_open_and_numbered(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    copy(MIGRATIONS / "0001_record.sql", first)
    db = connect(tmp_path / "journey.db")
    migrate(db, first)
    for number, code in enumerate(["unmapped", "not-json"], start=1):
        db.execute("INSERT INTO dead_letters VALUES (?, ?, ?, '', 'crm.csv', 'crm.csv:1', x'00', 1, 1, 1)", (f"{number}", number, code))
    db.executemany("INSERT INTO contested VALUES (?, '/crm', 'a', ?)", [("user:2", 5), ("user:1", 5), ("user:3", 4)])
    db.close()
    record = SqliteRecord(tmp_path / "journey.db")
    desk = SqliteDesk(record.db)
    letters = await desk.kept(after=0, limit=9)
    assert [(one.state, one.needs_fix, one.length) for one in letters] == [(State.open, True, 1), (State.open, False, 1)]
    shown = await desk.show(2)
    assert shown is not None
    assert shown.raw == b"\0"
    numbered = record.db.execute("SELECT number, subject, dismissed FROM contested ORDER BY number").fetchall()
    record.close()
    assert numbered == [(1, "user:3", 0), (2, "user:1", 0), (3, "user:2", 0)]
