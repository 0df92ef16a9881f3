-- name: links_of_records
SELECT * FROM isthmus.link WHERE sf_id = ANY ($1::text[]) ORDER BY id FOR UPDATE

-- name: links_of_rows
SELECT * FROM isthmus.link WHERE pg_key = ANY ($2::text[]) AND pg_table = $1 ORDER BY id FOR UPDATE

-- name: insert_links
INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base, seen, own, merged_into, windows, outside)
SELECT
    l.step, l.object, l.sf_id, l.pg_table, l.pg_key, l.state, l.origin, l.base::jsonb, l.seen, l.own, l.merged_into,
    l.windows::jsonb, l.outside
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::boolean[]
) AS l (step, object, sf_id, pg_table, pg_key, state, origin, base, seen, own, merged_into, windows, outside)

-- name: update_links
UPDATE isthmus.link AS k
SET
    step = l.step, object = l.object, sf_id = l.sf_id, pg_table = l.pg_table, pg_key = l.pg_key, state = l.state,
    origin = l.origin, base = l.base::jsonb, seen = l.seen, own = l.own, merged_into = l.merged_into,
    windows = l.windows::jsonb, outside = l.outside, updated_at = clock_timestamp()
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::boolean[],
    $14::bigint[]
) AS l (step, object, sf_id, pg_table, pg_key, state, origin, base, seen, own, merged_into, windows, outside, id)
WHERE k.id = l.id

-- name: remove_links
DELETE FROM isthmus.link WHERE id = ANY ($1::bigint[])

-- name: count_links
SELECT coalesce(sum(linked), 0)::bigint FROM isthmus.link_tally WHERE step = $1

-- name: links_of_other_pairs
SELECT k.step, k.object, k.pg_table AS "table", count(*) AS links
FROM isthmus.link AS k
INNER JOIN unnest($1::text[], $2::text[], $3::text[]) AS s (step, object, pg_table) ON s.step = k.step
WHERE k.state = 'linked' AND (k.object, k.pg_table) <> (s.object, s.pg_table)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: links_by_id
SELECT * FROM isthmus.link WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE

-- name: linked_records
SELECT id, sf_id FROM isthmus.link
WHERE step = $1 AND state = 'linked' AND id > $2
ORDER BY id LIMIT $3

-- name: links_taken_over
UPDATE isthmus.link SET step = $2 WHERE step = $1 AND object = $3 AND pg_table = $4

-- name: changes_taken_over
UPDATE isthmus.change SET step = $2 WHERE step = $1

-- name: waiting_taken_over
UPDATE isthmus.change SET waiting_for = $2 || substr(waiting_for, length($1) + 1)
WHERE waiting_for IS NOT NULL AND starts_with(waiting_for, $1 || ':')

-- name: conflicts_taken_over
UPDATE isthmus.conflict SET step = $2 WHERE step = $1

-- name: gaps_taken_over
UPDATE isthmus.gap SET step = $2 WHERE step = $1 AND closed_at IS NULL

-- name: faults_taken_over
UPDATE isthmus.capture_fault SET step = $2 WHERE step = $1

-- name: permits_taken_over
WITH former AS (
    DELETE FROM isthmus.delete_permit WHERE step = $1
    RETURNING amount, at, until, operator
),
remaining AS (
    SELECT f.amount - (
        SELECT count(*) FROM isthmus.journal AS j
        WHERE j.step = $1 AND j.at >= f.at AND j.operation = 'delete' AND j.outcome = 'apply'
    ) AS amount, f.at, f.until, f.operator
    FROM former AS f
)
INSERT INTO isthmus.delete_permit (step, amount, at, until, operator)
SELECT $2, r.amount::integer, r.at, r.until, r.operator FROM remaining AS r WHERE r.amount > 0
ON CONFLICT (step) DO UPDATE
SET amount = excluded.amount, at = excluded.at, until = excluded.until, operator = excluded.operator

-- name: load_taken_over
INSERT INTO isthmus.job (kind, step, state, processed, expected, ended_at)
SELECT j.kind, $2, j.state, j.processed, j.expected, j.ended_at FROM isthmus.job AS j
WHERE j.kind = 'first_load' AND j.step = $1 AND j.state = 'done'
ON CONFLICT (kind, step) WHERE kind IN ('first_load', 'sweep') DO NOTHING

-- name: forget_first_load
DELETE FROM isthmus.job WHERE kind = 'first_load' AND step = $1
