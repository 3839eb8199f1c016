-- Imports: what came in with which, and what was withdrawn when one was retracted. `import` is its id, which also Kafka's records have.

ALTER TABLE log ADD COLUMN import INTEGER;              -- NULL: with none

-- In the row whose key is its subject: the first import that brought it; NULL where none did, or something else did too.
ALTER TABLE touchpoints ADD COLUMN import INTEGER;

-- Who brought the same body at the same time too, of rows that came in with an import.
CREATE TABLE brought_too (
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    digest       BLOB    NOT NULL,
    occurred_at  INTEGER NOT NULL,
    import       INTEGER NOT NULL,      -- 0: none, such as a stream
    PRIMARY KEY (subject, source, id, digest, occurred_at, import)
) STRICT, WITHOUT ROWID;

-- Touchpoints as they stood until a unit withdrew them, or what voided them: what was known before it is answered from here.
CREATE TABLE withdrawn (
    key          TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    digest       BLOB    NOT NULL,
    occurred_at  INTEGER NOT NULL,
    until        INTEGER NOT NULL,      -- the unit since which it is so no more
    unit         INTEGER NOT NULL,
    voided_by    INTEGER,
    body         BLOB    NOT NULL,
    PRIMARY KEY (key, subject, source, id, digest, occurred_at, until)
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawn_until ON withdrawn (until);

CREATE TABLE withdrawn_voids (
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    until        INTEGER NOT NULL,
    unit         INTEGER NOT NULL,
    PRIMARY KEY (subject, source, id, until)
) STRICT, WITHOUT ROWID;

-- What is being withdrawn: empty outside of that transaction.
CREATE TABLE leaving (
    subject      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    digest       BLOB    NOT NULL,
    occurred_at  INTEGER NOT NULL,
    PRIMARY KEY (subject, source, id, digest, occurred_at)
) STRICT, WITHOUT ROWID;

-- Who brought a dead letter. One without a row came only with imports that were retracted.
CREATE TABLE letters_brought (
    letter       TEXT    NOT NULL,
    import       INTEGER NOT NULL,      -- 0: none
    PRIMARY KEY (letter, import)
) STRICT, WITHOUT ROWID;
INSERT INTO letters_brought (letter, import) SELECT id, 0 FROM dead_letters;

-- What became of the records of an import, by the units that placed them; and how many there were, once all were taken in.
CREATE TABLE imported (
    import       INTEGER NOT NULL,
    unit         INTEGER NOT NULL,
    read         INTEGER NOT NULL,
    accepted     INTEGER NOT NULL,
    duplicates   INTEGER NOT NULL,
    conflicts    INTEGER NOT NULL,
    dead_letters INTEGER NOT NULL,
    left_out     INTEGER NOT NULL,
    PRIMARY KEY (import, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE whole_imports (
    import       INTEGER PRIMARY KEY,
    read         INTEGER NOT NULL
) STRICT;

-- There is a decision for each import, and every unit asks for the last one to set aside or to retract.
CREATE INDEX control_by_action ON control (action, number);
