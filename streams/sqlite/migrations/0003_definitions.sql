-- By which definition all was derived from this unit on: what was in use as of an earlier position.
ALTER TABLE units ADD COLUMN definition TEXT;       -- fingerprint; of units that rebuild

UPDATE units SET definition = (
    SELECT json_extract(detail, '$.fingerprint') FROM control
    WHERE action = 'definition' AND at <= units.recorded_at ORDER BY number DESC LIMIT 1
) WHERE rebuilt = 1;
