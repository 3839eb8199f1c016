-- Of what is too large to be kept, the beginning, the length and the hash. A letter's bytes come last in its row: SQLite reads a row up to
-- the last column that it is asked for, and a list asks for none of them. Columns to come go before them.

ALTER TABLE log ADD COLUMN length INTEGER;      -- of all bytes, where `raw` is but the beginning
ALTER TABLE log ADD COLUMN sha256 TEXT;         -- likewise

CREATE TABLE letters (
    id           TEXT    PRIMARY KEY,   -- SHA-256 of source and bytes: seen again, it counts again
    number       INTEGER NOT NULL UNIQUE,
    code         TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    place        TEXT    NOT NULL,      -- where it was first seen
    seen         INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    needs_fix    INTEGER NOT NULL DEFAULT 0,    -- 1: nothing could be made of `raw`, so only a fix can be sent
    state        TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'fixed', 'requeued', 'dismissed')),
    unit         INTEGER,               -- that it came in with
    length       INTEGER,               -- of all bytes, where `raw` is but the beginning
    sha256       TEXT,                  -- likewise
    fix          BLOB,                  -- what is sent in its place; `raw` stays as it came
    body         BLOB,                  -- what could not be read, where that was made of `raw`
    raw          BLOB    NOT NULL
) STRICT;
INSERT INTO letters (id, number, code, reason, source, place, seen, first_at, last_at, needs_fix, state, unit, fix, body, raw)
    SELECT id, number, code, reason, source, place, seen, first_at, last_at, needs_fix, state, unit, fix, body, raw FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE letters RENAME TO dead_letters;
CREATE INDEX dead_letters_by_state ON dead_letters (state, number);
