-- What is derived anew is built beside what is in use: what some units brought has to be found.
--
-- Bodies come in the order of their units, so an index of ranges is enough, and costs next to nothing to keep.
CREATE INDEX touchpoints_by_unit ON journey.touchpoints USING brin (unit) WITH (autosummarize = on);
CREATE INDEX voids_by_unit ON journey.voids USING brin (unit) WITH (autosummarize = on);

-- Of a unit that derived all anew, in its first part: persons who are no more.
ALTER TABLE journey.changes ADD COLUMN gone BYTEA;     -- JSON
