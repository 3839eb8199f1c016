-- A letter closes itself once what it was meant to be is in.

ALTER TABLE journey.dead_letters
    DROP CONSTRAINT dead_letters_state_check,
    ADD CONSTRAINT dead_letters_state_check CHECK (state IN ('open', 'fixed', 'requeued', 'arrived', 'dismissed'));

-- The names of touchpoints that letters were meant to be. A letter that is closed keeps them: an import that is taken back opens it again.
CREATE TABLE journey.awaited (
    name         BYTEA   NOT NULL,                  -- digest of (subject, source, id)
    letter       TEXT    COLLATE "C" NOT NULL,      -- the id of the letter
    subject      TEXT    COLLATE "C" NOT NULL,
    unit         BIGINT,                            -- that it is in since; NULL: it is awaited
    PRIMARY KEY (name, letter)
);
CREATE INDEX awaited_by_letter ON journey.awaited (letter);
CREATE INDEX awaited_still ON journey.awaited (letter) WHERE unit IS NULL;
