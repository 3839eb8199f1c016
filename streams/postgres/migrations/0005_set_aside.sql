-- What a sender chose is not told apart by MD5: two texts with one MD5 can be made, and a unit that brought both could not be stored, or
-- lost one of two deals. SHA-256 is of the bytes of the text: `decode` with its backslashes doubled gives just these.
DROP INDEX journey.takes_part_once;
CREATE UNIQUE INDEX takes_part_once ON journey.takes_part (id, sha256(decode(replace(deal, E'\\', E'\\\\'), 'escape')));
DROP INDEX journey.unknown_fields_once;
CREATE UNIQUE INDEX unknown_fields_once ON journey.unknown_fields (type, sha256(decode(replace(field, E'\\', E'\\\\'), 'escape')));

-- Every unit asks for the last decision to set a record aside.
CREATE INDEX control_set_aside ON journey.control (number) WHERE action = 'set-aside';
