-- The record of the distributed runtime: what is stored of every subject, and what is derived from it.
--
-- All text is compared by its bytes. An entry of an index holds about 2,700 bytes, and an id may have 2,048: where a key has more
-- than one id, its other parts stand in the index as a digest.

CREATE TABLE journey.offsets (
    topic        TEXT    COLLATE "C" NOT NULL,      -- the id of the topic, not its name: one made anew begins anew
    "partition"  INTEGER NOT NULL,
    "offset"     BIGINT  NOT NULL,                  -- the last record whose effect is in this database
    PRIMARY KEY (topic, "partition")
);

-- A unit is told apart by a number that it has from the start, and that leaves gaps where one fails.
CREATE SEQUENCE journey.unit_numbers;

-- Its position it takes as its last step, from the one row of `last`: positions have no gaps, and are the order of commits.
CREATE TABLE journey.last (
    single       BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (single),
    position     BIGINT  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO journey.last (position) VALUES (0);

CREATE TABLE journey.units (
    unit         BIGINT  PRIMARY KEY,
    position     BIGINT  NOT NULL UNIQUE,
    recorded_at  BIGINT  NOT NULL,                  -- microseconds since 1970
    rebuilt      BOOLEAN NOT NULL,                  -- all facts before it are void, its own are all there are
    accepted     BIGINT  NOT NULL DEFAULT 0,        -- touchpoints that it brought
    duplicates   BIGINT  NOT NULL DEFAULT 0,
    mark         BIGINT                             -- the instant up to which deadlines are announced from this unit on
);

CREATE TABLE journey.changes (
    unit         BIGINT  NOT NULL,
    part         INTEGER NOT NULL,
    is_last      BOOLEAN NOT NULL,                  -- of the unit's parts
    facts        BYTEA   NOT NULL,                  -- JSON: signed facts
    struck       BYTEA,                             -- JSON: deadlines that this unit announces, by person
    PRIMARY KEY (unit, part)
);
-- Read once or twice and dropped: not worth compressing.
ALTER TABLE journey.changes ALTER COLUMN facts SET STORAGE EXTERNAL;

-- How far changes were told to others, and up to where they are dropped.
CREATE TABLE journey.outbox (
    single       BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (single),
    published    BIGINT  NOT NULL,
    pruned       BIGINT  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO journey.outbox (published, pruned) VALUES (0, 0);

-- Every distinct body and time of a touchpoint, under each key that it names. One index finds it again and loads a history.
CREATE TABLE journey.touchpoints (
    occurred_at  BIGINT  NOT NULL,
    unit         BIGINT  NOT NULL,                  -- that first brought it
    voided_by    BIGINT,                            -- the unit that brought its retraction, or the touchpoint after it
    retracts     BOOLEAN NOT NULL,                  -- is a retraction, which can't be retracted
    key          TEXT    COLLATE "C" NOT NULL,
    name         BYTEA   NOT NULL,                  -- digest of (subject, source, id), which the body spells out
    digest       BYTEA   NOT NULL,                  -- of the body
    other        TEXT    COLLATE "C",               -- what it names besides its subject: another key that holds what has its name
    body         BYTEA   NOT NULL,
    PRIMARY KEY (key, name, digest, occurred_at)
);
-- A body is inline up to a page. What PostgreSQL would compress, it would do at every write.
ALTER TABLE journey.touchpoints ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE journey.touchpoints SET (toast_tuple_target = 8160);

-- What retractions name, whether or not it is there yet.
CREATE TABLE journey.voids (
    name         BYTEA   PRIMARY KEY,
    subject      TEXT    COLLATE "C" NOT NULL,
    source       TEXT    COLLATE "C" NOT NULL,
    id           TEXT    COLLATE "C" NOT NULL,
    unit         BIGINT  NOT NULL
);

-- That some body names an id as taking part in a deal. Whether that body counts is settled when it is read.
CREATE TABLE journey.takes_part (
    id           TEXT    COLLATE "C" NOT NULL,
    deal         TEXT    COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX takes_part_once ON journey.takes_part (id, md5(deal));

-- Names with more than one body: which one counts is decided by content, the others are listed with the dead letters.
CREATE TABLE journey.contested (
    name         BYTEA   PRIMARY KEY,
    subject      TEXT    COLLATE "C" NOT NULL,
    source       TEXT    COLLATE "C" NOT NULL,
    id           TEXT    COLLATE "C" NOT NULL,
    unit         BIGINT  NOT NULL
);

-- One row for each subject that a unit rested on or changed: what it locks, and by which it knows that it was raced.
CREATE TABLE journey.subjects (
    version      BIGINT  NOT NULL,                  -- how often it was changed; 0: somebody only looked, and nothing was there
    key          TEXT    COLLATE "C" PRIMARY KEY,
    person       TEXT    COLLATE "C"                -- the name of the person that an id belongs to
) WITH (fillfactor = 70);                           -- room for the next version on the same page
CREATE INDEX subjects_of_others ON journey.subjects (person) WHERE person <> key;

-- A cache of the fold: what is missing here is derived from the history.
CREATE TABLE journey.journeys (
    subject      TEXT    COLLATE "C" PRIMARY KEY,
    body         BYTEA   NOT NULL,
    due          BIGINT[]                           -- when its deadlines strike, if nothing more happens
) WITH (fillfactor = 70, toast_tuple_target = 8160);
ALTER TABLE journey.journeys ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE journey.dead_letters (
    id           TEXT    COLLATE "C" PRIMARY KEY,   -- SHA-256 of source and bytes: seen again, it counts again
    number       BIGINT  NOT NULL UNIQUE,
    code         TEXT    COLLATE "C" NOT NULL,
    reason       TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    place        TEXT    NOT NULL,                  -- where it was first seen
    raw          BYTEA   NOT NULL,
    seen         BIGINT  NOT NULL,
    first_at     BIGINT  NOT NULL,
    last_at      BIGINT  NOT NULL
);

CREATE TABLE journey.unknown_fields (
    type         TEXT    COLLATE "C" NOT NULL,
    field        TEXT    COLLATE "C" NOT NULL,
    seen         BIGINT  NOT NULL
);
CREATE UNIQUE INDEX unknown_fields_once ON journey.unknown_fields (type, md5(field));

-- What operators decided. Workers use only what is here.
CREATE TABLE journey.control (
    number       BIGINT  PRIMARY KEY,
    at           BIGINT  NOT NULL,
    actor        TEXT    NOT NULL,
    action       TEXT    COLLATE "C" NOT NULL,
    reason       TEXT    NOT NULL,
    detail       TEXT    NOT NULL                   -- JSON
);

-- What the derived tables were derived by.
CREATE TABLE journey.generation (
    single       BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (single),
    definition   TEXT    NOT NULL,                  -- fingerprint
    fold_version INTEGER NOT NULL
);
