-- Facts of before are read as they are. A version that does not know this file would not understand what is written from now on.
COMMENT ON COLUMN journey.changes.facts IS 'Signed facts: a line for each kind, of its name, a tab, and a JSON list';
