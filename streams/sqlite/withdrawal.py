"""What only one import brought, taken away from the embedded record: in the transaction that is open.

It stays in `withdrawn` and `withdrawn_voids` as it stood, so that what was known earlier is still answered.
"""

import sqlite3
from collections import defaultdict

from journey.histories import keys
from journey.touchpoints import Retracted
from schemas.decode import touchpoint_of
from schemas.intended import Name
from streams.sqlite.awaited_letters import await_again

_COLUMNS = "key, subject, source, id, digest, occurred_at, unit, voided_by, body"
_SAME = " AND ".join(f"{{0}}.{column} = t.{column}" for column in ("subject", "source", "id", "digest", "occurred_at"))
_ONLY = f"import = :import AND NOT EXISTS (SELECT 1 FROM brought_too AS b WHERE {_SAME.format('b')} AND b.import <> :import)"
_LEAVING = f"SELECT subject, source, id, digest, occurred_at FROM touchpoints AS t WHERE key = subject AND {_ONLY}"
"""What only one import brought."""

_LEAVES = f"EXISTS (SELECT 1 FROM leaving AS l WHERE {_SAME.format('l')})"
_NO_OTHER_LETTER = "NOT EXISTS (SELECT 1 FROM letters_brought AS o WHERE o.letter = b.letter AND o.import <> b.import)"


_OF_NAME = "SELECT COUNT(*) FROM touchpoints AS t WHERE t.key = a.subject AND t.subject = a.subject AND t.source = a.source AND t.id = a.id"
_OPEN_AGAIN = (
    "SELECT DISTINCT d.number FROM awaited AS a JOIN dead_letters AS d ON d.id = a.letter WHERE d.state IN ('arrived', 'requeued')"
    f" AND ({_OF_NAME} AND {_ONLY}) > 0 AND ({_OF_NAME} AND {_ONLY}) = ({_OF_NAME}) ORDER BY d.number"
)


def only_brought(db: sqlite3.Connection, import_id: int) -> tuple[int, int, set[str], tuple[int, ...], tuple[int, ...]]:
    """How many touchpoints only this import brought, how many others brought too, under which keys the first are, which letters only it
    brought, and which others wait again without it.
    """
    by = {"import": import_id}
    under = {key for (key,) in db.execute(f"SELECT DISTINCT key FROM touchpoints AS t WHERE {_ONLY}", by)}
    (touchpoints,) = db.execute(f"SELECT COUNT(*) FROM ({_LEAVING})", by).fetchone()
    same = "subject, source, id, digest, occurred_at"
    (every,) = db.execute(
        f"SELECT COUNT(*) FROM (SELECT {same} FROM touchpoints WHERE key = subject AND import = :import"
        f" UNION SELECT {same} FROM brought_too WHERE import = :import)",
        by,
    ).fetchone()
    dismissed = db.execute(
        "SELECT d.number FROM letters_brought AS b JOIN dead_letters AS d ON d.id = b.letter"
        f" WHERE b.import = :import AND {_NO_OTHER_LETTER} AND d.state <> 'dismissed' ORDER BY d.number",
        by,
    ).fetchall()
    again = db.execute(_OPEN_AGAIN, by).fetchall()
    only = {number: None for (number,) in dismissed}
    return touchpoints, every - touchpoints, under, tuple(only), tuple(number for (number,) in again if number not in only)


