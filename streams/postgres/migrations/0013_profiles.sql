-- Where what people are called stands, for who looks for a part of it: nothing is kept twice.
CREATE INDEX profiles ON journey.touchpoints (key) WHERE position('"profile_updated"'::BYTEA IN body) > 0;
