"""Data of an older version is brought up to date with all that is in it."""

from pathlib import Path
from shutil import copy

from schemas.decode import decode
from streams.operators import State
from streams.sqlite.database import connect, migrate
from streams.sqlite.desk import SqliteDesk
from streams.sqlite.record import MIGRATIONS, SqliteRecord
from tests.streams.builders import Bench, at, sent


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


async def test_who_joined_an_account_before_that_was_stored_under_it_stands_there_too(tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    for step in sorted(MIGRATIONS.glob("*.sql")):
        if step.name < "0011":
            copy(step, older)
    db = connect(tmp_path / "journey.db")
    migrate(db, older)
    joined, left = (sent(type, "user:1", at(0), id="1", account="acme") for type in ("account_joined", "account_left"))
    said = sent("content_view", "user:2", at(0), content="account_joined")
    for line in (joined, left, said):
        touch, body, _, digest = decode(line)
        row = (touch.subject, touch.subject, touch.source, touch.id, digest, touch.occurred_at, 1, None, body, 7)
        db.execute("INSERT INTO touchpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    db.close()
    record = SqliteRecord(tmp_path / "journey.db")
    found = await record.bodies(["account:acme"])
    record.close()
    # Also the rival under its name: which of them counts does not depend on where it is asked.
    assert sorted(one.touch.type for one in found["account:acme"]) == ["account_joined", "account_left"]


async def test_what_lies_ahead_of_people_is_known_of_older_data(bench: Bench) -> None:
    await bench.take(sent("page_view", "user:1", at(1)), sent("form_submitted", "user:2", at(2), intent="demo"))
    db = bench.record.db
    kept = db.execute("SELECT at, subject FROM deadlines").fetchall()
    assert {subject for _, subject in kept} == {"user:1", "user:2"}
    db.executescript(
        "DROP TABLE deadlines; DROP INDEX units_with_mark; ALTER TABLE units DROP COLUMN mark; ALTER TABLE changes DROP COLUMN struck;"
        " PRAGMA user_version = 10"
    )
    migrate(db, MIGRATIONS)
    assert db.execute("SELECT at, subject FROM deadlines").fetchall() == kept
