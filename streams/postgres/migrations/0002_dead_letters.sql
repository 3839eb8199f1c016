-- What becomes of a dead letter: put right, sent again, dismissed.

ALTER TABLE journey.dead_letters
    ADD COLUMN body      BYTEA,                                 -- what could not be read, where that was made of `raw`
    ADD COLUMN needs_fix BOOLEAN NOT NULL DEFAULT FALSE,        -- nothing could be made of `raw`, so only a fix can be sent
    ADD COLUMN state     TEXT COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'fixed', 'requeued', 'dismissed')),
    ADD COLUMN fix       BYTEA,                                 -- what is sent in its place; `raw` stays as it came
    ADD COLUMN unit      BIGINT;                                -- that it came in with
UPDATE journey.dead_letters SET needs_fix = TRUE WHERE code = 'unmapped';
CREATE INDEX dead_letters_by_state ON journey.dead_letters (state, number);

ALTER TABLE journey.contested
    ADD COLUMN number    BIGINT GENERATED ALWAYS AS IDENTITY,   -- what a person names it by; leaves gaps
    ADD COLUMN dismissed BOOLEAN NOT NULL DEFAULT FALSE;        -- somebody has seen it, and no other body came since
CREATE UNIQUE INDEX contested_by_number ON journey.contested (number);
