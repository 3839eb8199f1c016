-- The record of the embedded runtime: the log, what is stored of every subject, and what is derived from it.

-- The way in. What is acknowledged is here, durably, whether or not it has been placed.
CREATE TABLE log (
    "offset"     INTEGER PRIMARY KEY,
    recorded_at  INTEGER NOT NULL,      -- microseconds since 1970
    raw          BLOB    NOT NULL,      -- the bytes as they came
    body         BLOB,                  -- the CloudEvents JSON made of them, where they are not that themselves
    reason       TEXT,                  -- why nothing could be made of them
    source       TEXT    NOT NULL,
    place        TEXT    NOT NULL
) STRICT;

CREATE TABLE offsets (
    "partition"  INTEGER PRIMARY KEY,
    "offset"     INTEGER NOT NULL       -- the last record whose effect is in this database
) STRICT;

-- Units: their numbers have no gaps, and are the order of commits.
CREATE TABLE units (
    position     INTEGER PRIMARY KEY,
    recorded_at  INTEGER NOT NULL,
    rebuilt      INTEGER NOT NULL DEFAULT 0     -- 1: all facts before it are void, its own are all there are
) STRICT;

CREATE TABLE changes (
    position     INTEGER NOT NULL REFERENCES units,
    part         INTEGER NOT NULL,
    facts        BLOB    NOT NULL,      -- JSON: signed facts
    PRIMARY KEY (position, part)
) STRICT;

-- Every distinct body and time of a touchpoint, under each key that it names. One index finds it again and loads a history.
CREATE TABLE touchpoints (
    key          TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    digest       BLOB    NOT NULL,
    occurred_at  INTEGER NOT NULL,
    unit         INTEGER NOT NULL,      -- that first brought it
    voided_by    INTEGER,               -- the unit that brought its retraction, or the touchpoint after it
    body         BLOB    NOT NULL,
    PRIMARY KEY (key, subject, source, id, digest, occurred_at)
) STRICT, WITHOUT ROWID;

-- What retractions name, whether or not it is there yet.
CREATE TABLE voids (
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    unit         INTEGER NOT NULL,
    PRIMARY KEY (subject, source, id)
) STRICT, WITHOUT ROWID;

-- That some body names an id as taking part in a deal. Whether that body counts is settled when it is read.
CREATE TABLE takes_part (
    id           TEXT    NOT NULL,
    deal         TEXT    NOT NULL,
    PRIMARY KEY (id, deal)
) STRICT, WITHOUT ROWID;

-- Names with more than one body: which one counts is decided by content, the others are listed with the dead letters.
CREATE TABLE contested (
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    unit         INTEGER NOT NULL,
    PRIMARY KEY (subject, source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subjects (
    key          TEXT    PRIMARY KEY,
    person       TEXT    NOT NULL,      -- the name of the person that the id belongs to
    version      INTEGER NOT NULL       -- the unit that last changed it
) STRICT, WITHOUT ROWID;
CREATE INDEX subjects_by_person ON subjects (person);

-- A cache of the fold: what is missing here is derived from the history.
CREATE TABLE journeys (
    subject      TEXT    PRIMARY KEY,
    body         BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
    id           TEXT    PRIMARY KEY,   -- SHA-256 of source and bytes: seen again, it counts again
    number       INTEGER NOT NULL UNIQUE,
    code         TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    place        TEXT    NOT NULL,      -- where it was first seen
    raw          BLOB    NOT NULL,
    seen         INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE unknown_fields (
    type         TEXT    NOT NULL,
    field        TEXT    NOT NULL,
    seen         INTEGER NOT NULL,
    PRIMARY KEY (type, field)
) STRICT, WITHOUT ROWID;

-- What operators decided. Workers use only what is here.
CREATE TABLE control (
    number       INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    detail       TEXT    NOT NULL       -- JSON
) STRICT;

-- What the derived tables were derived by.
CREATE TABLE generation (
    only         INTEGER PRIMARY KEY CHECK (only = 1),
    definition   TEXT    NOT NULL,      -- fingerprint
    fold_version INTEGER NOT NULL
) STRICT;
