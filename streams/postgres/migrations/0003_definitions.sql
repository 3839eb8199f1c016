-- By which definition all was derived from this unit on: what was in use as of an earlier position.
ALTER TABLE journey.units ADD COLUMN definition TEXT COLLATE "C";     -- fingerprint; of units that rebuild

UPDATE journey.units SET definition = (
    SELECT detail::JSON ->> 'fingerprint' FROM journey.control
    WHERE action = 'definition' AND at <= units.recorded_at ORDER BY number DESC LIMIT 1
) WHERE rebuilt;
