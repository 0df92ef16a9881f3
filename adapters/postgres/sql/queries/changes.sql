-- name: changes_pending
SELECT c.* FROM isthmus.change AS c
WHERE c.id = ANY (ARRAY(SELECT due.id FROM isthmus.due_changes($1) AS due))
ORDER BY c.id

-- name: changes_of_rows
SELECT * FROM isthmus.change
WHERE side = 'postgres' AND key = ANY ($2::text[]) AND step = $1
ORDER BY id

-- name: renames
WITH RECURSIVE reached (key) AS (
    SELECT unnest($2::text[])
    UNION
    SELECT next.key FROM reached CROSS JOIN LATERAL (
        SELECT c.key FROM isthmus.change AS c
        WHERE c.kind = 'rekey' AND c.old_key = reached.key AND c.step = ANY ($1::text[])
        UNION ALL
        SELECT c.old_key FROM isthmus.change AS c
        WHERE c.kind = 'rekey' AND c.key = reached.key AND c.step = ANY ($1::text[])
    ) AS next
)
SELECT * FROM isthmus.change
WHERE kind = 'rekey' AND step = ANY ($1::text[]) AND old_key = ANY (ARRAY(SELECT key FROM reached LIMIT $4))
ORDER BY id LIMIT $3

-- name: renamed
SELECT asked.key FROM unnest($2::text[]) AS asked (key)
WHERE EXISTS (
        SELECT FROM isthmus.change AS c WHERE c.kind = 'rekey' AND c.old_key = asked.key AND c.step = ANY ($1::text[])
    )
    OR EXISTS (
        SELECT FROM isthmus.change AS c WHERE c.kind = 'rekey' AND c.key = asked.key AND c.step = ANY ($1::text[])
    )

-- name: oldest_renames
SELECT * FROM isthmus.change WHERE kind = 'rekey' AND step = ANY ($1::text[]) ORDER BY id LIMIT $2

-- name: call_anew
UPDATE isthmus.change AS c
SET kind = n.kind, key = n.key, old_key = n.old_key
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS n (id, kind, key, old_key)
WHERE c.id = n.id

-- name: keys_of_changes
SELECT id, key FROM isthmus.change WHERE id = ANY ($1::bigint[]) AND key IS NOT NULL

-- name: record_changes
SELECT * FROM isthmus.change
WHERE side = 'salesforce' AND sf_id = ANY ($2::text[]) AND step = $1 AND state = 'pending'
ORDER BY id

-- name: unsettled_records
SELECT DISTINCT sf_id FROM isthmus.change
WHERE side = 'salesforce' AND sf_id = ANY ($1::text[])

-- name: parked_records
SELECT DISTINCT ON (sf_id) sf_id, code FROM isthmus.change
WHERE side = 'salesforce' AND state = 'parked' AND sf_id = ANY ($1::text[])
ORDER BY sf_id, id DESC

-- name: unread_records
SELECT DISTINCT sf_id FROM isthmus.change
WHERE side = 'salesforce' AND sf_id = ANY ($2::text[])
UNION
SELECT sf_id FROM unnest($2::text[]) AS asked (sf_id)
WHERE EXISTS (
    SELECT FROM isthmus.change
    WHERE step = $1 AND kind = 'reread' AND side = 'salesforce' AND state <> 'parked' AND sf_id IS NULL
)

-- name: creates_in_doubt
SELECT DISTINCT sent ->> $2 AS external_id FROM isthmus.change
WHERE state = 'sent' AND step = $1 AND side = 'postgres' AND sent ->> $2 IS NOT NULL

-- name: store_changes
INSERT INTO isthmus.change (
    step, side, kind, source, at, sf_id, key, old_key, new_values, old_values, complete, external_id,
    state, attempts, due, sent, code, reason, advice, waiting_for
)
SELECT
    c.step, c.side, c.kind, c.source, c.at, c.sf_id, c.key, c.old_key, c.new_values::jsonb, c.old_values::jsonb,
    c.complete, c.external_id, c.state, c.attempts, c.due, c.sent::jsonb, c.code, c.reason, c.advice,
    c.waiting_for
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::boolean[], $12::text[], $13::text[], $14::integer[], $15::timestamptz[],
    $16::text[], $17::text[], $18::text[], $19::text[], $20::text[]
) WITH ORDINALITY AS c (
    step, side, kind, source, at, sf_id, key, old_key, new_values, old_values, complete, external_id,
    state, attempts, due, sent, code, reason, advice, waiting_for, position
)
ORDER BY c.position

-- name: ring
SELECT isthmus.ring()

-- name: settle
DELETE FROM isthmus.change WHERE id = ANY ($1::bigint[])

-- name: settle_rows
DELETE FROM isthmus.change
WHERE side = 'postgres' AND key = ANY ($2::text[]) AND step = $1 AND id <= $3

-- name: settle_records
DELETE FROM isthmus.change AS c
USING unnest($1::text[], $2::bigint[]) AS done (sf_id, up_to)
WHERE c.side = 'salesforce' AND c.sf_id = done.sf_id AND c.id <= done.up_to

