-- Deadlines are announced when they strike: a mark that a unit carries says up to when, and its changes say which.
ALTER TABLE units ADD COLUMN mark INTEGER;
CREATE INDEX units_with_mark ON units (position) WHERE mark IS NOT NULL;
ALTER TABLE changes ADD COLUMN struck BLOB;     -- JSON: by person, those that the unit announces

-- What time alone will bring to each person if nothing more happens.
CREATE TABLE deadlines (
    at       INTEGER NOT NULL,
    subject  TEXT    NOT NULL,
    PRIMARY KEY (at, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadlines_of_subject ON deadlines (subject);

-- Of what is derived already: in a journey's outlook the third is what lies ahead, and of each fact there the third is its instant, the last its kind.
INSERT OR IGNORE INTO deadlines (at, subject)
SELECT json_extract(ahead.value, '$[2]'), subject
FROM journeys, json_each(CAST(journeys.body AS TEXT), '$.outlook[2]') AS ahead
WHERE json_extract(ahead.value, '$[#-1]') <> 'lead_stood' AND typeof(json_extract(ahead.value, '$[2]')) = 'integer';
