-- Keys of the HTTP interface. A key itself is kept nowhere.
CREATE TABLE api_keys (
    name     TEXT    PRIMARY KEY,
    role     TEXT    NOT NULL,
    sha256   BLOB    NOT NULL UNIQUE,   -- of the key
    origins  TEXT    NOT NULL,          -- JSON: the only web pages that may use it from a browser
    made     INTEGER NOT NULL REFERENCES control (number),
    revoked  INTEGER REFERENCES control (number),
    used_at  INTEGER
) STRICT;