def withdraw(db: sqlite3.Connection, import_id: int, position: int) -> None:
    """Take away what only this import brought; it stays in `withdrawn` as it stood until `position`."""
    by = {"import": import_id, "until": position}
    db.execute(f"INSERT INTO leaving {_LEAVING}", by)
    # Also under the keys of rivals.
    db.execute(f"INSERT INTO withdrawn ({_COLUMNS}, until) SELECT {_COLUMNS}, :until FROM touchpoints AS t WHERE {_LEAVES}", by)
    db.execute(f"DELETE FROM touchpoints AS t WHERE {_LEAVES}")
    _withdraw_from_others_keys(db, position)
    db.execute("DELETE FROM brought_too WHERE import = :import", by)
    db.execute(
        "UPDATE touchpoints AS t SET import = (SELECT NULLIF(MIN(b.import), 0) FROM brought_too AS b"
        f" WHERE {_SAME.format('b')}) WHERE key = subject AND import = :import",
        by,
    )
    db.execute(
        "DELETE FROM contested WHERE (subject, source, id) IN (SELECT subject, source, id FROM leaving) AND 2 > (SELECT"
        " COUNT(DISTINCT t.digest) FROM touchpoints AS t WHERE t.key = contested.subject AND t.subject = contested.subject"
        " AND t.source = contested.source AND t.id = contested.id)"
    )
    _lift_voids(db, position)
    # Who is named in a deal by what counts only now was never derived.
    db.execute("INSERT OR IGNORE INTO subjects (key, person, version) SELECT DISTINCT id, id, :until FROM takes_part", by)
    await_again(db)
    only = f"(SELECT letter FROM letters_brought AS b WHERE import = :import AND {_NO_OTHER_LETTER})"
    db.execute(f"UPDATE dead_letters SET state = 'dismissed' WHERE id IN {only}", by)
    db.execute(f"DELETE FROM awaited WHERE letter IN {only}", by)
    db.execute("DELETE FROM letters_brought WHERE import = :import", by)
    db.execute("DELETE FROM leaving")


def _withdraw_from_others_keys(db: sqlite3.Connection, position: int) -> None:
    """What is left of the names is stored under the keys that it names itself, and no longer under those of rivals that are gone."""
    under: dict[Name, set[str]] = defaultdict(set)
    named: dict[Name, set[str]] = defaultdict(set)
    left = db.execute(
        "SELECT key, subject, source, id, body, occurred_at FROM touchpoints"
        " WHERE (subject, source, id) IN (SELECT subject, source, id FROM leaving)"
    )
    for key, subject, source, id, body, occurred_at in left:
        under[subject, source, id].add(key)
        named[subject, source, id].update(keys(touchpoint_of(body, occurred_at)))
    for name in under:
        for key in under[name] - named[name]:
            of_name = "key = ? AND subject = ? AND source = ? AND id = ?"
            db.execute(
                f"INSERT INTO withdrawn ({_COLUMNS}, until) SELECT {_COLUMNS}, ? FROM touchpoints WHERE {of_name}",
                (position, key, *name),
            )
            db.execute(f"DELETE FROM touchpoints WHERE {of_name}", (key, *name))


def _lift_voids(db: sqlite3.Connection, position: int) -> None:
    """Of what no retraction that is left names: it counts again."""
    subjects = db.execute("SELECT DISTINCT subject FROM voids WHERE subject IN (SELECT subject FROM leaving)").fetchall()
    for (subject,) in subjects:
        left = set()
        for body, at in db.execute("SELECT body, occurred_at FROM touchpoints WHERE key = ? AND subject = ?", (subject, subject)):
            if isinstance(data := touchpoint_of(body, at).data, Retracted):
                left.add((data.of_source, data.of_id))
        for source, id in set(db.execute("SELECT source, id FROM voids WHERE subject = ?", (subject,)).fetchall()) - left:
            _lift_void(db, (subject, source, id), position)


def _lift_void(db: sqlite3.Connection, name: Name, position: int) -> None:
    db.execute(
        "INSERT INTO withdrawn_voids (subject, source, id, until, unit)"
        " SELECT subject, source, id, ?, unit FROM voids WHERE subject = ? AND source = ? AND id = ?",
        (position, *name),
    )
    db.execute("DELETE FROM voids WHERE subject = ? AND source = ? AND id = ?", name)
    of_name = "subject = ? AND source = ? AND id = ? AND voided_by IS NOT NULL"
    stored = db.execute(f"SELECT body, occurred_at FROM touchpoints WHERE key = ? AND {of_name}", (name[0], *name)).fetchall()
    for key in {key for body, occurred_at in stored for key in keys(touchpoint_of(body, occurred_at))}:
        db.execute(
            f"INSERT INTO withdrawn ({_COLUMNS}, until) SELECT {_COLUMNS}, ? FROM touchpoints WHERE key = ? AND {of_name}",
            (position, key, *name),
        )
        db.execute(f"UPDATE touchpoints SET voided_by = NULL, unit = ? WHERE key = ? AND {of_name}", (position, key, *name))
