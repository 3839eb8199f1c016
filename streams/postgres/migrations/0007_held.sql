-- How many ids more than before a unit's links keep apart from others, so that whoever sent them is told.
ALTER TABLE journey.units ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
