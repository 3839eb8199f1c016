"""Letters that close themselves in the embedded record: what they were meant to be is awaited by name, until it is in."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from schemas.intended import Name

NAMES_PER_QUERY_MAX = 100

_IN = "SELECT MIN(unit) FROM touchpoints WHERE key = ? AND subject = ? AND source = ? AND id = ?"


def expect(db: sqlite3.Connection, letter: str, names: Collection[Name]) -> bool:
    """`letter` was meant to be the touchpoints of `names`: where it is open or fixed, await those that are
    not in, or close it. Returns whether it is closed now.
    """
    state = db.execute("SELECT state FROM dead_letters WHERE id = ?", (letter,)).fetchone()
    if not names or state not in (("open",), ("fixed",)):
        return False
    since = {name: db.execute(_IN, (name[0], *name)).fetchone()[0] for name in names}
    db.executemany(
        "INSERT OR REPLACE INTO awaited (subject, source, id, letter, unit) VALUES (?, ?, ?, ?, ?)",
        ((*name, letter, unit) for name, unit in since.items()),
    )
    if None in since.values():
        return False
    _close(db, letter, max(since.values()))
    return True


def arrive(db: sqlite3.Connection, names: Iterable[Name], position: int) -> None:
    """The touchpoints of `names` are in with the unit at `position`: close the letters that awaited no other."""
    if not is_awaiting(db):
        return
    rest = iter(names)
    while some := list(islice(rest, NAMES_PER_QUERY_MAX)):
        marks = ", ".join(["(?, ?, ?)"] * len(some))
        found = db.execute(
            f"WITH asked (subject, source, id) AS (VALUES {marks}) SELECT a.subject, a.source, a.id, a.letter"
            " FROM asked CROSS JOIN awaited AS a ON a.subject = asked.subject AND a.source = asked.source AND a.id = asked.id"
            " WHERE a.unit IS NULL",
            [part for name in some for part in name],
        ).fetchall()
        db.executemany(
            "UPDATE awaited SET unit = ? WHERE subject = ? AND source = ? AND id = ? AND letter = ?", ((position, *row) for row in found)
        )
        for letter in {row[3] for row in found}:
            if db.execute("SELECT 1 FROM awaited WHERE letter = ? AND unit IS NULL", (letter,)).fetchone() is None:
                _close(db, letter, position)


def is_awaiting(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM awaited WHERE unit IS NULL LIMIT 1").fetchone() is not None


def await_again(db: sqlite3.Connection) -> None:
    """Touchpoints that are leaving and of which nothing is left are awaited again: letters that they had closed or stood for wait."""
    db.execute(
        "UPDATE awaited AS a SET unit = NULL WHERE (subject, source, id) IN (SELECT subject, source, id FROM leaving) AND NOT EXISTS"
        " (SELECT 1 FROM touchpoints AS t WHERE t.key = a.subject AND t.subject = a.subject AND t.source = a.source AND t.id = a.id)"
    )
    db.execute(
        "UPDATE dead_letters SET state = iif(fix IS NULL, 'open', 'fixed'), unit = NULL WHERE state IN ('arrived', 'requeued')"
        " AND id IN (SELECT letter FROM awaited WHERE unit IS NULL)"
    )


def stand_for(db: sqlite3.Connection, letters: Mapping[str, Name], position: int) -> None:
    """What was sent again for `letters` is in: a letter waits again when that leaves, and for nothing else."""
    forget(db, letters)
    db.executemany(
        "INSERT INTO awaited (subject, source, id, letter, unit) VALUES (?, ?, ?, ?, ?)",
        ((*name, letter, position) for letter, name in letters.items()),
    )


def forget(db: sqlite3.Connection, letters: Iterable[str]) -> None:
    """Await nothing more for `letters`."""
    db.executemany("DELETE FROM awaited WHERE letter = ?", ((letter,) for letter in letters))


def _close(db: sqlite3.Connection, letter: str, position: int) -> None:
    db.execute("UPDATE dead_letters SET state = 'arrived', unit = ? WHERE id = ? AND state IN ('open', 'fixed')", (position, letter))
