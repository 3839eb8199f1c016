"""A unit as statements: one a table, each with all its rows as arrays. Everything is worked out before the first lock is taken.

Never COPY: a backend that waits for the next piece of one is stopped by no timeout, so a writer frozen right then would hold its locks
for as long as it is frozen. An array is one message, and it is not slower.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import orjson

from journey.histories import keys
from schemas.intended import Name
from schemas.strict_json import BODY_BYTES_MAX
from streams import fact_bodies
from streams.set_aside import SETTING_ASIDE
from streams.transitions import due
from streams.units import BodyRow, DeadLetter, FactRow, Unit

T = TypeVar("T")

BYTES_PER_STATEMENT_MAX = 16 * 1024 * 1024
NAMES_AT_HAND_MAX = 30_000
PART_FACTS_MAX = 2_000
PART_BYTES_MAX = 512 * 1024
"""What one row of changes holds, save where a single fact is larger: a part has to fit in a message."""


class Statement(NamedTuple):
    """A statement and its values."""

    sql: str
    values: tuple[Any, ...]


GENERATION = "SELECT definition, fold_version FROM journey.generation"
SET_ASIDE = f"SELECT COALESCE(MAX(number), 0) FROM journey.control WHERE action IN {SETTING_ASIDE}"
LOCK_OFFSETS = """
    SELECT "partition", "offset" FROM journey.offsets WHERE topic = $1 AND "partition" = ANY($2::INTEGER[])
    ORDER BY "partition" FOR UPDATE
"""
MOVE_OFFSETS = """
    -- $4 are the partitions that are locked. Another one that turns out to be there was put there meanwhile: it stays as it is.
    INSERT INTO journey.offsets AS o (topic, "partition", "offset")
    SELECT $1::TEXT, "partition", reached FROM unnest($2::INTEGER[], $3::BIGINT[]) AS u ("partition", reached)
    ON CONFLICT (topic, "partition") DO UPDATE SET "offset" = excluded."offset" WHERE o."partition" = ANY($4::INTEGER[])
"""
VERSIONS = "SELECT key, version FROM journey.subjects WHERE key = ANY($1::TEXT[]) AND version > 0"
LOCK_SUBJECTS = """
    -- In order of key, so that no two units wait for each other. A row that is not updated, since it is at another version or only
    -- looked at, is locked all the same.
    WITH written AS (
        INSERT INTO journey.subjects AS s (key, person, version)
        SELECT key, person, version FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[]) AS u (key, person, version)
        ON CONFLICT (key) DO UPDATE SET version = excluded.version, person = COALESCE(excluded.person, s.person)
            WHERE s.version = excluded.version - 1
        RETURNING version, xmax = 0 AS is_new
    )
    SELECT COUNT(*) FROM written WHERE version > 0 AND (version = 1 OR NOT is_new)
"""
CHECK_WATCHED = """
    SELECT COUNT(*) FROM unnest($1::TEXT[], $2::BIGINT[]) AS u (key, version) JOIN journey.subjects AS s ON s.key = u.key
    WHERE s.version <> u.version
"""

_TOUCHPOINTS = """
    INSERT INTO journey.touchpoints (key, name, digest, occurred_at, unit, voided_by, retracts, other, third, import, body)
    SELECT key, name, digest, occurred_at, $1::BIGINT, CASE WHEN voided THEN $1::BIGINT END, retracts, other, third, import, body
    FROM unnest(
        $2::TEXT[], $3::BYTEA[], $4::BYTEA[], $5::BIGINT[], $6::BOOLEAN[], $7::BOOLEAN[], $8::TEXT[], $9::TEXT[], $10::BIGINT[],
        $11::BYTEA[]
    ) AS u (key, name, digest, occurred_at, voided, retracts, other, third, import, body)
"""
_BROUGHT_TOO = """
    INSERT INTO journey.brought_too (name, digest, occurred_at, import)
    SELECT name, digest, occurred_at, import FROM unnest($1::BYTEA[], $2::BYTEA[], $3::BIGINT[], $4::BIGINT[])
        AS u (name, digest, occurred_at, import)
    ON CONFLICT DO NOTHING
"""
_IMPORTED = """
    INSERT INTO journey.imported (unit, import, read, accepted, duplicates, conflicts, dead_letters, left_out)
    SELECT $1::BIGINT, import, read, accepted, duplicates, conflicts, dead_letters, left_out
    FROM unnest($2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], $8::BIGINT[])
        AS u (import, read, accepted, duplicates, conflicts, dead_letters, left_out)
