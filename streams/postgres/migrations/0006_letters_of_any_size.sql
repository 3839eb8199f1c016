-- Of what is too large to be kept, the beginning, the length and the hash.

ALTER TABLE journey.dead_letters
    ADD COLUMN length BIGINT,           -- of all bytes, where `raw` is but the beginning
    ADD COLUMN sha256 TEXT;             -- likewise
