-- name: record_urls
SELECT s.value AS url FROM isthmus.setting AS s WHERE s.name = 'instance_url'

-- name: store_actions
INSERT INTO isthmus.action (step, action, event, direction, at, object, sf_id, table_name, key, state, attempts, due, code, message, advice)
SELECT i.step, i.action, i.event, i.direction, i.at, i.object, i.sf_id, i.table_name, i.key, 'pending', i.attempts,
    clock_timestamp() + i.attempts * interval '5 seconds', i.code, i.message, i.advice
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $10::integer[],
    $11::text[], $12::text[], $13::text[]
) WITH ORDINALITY
    AS i (step, action, event, direction, at, object, sf_id, table_name, key, attempts, code, message, advice, position)
ORDER BY i.position

-- name: due_actions
SELECT a.*, (SELECT s.value || '/' || a.sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS url
FROM unnest($1::text[], $2::text[]) AS wanted (step, action)
CROSS JOIN LATERAL (
    SELECT o.* FROM isthmus.action AS o
    WHERE o.step = wanted.step AND o.action = wanted.action AND o.state = 'pending' AND o.due <= clock_timestamp()
    ORDER BY o.due, o.id LIMIT $3
) AS a
ORDER BY a.due, a.id

-- name: retire_actions
DELETE FROM isthmus.action AS a
WHERE a.step = ANY ($1::text[])
    AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS wanted (step, action) WHERE wanted.step = a.step AND wanted.action = a.action)

-- name: forget_actions
DELETE FROM isthmus.action WHERE id = ANY ($1::bigint[])

-- name: postpone_actions
UPDATE isthmus.action AS a
SET state = CASE WHEN i.due IS NULL THEN 'parked' ELSE 'pending' END, attempts = i.attempts, due = i.due,
    code = i.code, message = i.message, advice = i.advice
FROM unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
    AS i (id, attempts, due, code, message, advice)
WHERE a.id = i.id

-- name: list_actions
SELECT a.id, a.step, a.action, a.event, a.direction, a.sf_id, a.key, a.state, a.attempts, a.due, a.code, a.message, a.advice, a.at,
    (SELECT s.value || '/' || a.sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS salesforce_url
FROM isthmus.action AS a
WHERE ($1::text IS NULL OR a.step = $1) AND ($2::text IS NULL OR a.action = $2) AND ($3::bigint IS NULL OR a.id < $3)
ORDER BY a.id DESC LIMIT $4

-- name: retry_actions
UPDATE isthmus.action SET state = 'pending', due = clock_timestamp(), attempts = 0
WHERE (cardinality($1::bigint[]) = 0 OR id = ANY ($1::bigint[])) AND ($2::text IS NULL OR step = $2) AND ($3::text IS NULL OR action = $3)

-- name: count_actions
SELECT step, state, count(*) AS stored FROM isthmus.action GROUP BY step, state