"""
_VOIDS = """
    INSERT INTO journey.voids (unit, name, subject, source, id)
    SELECT $1::BIGINT, name, subject, source, id
    FROM unnest($2::BYTEA[], $3::TEXT[], $4::TEXT[], $5::TEXT[]) AS u (name, subject, source, id)
    ON CONFLICT DO NOTHING
"""
_VOID = """
    -- Under every key that a body of that name names.
    WITH named AS (
        SELECT t.key, t.name, t.other, t.third FROM unnest($2::BYTEA[], $3::TEXT[]) AS u (name, subject)
        JOIN journey.touchpoints AS t ON t.key = u.subject AND t.name = u.name
        WHERE NOT t.retracts AND t.voided_by IS NULL
    ), places AS (
        SELECT key, name FROM named UNION SELECT other, name FROM named WHERE other IS NOT NULL
        UNION SELECT third, name FROM named WHERE third IS NOT NULL
    )
    UPDATE journey.touchpoints AS t SET voided_by = $1 FROM places AS p
    WHERE t.key = p.key AND t.name = p.name AND NOT t.retracts AND t.voided_by IS NULL
"""
_TAKES_PART = """
    INSERT INTO journey.takes_part (id, deal) SELECT id, deal FROM unnest($1::TEXT[], $2::TEXT[]) AS u (id, deal)
    ON CONFLICT DO NOTHING
"""
_CONTESTED = """
    INSERT INTO journey.contested (unit, name, subject, source, id)
    SELECT $1::BIGINT, name, subject, source, id
    FROM unnest($2::BYTEA[], $3::TEXT[], $4::TEXT[], $5::TEXT[]) AS u (name, subject, source, id)
    ON CONFLICT (name) DO UPDATE SET dismissed = FALSE
"""
_JOURNEYS = """
    -- An outlook that did not change is not in the unit's facts: what is due stays as it was.
    INSERT INTO journey.{} AS j (subject, body, due)
    SELECT subject, body, due::BIGINT[] FROM unnest($1::TEXT[], $2::BYTEA[], $3::TEXT[]) AS u (subject, body, due)
    ON CONFLICT (subject) DO UPDATE SET body = excluded.body, due = COALESCE(excluded.due, j.due)
"""
_GONE = "DELETE FROM journey.journeys WHERE subject = ANY($1::TEXT[])"
_CHANGES = """
    INSERT INTO journey.changes (unit, part, is_last, facts)
    SELECT $1::BIGINT, part, is_last, facts FROM unnest($2::INTEGER[], $3::BOOLEAN[], $4::BYTEA[]) AS u (part, is_last, facts)
"""
_STRUCK = "UPDATE journey.changes SET struck = $2 WHERE unit = $1 AND part = 0"
_LETTERS = """
    -- Behind LOCK_LETTERS, so that no lower number appears after a higher one.
    INSERT INTO journey.dead_letters AS d
        (number, id, code, reason, source, place, raw, body, needs_fix, seen, first_at, last_at, length, sha256)
    SELECT (SELECT COALESCE(MAX(number), 0) FROM journey.dead_letters) + nth,
        id, code, reason, source, place, raw, body, needs_fix, seen, first_at, last_at, length, sha256
    FROM unnest(
        $1::BIGINT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], $7::BYTEA[], $8::BYTEA[], $9::BOOLEAN[],
        $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::BIGINT[], $14::TEXT[]
    ) AS u (nth, id, code, reason, source, place, raw, body, needs_fix, seen, first_at, last_at, length, sha256)
    ON CONFLICT (id) DO UPDATE SET seen = d.seen + excluded.seen, last_at = GREATEST(d.last_at, excluded.last_at),
        -- One that came only with imports that were retracted is as new.
        state = CASE WHEN d.state = 'dismissed' AND NOT EXISTS (SELECT FROM journey.letters_brought AS b WHERE b.letter = d.id) THEN 'open'
            ELSE d.state END
"""
_LETTERS_BROUGHT = """
    INSERT INTO journey.letters_brought (letter, import) SELECT letter, import FROM unnest($1::TEXT[], $2::BIGINT[]) AS u (letter, import)
    ON CONFLICT DO NOTHING
