"""What only one import brought, taken away: in the transaction that is open, while nobody else commits.

It stays in `withdrawn` and `withdrawn_voids` as it stood, so that what was known earlier is still answered.
"""

from collections import defaultdict

from journey.histories import keys
from journey.touchpoints import Retracted
from schemas.decode import touchpoint_of
from streams.operators import OnlyBrought
from streams.postgres.lock_sessions import Connection
from streams.postgres.shadow import LIMITS, SWITCH_MS_MAX
from streams.postgres.unit_statements import LOCK_LETTERS

SECONDS_MAX = SWITCH_MS_MAX / 1000
READING = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off"

_SAME = "{0}.name = t.name AND {0}.digest = t.digest AND {0}.occurred_at = t.occurred_at"
_ONLY = f"t.import = $1 AND NOT EXISTS (SELECT FROM journey.brought_too AS b WHERE {_SAME.format('b')} AND b.import <> $1)"
"""Under which rivals of theirs it is stored besides, has no import of its own."""

_LEAVING = f"""
    INSERT INTO journey.leaving (name, digest, occurred_at)
    SELECT DISTINCT t.name, t.digest, t.occurred_at FROM journey.touchpoints AS t WHERE {_ONLY}
"""
_COLUMNS = "occurred_at, unit, voided_by, retracts, key, name, digest, other, third, body"
_TAKE = f"""
    WITH gone AS (
        DELETE FROM journey.touchpoints AS t USING journey.leaving AS l WHERE {_SAME.format("l")}
        RETURNING {", ".join(f"t.{column}" for column in _COLUMNS.split(", "))}
    )
    INSERT INTO journey.withdrawn ({_COLUMNS}, until) SELECT {_COLUMNS}, $1::BIGINT FROM gone
"""
_LEFT = """
    SELECT key, name, body, occurred_at FROM journey.touchpoints WHERE name IN (SELECT name FROM journey.leaving)
"""
_TAKE_FROM = f"""
    WITH gone AS (
        DELETE FROM journey.touchpoints AS t USING unnest($2::TEXT[], $3::BYTEA[]) AS u (key, name) WHERE t.key = u.key AND t.name = u.name
        RETURNING {", ".join(f"t.{column}" for column in _COLUMNS.split(", "))}
    )
    INSERT INTO journey.withdrawn ({_COLUMNS}, until) SELECT {_COLUMNS}, $1::BIGINT FROM gone
"""
_OTHERS = f"""
    UPDATE journey.touchpoints AS t
    SET import = (SELECT NULLIF(MIN(b.import), 0) FROM journey.brought_too AS b WHERE {_SAME.format("b")}) WHERE import = $1
"""
_LIFT_VOIDS = """
    WITH lifted AS (DELETE FROM journey.voids WHERE name = ANY($2::BYTEA[]) RETURNING name, subject, source, id, unit)
    INSERT INTO journey.withdrawn_voids (name, subject, source, id, unit, until)
    SELECT name, subject, source, id, unit, $1::BIGINT FROM lifted
"""
_LIFT = f"""
    -- Under every key that a body of that name names, as it was voided.
    WITH named AS (
        SELECT t.key, t.name, t.other, t.third FROM journey.touchpoints AS t
        WHERE t.key = $3 AND t.name = ANY($2::BYTEA[]) AND NOT t.retracts AND t.voided_by IS NOT NULL
    ), places AS (
        SELECT key, name FROM named UNION SELECT other, name FROM named WHERE other IS NOT NULL
        UNION SELECT third, name FROM named WHERE third IS NOT NULL
    ), kept AS (
        INSERT INTO journey.withdrawn ({_COLUMNS}, until)
        SELECT {", ".join(f"t.{column}" for column in _COLUMNS.split(", "))}, $1::BIGINT
        FROM places AS p JOIN journey.touchpoints AS t ON t.key = p.key AND t.name = p.name
        WHERE NOT t.retracts AND t.voided_by IS NOT NULL
    )
    UPDATE journey.touchpoints AS t SET voided_by = NULL, unit = $1 FROM places AS p
    WHERE t.key = p.key AND t.name = p.name AND NOT t.retracts AND t.voided_by IS NOT NULL
"""
_NAMED = """
    -- Who is named in a deal by what counts only now was never derived.
    INSERT INTO journey.subjects AS s (key, person, version) SELECT DISTINCT id, id, 1 FROM journey.takes_part
    ON CONFLICT (key) DO UPDATE SET person = COALESCE(s.person, excluded.person), version = 1 WHERE s.version = 0
"""
_CONTESTED = """
    DELETE FROM journey.contested AS c WHERE c.name IN (SELECT name FROM journey.leaving)
    AND 2 > (SELECT COUNT(DISTINCT t.digest) FROM journey.touchpoints AS t WHERE t.key = c.subject AND t.name = c.name)
"""
_AWAITED_AGAIN = """
    UPDATE journey.awaited AS a SET unit = NULL WHERE a.name IN (SELECT name FROM journey.leaving)
    AND NOT EXISTS (SELECT FROM journey.touchpoints AS t WHERE t.key = a.subject AND t.name = a.name)
"""
_OPEN_AGAIN = """
    -- What they were meant to be, or what was sent again for them, is in no more.
    UPDATE journey.dead_letters AS d SET state = CASE WHEN d.fix IS NULL THEN 'open' ELSE 'fixed' END, unit = NULL
    WHERE d.state IN ('arrived', 'requeued') AND d.id IN (SELECT letter FROM journey.awaited WHERE unit IS NULL)
"""
_OF_NAME = "SELECT COUNT(*) FROM journey.touchpoints AS t WHERE t.key = a.subject AND t.name = a.name"
_WAITING_AGAIN = f"""
    SELECT DISTINCT d.number FROM journey.awaited AS a JOIN journey.dead_letters AS d ON d.id = a.letter
    WHERE d.state IN ('arrived', 'requeued')
    AND ({_OF_NAME} AND {_ONLY}) > 0 AND ({_OF_NAME} AND {_ONLY}) = ({_OF_NAME}) ORDER BY d.number
"""
_OTHER_LETTERS = "SELECT FROM journey.letters_brought AS o WHERE o.letter = b.letter AND o.import <> b.import"
_LETTERS = f"""
    UPDATE journey.dead_letters SET state = 'dismissed'
    WHERE id IN (SELECT letter FROM journey.letters_brought AS b WHERE b.import = $1 AND NOT EXISTS ({_OTHER_LETTERS}))
"""
_FORGET = f"""
    DELETE FROM journey.awaited WHERE letter IN
    (SELECT letter FROM journey.letters_brought AS b WHERE b.import = $1 AND NOT EXISTS ({_OTHER_LETTERS}))
"""


