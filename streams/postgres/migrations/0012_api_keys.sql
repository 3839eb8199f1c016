-- Keys of the HTTP interface. A key itself is kept nowhere.
CREATE TABLE journey.api_keys (
    name     TEXT   COLLATE "C" PRIMARY KEY,
    role     TEXT   NOT NULL,
    sha256   BYTEA  NOT NULL UNIQUE,    -- of the key
    origins  TEXT[] NOT NULL,           -- the only web pages that may use it from a browser
    made     BIGINT NOT NULL REFERENCES journey.control (number),
    revoked  BIGINT REFERENCES journey.control (number),
    used_at  BIGINT
);