"""
_STILL = """
    -- Sent again, and no better: the reason is the new one. What is in stays in.
    UPDATE journey.dead_letters AS d
    SET code = u.code, reason = u.reason, state = CASE d.state WHEN 'fixed' THEN 'open' ELSE d.state END
    FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[]) AS u (id, code, reason)
    WHERE d.id = u.id AND d.state <> 'requeued'
"""
SENT_AGAIN = f"""
    -- What goes in for a letter: see `streams.dead_letters.sent_again`.
    SELECT d.id, sha256(s.body) FROM journey.dead_letters AS d
    CROSS JOIN LATERAL (SELECT COALESCE(NULLIF(d.fix, ''), NULLIF(d.body, ''), d.raw) AS body) AS s
    WHERE d.id = ANY($1::TEXT[]) AND (d.fix IS NOT NULL OR NOT d.needs_fix) AND octet_length(s.body) <= {BODY_BYTES_MAX}
"""
_REQUEUED = "UPDATE journey.dead_letters SET state = 'requeued', unit = $1 WHERE id = ANY($2::TEXT[]) AND state <> 'requeued'"
STAND_FOR = """
    -- What was sent again for a letter is in: when that leaves, the letter waits again.
    INSERT INTO journey.awaited (name, letter, subject, unit)
    SELECT name, letter, subject, $1::BIGINT FROM unnest($2::TEXT[], $3::BYTEA[], $4::TEXT[]) AS u (letter, name, subject)
"""
FORGET = "DELETE FROM journey.awaited WHERE letter = ANY($1::TEXT[])"
AWAIT = """
    -- Letters that are open or fixed await what is not in of their names; those of whose names all are in are closed.
    WITH named AS (
        SELECT u.letter, u.name, u.subject,
            (SELECT MIN(t.unit) FROM journey.touchpoints AS t WHERE t.key = u.subject AND t.name = u.name) AS unit
        FROM unnest($1::TEXT[], $2::BYTEA[], $3::TEXT[]) AS u (letter, name, subject)
        JOIN journey.dead_letters AS d ON d.id = u.letter AND d.state IN ('open', 'fixed')
    ), awaiting AS (
        INSERT INTO journey.awaited (name, letter, subject, unit) SELECT name, letter, subject, unit FROM named
        ON CONFLICT (name, letter) DO UPDATE SET unit = excluded.unit
    )
    UPDATE journey.dead_letters AS d SET state = 'arrived', unit = n.unit
    FROM (SELECT letter, MAX(unit) AS unit FROM named GROUP BY letter HAVING COUNT(*) = COUNT(unit)) AS n WHERE d.id = n.letter
"""
AWAITED = "SELECT EXISTS (SELECT 1 FROM journey.awaited WHERE unit IS NULL)"
AWAITED_BY = "SELECT DISTINCT letter FROM journey.awaited WHERE name = ANY($1::BYTEA[]) AND unit IS NULL ORDER BY letter"
AWAIT_NO_MORE = "UPDATE journey.awaited SET unit = $2 WHERE name = ANY($1::BYTEA[]) AND unit IS NULL"
ARRIVED = """
    UPDATE journey.dead_letters AS d SET state = 'arrived', unit = $1::BIGINT
    WHERE d.id = ANY($2::TEXT[]) AND d.state IN ('open', 'fixed')
        AND NOT EXISTS (SELECT 1 FROM journey.awaited AS a WHERE a.letter = d.id AND a.unit IS NULL)
"""
LOCK_LETTERS = "SELECT pg_advisory_xact_lock(7003)"
_UNKNOWN = """
    INSERT INTO journey.unknown_fields AS f (type, field, seen)
    SELECT type, field, seen FROM unnest($1::TEXT[], $2::TEXT[], $3::BIGINT[]) AS u (type, field, seen)
    ON CONFLICT (type, sha256(decode(replace(field, E'\\\\', E'\\\\\\\\'), 'escape'))) DO UPDATE SET seen = f.seen + excluded.seen
