-- Where what people are called stands, for who looks for a part of it: nothing is kept twice.
CREATE INDEX profiles ON touchpoints (key) WHERE instr(body, CAST('"profile_updated"' AS BLOB)) > 0;
