-- name: unfinished_load
SELECT j.processed, j.expected, j.low, j.bookmark, j.place, j.outcome FROM isthmus.job AS j
WHERE j.kind = $1 AND j.step = $2 AND j.state = 'running' AND j.low IS NOT NULL AND j.bookmark IS NOT NULL
    AND (
        j.bookmark = ''
        OR j.processed = (SELECT count(*) FROM isthmus.load_record AS r WHERE r.kind = $1 AND r.step = $2)
    )

-- name: begin_load
INSERT INTO isthmus.job (kind, step, state, expected, low, place) VALUES ($1, $2, 'running', $3, $4, $5::jsonb)
ON CONFLICT (kind, step) WHERE kind IN ('first_load', 'sweep') DO UPDATE
SET state = 'running', processed = 0, expected = excluded.expected, low = excluded.low, bookmark = NULL, place = excluded.place, outcome = '{}',
    failure = NULL, due = NULL, ended_at = NULL, started_at = clock_timestamp(), updated_at = clock_timestamp()

-- name: begin_ordered_load
UPDATE isthmus.job
SET expected = $3, low = $4, place = $5::jsonb, outcome = '{}', bookmark = NULL, processed = 0, started_at = clock_timestamp(),
    updated_at = clock_timestamp()
WHERE kind = $1 AND step = $2 AND state = 'running' AND kind NOT IN ('first_load', 'sweep')

-- name: forget_read
DELETE FROM isthmus.load_record WHERE kind = $1 AND step = $2

-- name: keep_load
UPDATE isthmus.job
SET processed = $3, expected = $4, bookmark = $5, outcome = $6::jsonb, in_vain = 0, failure = NULL, due = NULL, updated_at = clock_timestamp()
WHERE kind = $1 AND step = $2 AND state = 'running'

-- name: note_read
INSERT INTO isthmus.load_record (kind, step, sf_id) SELECT $1, $2, u.sf_id FROM unnest($3::text[]) AS u (sf_id)

-- name: ask_after_missing
INSERT INTO isthmus.change (step, side, kind, source, at, sf_id)
SELECT l.step, 'salesforce', 'reread', $3, $4, l.sf_id
FROM isthmus.job AS j JOIN isthmus.link AS l ON l.step = j.step AND l.state = 'linked' AND l.created_at < j.started_at
WHERE j.kind = $1 AND j.step = $2 AND j.state = 'running'
    AND NOT EXISTS (
        SELECT FROM isthmus.load_record AS r WHERE r.kind = $1 AND r.step = $2 AND r.sf_id = l.sf_id
    )
    AND NOT EXISTS (
        SELECT FROM isthmus.change AS c
        WHERE c.sf_id = l.sf_id AND c.side = 'salesforce' AND c.kind IN ('reread', 'delete')
    )
ORDER BY l.id

-- name: end_load
UPDATE isthmus.job
SET state = CASE WHEN $3::boolean THEN 'done' ELSE state END, ended_at = CASE WHEN $3::boolean THEN clock_timestamp() END,
    bookmark = '', outcome = $4::jsonb, updated_at = clock_timestamp()
WHERE kind = $1 AND step = $2 AND state = 'running'

-- name: takes_sets
SELECT c.relkind = 'r' AND NOT row_security_active(c.oid)
    AND NOT EXISTS (SELECT FROM pg_rewrite AS r WHERE r.ev_class = c.oid)
    AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid OR i.inhrelid = c.oid)
    AND NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
            AND (t.tgtype & 1) = 1 AND (t.tgtype & 2) = 2 AND (t.tgtype & 4) = 4  -- for each row, before, insert
    ) AS plain
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2

-- name: without_nested_loops
SELECT set_config('enable_nestloop', 'off', true)

-- name: with_nested_loops
SELECT set_config('enable_nestloop', 'on', true)

-- name: sort_staged
WITH mine AS MATERIALIZED (
    SELECT l.id, l.sf_id, l.step, l.state, l.own, l.base, l.seen FROM isthmus.link AS l
    WHERE l.sf_id = ANY (ARRAY(SELECT s.sf_id FROM pg_temp.isthmus_staged AS s))
), behind AS MATERIALIZED (
    SELECT c.sf_id FROM isthmus.change AS c
    WHERE c.side = 'salesforce' AND c.sf_id = ANY (ARRAY(SELECT s.sf_id FROM pg_temp.isthmus_staged AS s))
), sorted AS MATERIALIZED (
    SELECT
        s.place, s.stamp, m.id, m.step, m.seen,
        m.state = 'linked' AND m.own IS DISTINCT FROM $2 AND m.base = s.base AS equal,
        EXISTS (SELECT FROM behind AS b WHERE b.sf_id = s.sf_id) AS behind
    FROM pg_temp.isthmus_staged AS s LEFT JOIN mine AS m USING (sf_id)
), moved AS (
    UPDATE isthmus.link AS l SET seen = o.stamp, updated_at = clock_timestamp()
    FROM sorted AS o
    WHERE l.id = o.id AND o.step = $1 AND o.equal AND NOT o.behind AND o.seen < o.stamp
        AND l.id = ANY (ARRAY(SELECT n.id FROM sorted AS n WHERE n.step = $1 AND n.equal AND NOT n.behind AND n.seen < n.stamp))
        AND l.own IS DISTINCT FROM $2 AND l.state = 'linked'
)
SELECT
    coalesce(array_agg(o.place ORDER BY o.place) FILTER (WHERE NOT o.behind AND o.id IS NULL), '{}') AS new,
    coalesce(array_agg(o.place ORDER BY o.place) FILTER (WHERE NOT o.behind AND o.step = $1 AND NOT o.equal), '{}') AS open,
    coalesce(array_agg(o.place ORDER BY o.place) FILTER (WHERE o.behind), '{}') AS behind,
    count(*) FILTER (WHERE NOT o.behind AND o.step = $1 AND o.equal) AS equal,
    count(*) FILTER (WHERE NOT o.behind AND o.step <> $1) AS elsewhere
FROM sorted AS o
