-- Who joined an account stands under the account as well, so that what it says of itself reaches them.

CREATE TEMPORARY TABLE joins AS
    SELECT DISTINCT subject, source, id, 'account:' || json_extract(CAST(body AS TEXT), '$.data.account') AS account
    FROM (SELECT subject, source, id, body FROM touchpoints UNION ALL SELECT subject, source, id, body FROM withdrawn)
    WHERE INSTR(body, CAST('account_joined' AS BLOB)) > 0 AND json_extract(CAST(body AS TEXT), '$.type') = 'account_joined';

-- With all that has its name: the body that counts is to count everywhere.
INSERT OR IGNORE INTO touchpoints (key, subject, source, id, digest, occurred_at, unit, voided_by, body, import)
SELECT j.account, t.subject, t.source, t.id, t.digest, t.occurred_at, t.unit, t.voided_by, t.body, t.import
FROM joins AS j CROSS JOIN touchpoints AS t ON t.key = j.subject AND t.subject = j.subject AND t.source = j.source AND t.id = j.id;

-- With all that has its name: the body that counts is to count everywhere.
INSERT OR IGNORE INTO withdrawn (key, subject, source, id, digest, occurred_at, until, unit, voided_by, body)
SELECT j.account, t.subject, t.source, t.id, t.digest, t.occurred_at, t.until, t.unit, t.voided_by, t.body
FROM joins AS j CROSS JOIN withdrawn AS t ON t.key = j.subject AND t.subject = j.subject AND t.source = j.source AND t.id = j.id;

DROP TABLE joins;