"""

READY = (
    Statement(GENERATION, ()),
    Statement(SET_ASIDE, ()),
    Statement(LOCK_OFFSETS, ("", [])),
    Statement(MOVE_OFFSETS, ("", [], [], [])),
    Statement(VERSIONS, ([],)),
    Statement(LOCK_SUBJECTS, ([], [], [])),
    Statement(CHECK_WATCHED, ([], [])),
    Statement(_TOUCHPOINTS, (0, [], [], [], [], [], [], [], [], [], [])),
    Statement(_BROUGHT_TOO, ([], [], [], [])),
    Statement(_IMPORTED, (0, [], [], [], [], [], [], [])),
    Statement(_VOIDS, (0, [], [], [], [])),
    Statement(_VOID, (0, [], [])),
    Statement(_TAKES_PART, ([], [])),
    Statement(_CONTESTED, (0, [], [], [], [])),
    Statement(_JOURNEYS.format("journeys"), ([], [], [])),
    Statement(_GONE, ([],)),
    Statement(_CHANGES, (0, [], [], [])),
    Statement(_LETTERS, ([], [], [], [], [], [], [], [], [], [], [], [], [], [])),
    Statement(_LETTERS_BROUGHT, ([], [])),
    Statement(_STILL, ([], [], [])),
    Statement(_REQUEUED, (0, [])),
    Statement(SENT_AGAIN, ([],)),
    Statement(FORGET, ([],)),
    Statement(STAND_FOR, (0, [], [], [])),
    Statement(AWAIT, ([], [], [])),
    Statement(AWAITED, ()),
    Statement(AWAITED_BY, ([],)),
    Statement(AWAIT_NO_MORE, ([], 0)),
    Statement(ARRIVED, (0, [])),
    Statement(_UNKNOWN, ([], [], [])),
)
"""Every statement that runs while locks are held, with no rows: run once on a new connection, it is prepared there."""


def steps(unit: Unit, number: int) -> list[Statement]:
    """What stores `unit`, in the order in which all units do it. What others may want too comes last, to be held for an instant."""
    found: list[Statement] = []
    if unit.voids:
        names = _columns(sorted((name_digest(name), *name) for name in unit.voids))
        found += [Statement(_VOIDS, (number, *names)), Statement(_VOID, (number, names[0], names[1]))]
    touchpoints = sorted(_touchpoints(unit.rows), key=itemgetter(0))
    found += (Statement(_TOUCHPOINTS, (number, *_columns(some))) for some in _some(touchpoints, lambda row: len(row[-1])))
    if unit.brought_too:
        too = sorted((name_digest(name), digest, occurred_at, by) for name, digest, occurred_at, by in unit.brought_too)
        found.append(Statement(_BROUGHT_TOO, _columns(too)))
    if unit.imported:
        counts = ((id, c.read, c.accepted, c.duplicates, c.conflicts, c.dead_letters, c.left_out) for id, c in unit.imported.items())
        found.append(Statement(_IMPORTED, (number, *_columns(sorted(counts)))))
    if unit.takes_part:
        found.append(Statement(_TAKES_PART, _columns(sorted(unit.takes_part))))
    if unit.contested:
        found.append(Statement(_CONTESTED, (number, *_columns(sorted((name_digest(name), *name) for name in unit.contested)))))
    found += write_journeys(unit.journeys, unit.facts)
    if unit.gone:
        found.append(Statement(_GONE, (sorted(unit.gone),)))
    found += write_changes(number, 0, unit.facts, is_last=True)
    if unit.struck:
        found.append(Statement(_STRUCK, (number, orjson.dumps(unit.struck))))
    if unit.unknown_fields:
        counted = sorted((_clean(type), _clean(field), seen) for (type, field), seen in unit.unknown_fields.items())
        found.append(Statement(_UNKNOWN, _columns(counted)))
    if unit.dead_letters or unit.requeued:
        found.append(Statement(LOCK_LETTERS, ()))
        letters = _letters([letter for letter in unit.dead_letters if not letter.again])
        found += (Statement(_LETTERS, _columns(some)) for some in _some(letters, lambda row: len(row[6]) + len(row[7] or b"")))
        if brought := {(letter.id, letter.import_id or 0) for letter in unit.dead_letters if not letter.again}:
            found.append(Statement(_LETTERS_BROUGHT, _columns(sorted(brought))))
        if still := [(letter.id, _clean(letter.code), _clean(letter.reason)) for letter in unit.dead_letters if letter.again]:
            found.append(Statement(_STILL, _columns(sorted(set(still)))))
        if unit.requeued:
            ids = sorted(unit.requeued)
            stand_for = _columns([(id, name_digest(unit.requeued[id]), unit.requeued[id][0]) for id in ids])
            found += [Statement(_REQUEUED, (number, ids)), Statement(FORGET, (ids,)), Statement(STAND_FOR, (number, *stand_for))]
    return found


def changed_by(unit: Unit) -> set[str]:
    """The subjects that `unit` changes: what it says it does, and all that it stores something under."""
    return unit.touched | unit.persons.keys() | {key for row in unit.rows for key in row.keys}


def locks(unit: Unit, changed: set[str], unwatched: Mapping[str, int]) -> Statement:
    """Locks every subject that `unit` rests on or changes, and brings those `changed` to the next version; counts how many it did.

    `unwatched` are the versions of those changed that the unit does not say it rests on.
    """
    versions = {**unwatched, **unit.versions}
    every = sorted(changed | unit.versions.keys())
    persons = [unit.persons.get(key) for key in every]
    return Statement(LOCK_SUBJECTS, (every, persons, [versions.get(key, 0) + 1 if key in changed else 0 for key in every]))


def write_journeys(journeys: Mapping[str, bytes], facts: Iterable[FactRow], table: str = "journeys") -> Iterator[Statement]:
    # As PostgreSQL writes an array.
    arrays = {person: f"{{{','.join(map(str, found))}}}" for person, found in due(facts).items()}
    sql = _JOURNEYS.format(table)
    rows = [(subject, body, arrays.get(subject)) for subject, body in sorted(journeys.items())]
    return (Statement(sql, _columns(some)) for some in _some(rows, lambda row: len(row[1])))


def write_changes(number: int, part: int, facts: list[FactRow], *, is_last: bool) -> list[Statement]:
    """The facts of a unit from `part` on, in parts of a bounded size: one at least."""
    bodies = list(_parts(facts))
    rows = [(part + nth, is_last and nth == len(bodies) - 1, body) for nth, body in enumerate(bodies)]
    return [Statement(_CHANGES, (number, *_columns(some))) for some in _some(rows, lambda row: len(row[2]))]


@lru_cache(NAMES_AT_HAND_MAX)
def name_digest(name: Name) -> bytes:
    """What a name is found by. No part of one holds a NUL. Those of a unit are asked for when it is read, and when it is stored."""
    return blake2b("\0".join(name).encode(), digest_size=16).digest()


def _touchpoints(rows: Iterable[BodyRow]) -> Iterator[tuple[Any, ...]]:
    for touch, body, digest, under, _, voided, _, by in rows:
        name = name_digest((touch.subject, touch.source, touch.id))
        named = keys(touch)
        other, third = (*named[1:], None, None)[:2]
        for key in under:
            yield key, name, digest, touch.occurred_at, voided, touch.type == "retracted", other, third, by, body


def _parts(facts: list[FactRow]) -> Iterator[bytes]:
    for start in range(0, len(facts) or 1, PART_FACTS_MAX):
        some = facts[start : start + PART_FACTS_MAX]
        body = fact_bodies.dump(some)
        if len(body) <= PART_BYTES_MAX or len(some) == 1:
            yield body
        else:
            half = len(some) // 2
            yield from _parts(some[:half])
            yield from _parts(some[half:])


def _letters(letters: Sequence[DeadLetter]) -> list[tuple[Any, ...]]:
    """One row for each that is seen, however often it is in this unit, in order of id."""
    rows: dict[str, list[Any]] = {}
    for nth, letter in enumerate(letters, start=1):
        row = rows.get(letter.id)
        if row is None:
            texts = map(_clean, (letter.id, letter.code, letter.reason, letter.source, letter.place))
            at = letter.recorded_at
            rows[letter.id] = [nth, *texts, letter.raw, letter.body, letter.needs_fix, 1, at, at, *(letter.whole or (None, None))]
        else:
            row[9] += 1
            row[11] = max(row[11], letter.recorded_at)
    return [tuple(rows[id]) for id in sorted(rows)]


def _clean(text: str) -> str:
    """`text` as PostgreSQL can hold it: what others chose may have a NUL in it, or half of a character."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


def _columns(rows: Collection[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(zip(*rows, strict=True))


def _some(rows: list[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """`rows` in the sizes that one statement takes, or one of them where that is larger."""
    held, start = 0, 0
    for index, row in enumerate(rows):
        held += size(row)
        if held > BYTES_PER_STATEMENT_MAX and index > start:
            yield rows[start:index]
            held, start = size(row), index
    if start < len(rows):
        yield rows[start:]
