-- Who joined an account stands under the account as well, so that what it says of itself reaches them.

ALTER TABLE journey.touchpoints ADD COLUMN third TEXT COLLATE "C";     -- as `other`, where it names two besides its subject
ALTER TABLE journey.withdrawn ADD COLUMN third TEXT COLLATE "C";

CREATE TEMPORARY TABLE joins ON COMMIT DROP AS
    SELECT DISTINCT name, digest, 'account:' || (convert_from(body, 'UTF8')::JSON #>> '{data,account}') COLLATE "C" AS account
    FROM (SELECT name, digest, body FROM journey.touchpoints UNION ALL SELECT name, digest, body FROM journey.withdrawn) AS t
    WHERE position('account_joined'::BYTEA IN body) > 0 AND convert_from(body, 'UTF8')::JSON ->> 'type' = 'account_joined';

UPDATE journey.touchpoints AS t SET other = COALESCE(t.other, j.account), third = CASE WHEN t.other IS NOT NULL THEN j.account END
FROM joins AS j WHERE j.name = t.name AND j.digest = t.digest;
-- With all that has its name: the body that counts is to count everywhere.
INSERT INTO journey.touchpoints (key, occurred_at, unit, voided_by, retracts, name, digest, other, third, import, body)
SELECT DISTINCT ON (j.account, t.name, t.digest, t.occurred_at) j.account, t.occurred_at, t.unit, t.voided_by, t.retracts, t.name, t.digest, t.other, t.third, t.import, t.body
FROM journey.touchpoints AS t JOIN (SELECT DISTINCT name, account FROM joins) AS j ON j.name = t.name
ON CONFLICT DO NOTHING;

UPDATE journey.withdrawn AS t SET other = COALESCE(t.other, j.account), third = CASE WHEN t.other IS NOT NULL THEN j.account END
FROM joins AS j WHERE j.name = t.name AND j.digest = t.digest;
-- With all that has its name: the body that counts is to count everywhere.
INSERT INTO journey.withdrawn (key, occurred_at, unit, voided_by, until, retracts, name, digest, other, third, body)
SELECT DISTINCT ON (j.account, t.name, t.digest, t.occurred_at, t.until) j.account, t.occurred_at, t.unit, t.voided_by, t.until, t.retracts, t.name, t.digest, t.other, t.third, t.body
FROM journey.withdrawn AS t JOIN (SELECT DISTINCT name, account FROM joins) AS j ON j.name = t.name
ON CONFLICT DO NOTHING;

INSERT INTO journey.subjects (key, version) SELECT DISTINCT account, 1 FROM joins ON CONFLICT DO NOTHING;