-- name: defer
UPDATE isthmus.change AS c
SET
    state = d.state, due = d.due, attempts = d.attempts, code = d.code, reason = d.reason, advice = d.advice,
    waiting_for = d.waiting_for, external_id = coalesce(d.external_id, c.external_id),
    suspicion = coalesce(d.suspicion, c.suspicion),
    since = CASE WHEN c.state = d.state THEN c.since ELSE clock_timestamp() END
FROM unnest(
    $1::bigint[], $2::text[], $3::timestamptz[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[]
) AS d (id, state, due, attempts, code, reason, advice, waiting_for, external_id, suspicion)
WHERE c.id = d.id

-- name: release_waiting
UPDATE isthmus.change
SET state = 'pending', due = NULL, waiting_for = NULL, since = clock_timestamp()
WHERE waiting_for = ANY ($1::text[]) AND state = 'held'

-- name: mark_changes_sent
UPDATE isthmus.change AS c
SET
    state = 'sent', due = NULL, sent = s.sent::jsonb,
    since = CASE WHEN c.state = 'sent' AND c.sent = s.sent::jsonb THEN c.since ELSE clock_timestamp() END
FROM unnest($1::bigint[], $2::text[]) AS s (id, sent)
WHERE c.id = s.id

-- name: mark_links_in_doubt
UPDATE isthmus.link SET own = $2 WHERE id = ANY ($1::bigint[])

-- name: retry_parked
UPDATE isthmus.change
SET state = 'pending', source = 'operator', due = NULL, attempts = 0, since = clock_timestamp()
WHERE (state = 'parked' OR (state = 'held' AND id = ANY ($1::bigint[])))
    AND (cardinality($1::bigint[]) = 0 OR id = ANY ($1::bigint[]))
    AND ($2::text IS NULL OR step = $2)
    AND ($3::text IS NULL OR code = $3)
    AND ($4::text IS NULL OR side = $4)

-- name: discard_parked
WITH gone AS (
    DELETE FROM isthmus.change WHERE state = 'parked' AND id = ANY ($1::bigint[])
    RETURNING step, side, sf_id, key, code, reason
)
INSERT INTO isthmus.journal (at, step, sf_id, key, source, direction, operation, outcome, code, detail)
SELECT
    clock_timestamp(), step, sf_id, key, 'operator', CASE side WHEN 'salesforce' THEN 'pull' ELSE 'push' END,
    'none', 'skip', 'discarded',
    $2::jsonb || jsonb_build_object('was', jsonb_build_object('code', code, 'reason', reason))
FROM gone

-- name: sweep
INSERT INTO isthmus.change (step, side, kind, source, at, key)
SELECT step, 'postgres', 'update', $2, clock_timestamp(), pg_key
FROM isthmus.link WHERE step = $1 AND state = 'linked'

-- name: look_anew
WITH pairs AS (
    SELECT id, pg_key FROM isthmus.link WHERE step = $1 AND state = 'linked' AND id > $2 ORDER BY id LIMIT $3
),
forgotten AS (
    UPDATE isthmus.link AS l SET seen = NULL FROM pairs AS p WHERE l.id = p.id AND l.seen IS NOT NULL
),
stored AS (
    INSERT INTO isthmus.change (step, side, kind, source, at, key)
    SELECT $1, 'postgres', 'update', 'sweep', clock_timestamp(), pg_key FROM pairs ORDER BY id
)
SELECT count(*) AS pairs, coalesce(max(id), $2) AS last FROM pairs

-- name: resume
UPDATE isthmus.change
SET state = CASE state WHEN 'parked' THEN 'pending' ELSE state END, due = CASE state WHEN 'held' THEN due END
WHERE step = $1 AND (code = $2 OR split_part(reason, ': ', 1) = ANY ($3::text[])) AND (due IS NOT NULL OR state = 'parked')

-- name: faulty_capture
SELECT DISTINCT step FROM isthmus.capture_fault

-- name: forget_capture_faults
DELETE FROM isthmus.capture_fault WHERE step = $1

-- name: forget_captured
DELETE FROM isthmus.change WHERE id IN (
    SELECT id FROM isthmus.change
    WHERE step = $1 AND side = 'postgres' AND code = $2 AND state = 'pending' AND kind <> 'rekey'
    ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
)

-- name: note_forgotten
INSERT INTO isthmus.capture_fault (step, operation, sqlstate, message)
SELECT $1::text, 'removed', '00000', 'The step was not configured, and too much was captured to be kept: it is compared when it is back.'
WHERE NOT EXISTS (SELECT FROM isthmus.capture_fault AS f WHERE f.step = $1 AND f.operation = 'removed')

-- name: note_reinstalled
INSERT INTO isthmus.capture_fault (step, operation, sqlstate, message)
SELECT s.step, 'install', '00000', 'Capture was put in place while the step had links: what changed before is compared.'
FROM unnest($1::text[]) AS s (step)
WHERE EXISTS (SELECT FROM isthmus.link AS l WHERE l.step = s.step)
