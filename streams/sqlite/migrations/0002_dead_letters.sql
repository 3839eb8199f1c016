-- What becomes of a dead letter: put right, sent again, dismissed.

ALTER TABLE log ADD COLUMN letter TEXT;                                     -- the id of the dead letter that it is sent again for

ALTER TABLE dead_letters ADD COLUMN body BLOB;                              -- what could not be read, where that was made of `raw`
ALTER TABLE dead_letters ADD COLUMN needs_fix INTEGER NOT NULL DEFAULT 0;   -- 1: nothing could be made of `raw`, so only a fix can be sent
ALTER TABLE dead_letters ADD COLUMN state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'fixed', 'requeued', 'dismissed'));
ALTER TABLE dead_letters ADD COLUMN fix BLOB;                               -- what is sent in its place; `raw` stays as it came
ALTER TABLE dead_letters ADD COLUMN unit INTEGER;                           -- that it came in with
UPDATE dead_letters SET needs_fix = 1 WHERE code = 'unmapped';
CREATE INDEX dead_letters_by_state ON dead_letters (state, number);

ALTER TABLE contested ADD COLUMN number INTEGER;                            -- what a person names it by
ALTER TABLE contested ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;      -- 1: somebody has seen it, and no other body came since
UPDATE contested SET number = (
    SELECT COUNT(*) FROM contested AS c WHERE (c.unit, c.subject, c.source, c.id)
        <= (contested.unit, contested.subject, contested.source, contested.id)
);
CREATE UNIQUE INDEX contested_by_number ON contested (number);
