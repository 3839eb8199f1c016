-- Imports: what came in with which, and what was withdrawn when one was retracted. `import` is its id, which Kafka's records have.

-- In the row whose key is its subject: the first import that brought it; NULL where none did, or something else did too.
ALTER TABLE journey.touchpoints ADD COLUMN import BIGINT;

-- Who brought the same body at the same time too, of rows that came in with an import.
CREATE TABLE journey.brought_too (
    import       BIGINT  NOT NULL,                  -- 0: none, such as a stream
    occurred_at  BIGINT  NOT NULL,
    name         BYTEA   NOT NULL,
    digest       BYTEA   NOT NULL,
    PRIMARY KEY (name, digest, occurred_at, import)
);

-- Touchpoints as they stood until a unit withdrew them, or what voided them: what was known before it is answered from here.
CREATE TABLE journey.withdrawn (
    occurred_at  BIGINT  NOT NULL,
    unit         BIGINT  NOT NULL,
    voided_by    BIGINT,
    until        BIGINT  NOT NULL,                  -- the unit since which it is so no more
    retracts     BOOLEAN NOT NULL,
    key          TEXT    COLLATE "C" NOT NULL,
    name         BYTEA   NOT NULL,
    digest       BYTEA   NOT NULL,
    other        TEXT    COLLATE "C",
    body         BYTEA   NOT NULL,
    PRIMARY KEY (key, name, digest, occurred_at, until)
);
CREATE INDEX withdrawn_until ON journey.withdrawn (until);

CREATE TABLE journey.withdrawn_voids (
    name         BYTEA   NOT NULL,
    subject      TEXT    COLLATE "C" NOT NULL,
    source       TEXT    COLLATE "C" NOT NULL,
    id           TEXT    COLLATE "C" NOT NULL,
    unit         BIGINT  NOT NULL,
    until        BIGINT  NOT NULL,
    PRIMARY KEY (name, until)
);

-- What is being withdrawn: empty outside of that transaction.
CREATE TABLE journey.leaving (
    occurred_at  BIGINT  NOT NULL,
    name         BYTEA   NOT NULL,
    digest       BYTEA   NOT NULL,
    PRIMARY KEY (name, digest, occurred_at)
);

-- Who brought a dead letter. One without a row came only with imports that were retracted.
CREATE TABLE journey.letters_brought (
    import       BIGINT  NOT NULL,                  -- 0: none
    letter       TEXT    COLLATE "C" NOT NULL,
    PRIMARY KEY (letter, import)
);
INSERT INTO journey.letters_brought (letter, import) SELECT id, 0 FROM journey.dead_letters;

-- What became of the records of an import, by the units that placed them; and how many there were, once all were taken in.
CREATE TABLE journey.imported (
    import       BIGINT  NOT NULL,
    unit         BIGINT  NOT NULL,
    read         BIGINT  NOT NULL,
    accepted     BIGINT  NOT NULL,
    duplicates   BIGINT  NOT NULL,
    conflicts    BIGINT  NOT NULL,
    dead_letters BIGINT  NOT NULL,
    left_out     BIGINT  NOT NULL,
    PRIMARY KEY (import, unit)
);

CREATE TABLE journey.whole_imports (
    import       BIGINT  PRIMARY KEY,
    read         BIGINT  NOT NULL
);

-- Every unit asks for the last decision to set a record aside, or to retract an import.
DROP INDEX journey.control_set_aside;
CREATE INDEX control_set_aside ON journey.control (number) WHERE action IN ('set-aside', 'retract');
