"""How facts are added up in a table of SQLite.

Its integers have 64 bits, and a sum may need more: then it is there as decimal text, until it fits again. So a sum has one spelling, and
`int(…)` reads it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from projections.read_model import Delta, Table


def create(schema: str, table: Table) -> str:
    columns = [f"{column.name} {column.type} NOT NULL" for column in table.key]
    columns += [*(f"{name} ANY NOT NULL" for name in table.sums), "n INTEGER NOT NULL"]
    key = ", ".join(column.name for column in table.key)
    return f"CREATE TABLE IF NOT EXISTS {schema}.{table.name} ({', '.join(columns)}, PRIMARY KEY ({key})) STRICT, WITHOUT ROWID"


def indexes(table: Table) -> list[str]:
    """Of the live table: one that is built anew beside it is read by key alone."""
    return [f"CREATE INDEX IF NOT EXISTS main.{'_'.join((table.name, *one))} ON {table.name} ({', '.join(one)})" for one in table.indexes]


def add(db: sqlite3.Connection, schema: str, table: Table, some: list[Delta]) -> None:
    name = f"{schema}.{table.name}"
    key = ", ".join(column.name for column in table.key)
    # SQLite makes a float of what goes beyond 64 bits, and of text.
    adds = ", ".join(
        [
            *(
                f"{name} = CASE typeof(t.{name} + excluded.{name}) WHEN 'integer' THEN t.{name} + excluded.{name}"
                f" ELSE exact_sum(t.{name}, excluded.{name}) END"
                for name in table.sums
            ),
            "n = t.n + excluded.n",
        ]
    )
    marks = ", ".join("?" * (len(table.key) + len(table.sums) + 1))
    db.executemany(
        # By another name: in the table that is called `excluded`, that would be what was there, and not what comes.
        f"INSERT INTO {name} AS t ({', '.join(table.columns)}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {adds}",
        ((*delta.key, *map(_spelled, delta.adds[1:]), delta.adds[0]) for delta in some),
    )
    taken = [delta.key for delta in some if delta.adds[0] <= 0]
    if taken:
        where = " AND ".join(f"{column.name} = ?" for column in table.key)
        wrong = " OR ".join(("n < 0", *(f"(n = 0 AND {name} <> 0)" for name in table.sums)))
        for one in taken:
            # A count below nothing, or a sum of nothing, is a wrong number somewhere: stop rather than show it.
            if db.execute(f"SELECT 1 FROM {name} WHERE {where} AND ({wrong})", one).fetchone() is not None:
                raise AssertionError(f"{name} {one} would hold less than no facts, or a sum of none")
        db.executemany(f"DELETE FROM {name} WHERE {where} AND n = 0", taken)


def be_exact(db: sqlite3.Connection) -> None:
    """Teach `db` what `add` needs."""
    db.create_function("exact_sum", 2, lambda one, other: _spelled(int(one) + int(other)), deterministic=True)


def _spelled(number: int) -> int | str:
    return number if -(2**63) <= number < 2**63 else str(number)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
