-- name: counts_links
SELECT step, sum(linked)::bigint AS links FROM isthmus.link_tally GROUP BY step

-- name: counts_changes
SELECT
    step, side, state, CASE WHEN state = 'parked' THEN split_part(reason, ': ', 1) END AS reason,
    count(*) AS records, min(at) AS oldest, min(since) AS since
FROM isthmus.change GROUP BY 1, 2, 3, 4

-- name: counts_conflicts
SELECT step, count(*) AS records FROM isthmus.conflict
WHERE winner IS NULL AND resolved_at IS NULL GROUP BY step

-- name: counts_gaps
SELECT step, count(*) AS gaps FROM isthmus.gap WHERE closed_at IS NULL GROUP BY step

-- name: counts_jobs
SELECT
    step, state, processed, expected, extract(epoch FROM updated_at - started_at)::float8 AS seconds,
    failure ->> 'code' AS held_up
FROM isthmus.job WHERE kind = 'first_load'

-- name: list_parked
SELECT id, step, direction, sf_id, key, code, reason, message, advice, attempts, since, due
FROM isthmus.parked
WHERE ($1::text IS NULL OR step = $1) AND ($2::text IS NULL OR direction <> $2)
    AND ($3::text IS NULL OR code = $3)
    AND (cardinality($4::bigint[]) = 0 OR id = ANY ($4::bigint[]))
    AND ($5::bigint IS NULL OR id < $5)
ORDER BY id DESC LIMIT $6

-- name: list_links
SELECT
    id, step, object, sf_id, pg_table AS "table", pg_key AS key, state, origin, created_at, seen,
    merged_into,
    (SELECT s.value || '/' || sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS salesforce_url
FROM isthmus.link
WHERE ($1::text IS NULL OR step = $1) AND ($5::bigint IS NULL OR id < $5)
    AND ($2::text IS NULL OR sf_id = $2) AND ($3::text IS NULL OR pg_key = $3)
    AND ($4::text IS NULL OR state = $4)
ORDER BY id DESC LIMIT $6

-- name: list_links_of_record
SELECT
    id, step, object, sf_id, pg_table AS "table", pg_key AS key, state, origin, created_at, seen,
    merged_into,
    (SELECT s.value || '/' || sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS salesforce_url
FROM isthmus.link
WHERE sf_id = $2 AND ($1::text IS NULL OR step = $1) AND ($3::text IS NULL OR pg_key = $3)
    AND ($5::bigint IS NULL OR id < $5)
    AND ($4::text IS NULL OR state = $4)
ORDER BY sf_id, id DESC LIMIT $6

-- name: list_links_of_row
SELECT
    id, step, object, sf_id, pg_table AS "table", pg_key AS key, state, origin, created_at, seen,
    merged_into,
    (SELECT s.value || '/' || sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS salesforce_url
FROM isthmus.link
WHERE pg_key = $3 AND ($1::text IS NULL OR step = $1) AND ($2::text IS NULL OR sf_id = $2)
    AND ($5::bigint IS NULL OR id < $5)
    AND ($4::text IS NULL OR state = $4)
ORDER BY pg_key, id DESC LIMIT $6

-- name: list_conflicts
SELECT
    id, step, sf_id, key, field, kind, rule, winner, base, salesforce, postgres, at, salesforce_at, postgres_at,
    resolved_at, resolved_by
FROM isthmus.conflict
WHERE ($1::text IS NULL OR step = $1) AND (cardinality($2::bigint[]) = 0 OR id = ANY ($2::bigint[]))
    AND ($3::bigint IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4

-- name: history_of_record
SELECT id, at, step, sf_id, key, source, direction, operation, outcome, code, detail
FROM isthmus.journal WHERE sf_id = $2 AND step = $1 ORDER BY id DESC LIMIT $3

-- name: history_of_row
SELECT id, at, step, sf_id, key, source, direction, operation, outcome, code, detail
FROM isthmus.journal WHERE key = $2 AND step = $1 ORDER BY id DESC LIMIT $3

-- name: audit
INSERT INTO isthmus.command (operator, action, request, outcome) VALUES ($1, $2, $3::jsonb, $4)

-- name: list_log
SELECT id, at, step, sf_id, key, source, direction, operation, outcome, code, detail
FROM isthmus.journal
WHERE ($1::text IS NULL OR step = $1) AND ($2::text IS NULL OR direction <> $2)
    AND ($3::text IS NULL OR key = $3 OR sf_id = $3)
    AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