async def withdraw(db: Connection, import_id: int, number: int) -> None:
    """Take the touchpoints away, as unit `number`, and what they voided counts again."""
    await db.execute(LIMITS)
    for sql, value in (
        (_LEAVING, import_id),
        (_TAKE, number),
        ("DELETE FROM journey.brought_too WHERE import = $1", import_id),
        (_OTHERS, import_id),
    ):
        await db.execute(sql, value, timeout=SECONDS_MAX)
    await db.execute(_NAMED, timeout=SECONDS_MAX)
    left = await db.fetch(_LEFT, timeout=SECONDS_MAX)
    await db.execute(READING)
    # What is left of the names is stored under the keys that it names itself, and no longer under those of rivals that are gone.
    under, named = defaultdict[bytes, set[str]](set), defaultdict[bytes, set[str]](set)
    for key, name, body, at in left:
        under[name].add(key)
        named[name].update(keys(touchpoint_of(body, at)))
    others = [(key, name) for name in under for key in under[name] - named[name]]
    await db.execute(_TAKE_FROM, number, [key for key, _ in others], [name for _, name in others])
    subjects = await db.fetch(
        "SELECT DISTINCT subject FROM journey.voids AS v JOIN journey.withdrawn AS w ON w.key = v.subject AND w.until = $1 AND w.retracts",
        number,
    )
    for (subject,) in subjects:
        retractions = set()
        for body, at in await db.fetch("SELECT body, occurred_at FROM journey.touchpoints WHERE key = $1 AND retracts", subject):
            if isinstance(data := touchpoint_of(body, at).data, Retracted):
                retractions.add((data.of_source, data.of_id))
        voids = await db.fetch("SELECT name, source, id FROM journey.voids WHERE subject = $1", subject)
        lifted = [name for name, source, id in voids if (source, id) not in retractions]
        await db.execute(_LIFT_VOIDS, number, lifted)
        await db.execute(_LIFT, number, lifted, subject)


async def close(db: Connection, import_id: int) -> None:
    """Conflicts and dead letters that only came with it are none; those are open again that it had closed. Last: others want them too."""
    for sql, *values in (
        (_CONTESTED,),
        (LOCK_LETTERS,),
        (_AWAITED_AGAIN,),
        (_OPEN_AGAIN,),
        (_LETTERS, import_id),
        (_FORGET, import_id),
        ("DELETE FROM journey.letters_brought WHERE import = $1", import_id),
        ("DELETE FROM journey.leaving",),
    ):
        await db.execute(sql, *values, timeout=SECONDS_MAX)


async def only_brought(db: Connection, import_id: int) -> OnlyBrought:
    """See `streams.ports.Histories`."""
    (touchpoints,) = await db.fetchrow(
        f"SELECT COUNT(*) FROM (SELECT DISTINCT t.name, t.digest, t.occurred_at FROM journey.touchpoints AS t WHERE {_ONLY}) AS a",
        import_id,
    ) or (0,)
    every = await db.fetchval(
        "SELECT COUNT(*) FROM (SELECT name, digest, occurred_at FROM journey.touchpoints WHERE import = $1"
        " UNION SELECT name, digest, occurred_at FROM journey.brought_too WHERE import = $1) AS a",
        import_id,
    )
    people, deals = await db.fetchrow(
        "SELECT COUNT(DISTINCT s.person), COUNT(DISTINCT a.key) FILTER (WHERE starts_with(a.key, 'deal:'))"
        f" FROM (SELECT DISTINCT t.key FROM journey.touchpoints AS t WHERE {_ONLY}) AS a"
        " LEFT JOIN journey.subjects AS s ON s.key = a.key",
        import_id,
    ) or (0, 0)
    dismissed = await db.fetch(
        "SELECT d.number FROM journey.letters_brought AS b JOIN journey.dead_letters AS d ON d.id = b.letter"
        f" WHERE b.import = $1 AND NOT EXISTS ({_OTHER_LETTERS}) AND d.state <> 'dismissed' ORDER BY d.number",
        import_id,
    )
    only = {row[0]: None for row in dismissed}
    again = [row[0] for row in await db.fetch(_WAITING_AGAIN, import_id)]
    return OnlyBrought(touchpoints, every - touchpoints, people, deals, tuple(only), tuple(one for one in again if one not in only))
