-- A letter closes itself once what it was meant to be is in.

ALTER TABLE log ADD COLUMN meant BLOB;  -- where nothing could be made of `raw`, what is known of what it was meant to be

-- Its bytes come last in its row: see 0004.

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
    state        TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'fixed', 'requeued', 'arrived', 'dismissed')),
    unit         INTEGER,               -- that it came in with, or what it was meant to be
    length       INTEGER,               -- of all bytes, where `raw` is but the beginning
    sha256       TEXT,                  -- likewise
    fix          BLOB,                  -- what is sent in its place; `raw` stays as it came
    body         BLOB,                  -- what could not be read, where that was made of `raw`; or what is known of what was meant
    raw          BLOB    NOT NULL
) STRICT;
INSERT INTO letters (id, number, code, reason, source, place, seen, first_at, last_at, needs_fix, state, unit, length, sha256, fix, body, raw)
    SELECT id, number, code, reason, source, place, seen, first_at, last_at, needs_fix, state, unit, length, sha256, fix, body, raw
    FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE letters RENAME TO dead_letters;
CREATE INDEX dead_letters_by_state ON dead_letters (state, number);

-- The names of touchpoints that letters were meant to be. A letter that is closed keeps them: an import that is taken back opens it again.
CREATE TABLE awaited (
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    letter       TEXT    NOT NULL,      -- the id of the letter
    unit         INTEGER,               -- that it is in since; NULL: it is awaited
    PRIMARY KEY (subject, source, id, letter)
) STRICT, WITHOUT ROWID;
CREATE INDEX awaited_by_letter ON awaited (letter);
CREATE INDEX awaited_still ON awaited (letter) WHERE unit IS NULL;
