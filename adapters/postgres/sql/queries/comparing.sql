-- name: one_instant
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: compared_links
SELECT * FROM isthmus.link AS l
WHERE l.step = $1 AND l.state IN ('linked', 'broken') AND l.id > $2
    AND ($4::float8 >= 1 OR (hashint8(l.id) & 1048575) < $4 * 1048576)
ORDER BY l.id LIMIT $3

-- name: compared_links_by_id
SELECT * FROM isthmus.link AS l
WHERE l.step = $1 AND l.state IN ('linked', 'broken') AND l.id = ANY ($2::bigint[])
ORDER BY l.id

-- name: look_at_links_of_records
SELECT * FROM isthmus.link WHERE sf_id = ANY ($1::text[])

-- name: look_at_links_of_rows
SELECT * FROM isthmus.link WHERE pg_key = ANY ($2::text[]) AND pg_table = $1

-- name: compared_waiting
SELECT DISTINCT p.id, c.state
FROM unnest($2::bigint[], $3::text[]) AS p (id, sf_id) JOIN isthmus.change AS c ON c.sf_id = p.sf_id
WHERE c.side = 'salesforce'
UNION
SELECT DISTINCT p.id, c.state
FROM unnest($2::bigint[], $4::text[]) AS p (id, key) JOIN isthmus.change AS c ON c.key = p.key AND c.step = $1
WHERE c.side = 'postgres'
UNION
SELECT DISTINCT p.id, c.state
FROM unnest($2::bigint[], $4::text[]) AS p (id, key) JOIN isthmus.change AS c ON c.old_key = p.key AND c.step = $1
WHERE c.kind = 'rekey'

-- name: compared_disputed
SELECT sf_id, field, salesforce, postgres FROM isthmus.conflict
WHERE sf_id = ANY ($1::text[]) AND winner IS NULL AND resolved_at IS NULL
ORDER BY id

-- name: strangers
SELECT u.sf_id FROM unnest($2::text[]) AS u (sf_id)
WHERE NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.sf_id = u.sf_id)
    AND NOT EXISTS (SELECT FROM isthmus.change AS c WHERE c.sf_id = u.sf_id)
    AND NOT EXISTS (
        SELECT FROM isthmus.journal AS j WHERE j.sf_id = u.sf_id AND j.step = $1 AND j.outcome = 'skip'
    )

-- name: lone_records
SELECT
    u.sf_id, s.code,
    CASE
        WHEN s.parked THEN 'parked'
        WHEN NOT s.parked THEN 'waiting'
        WHEN EXISTS (
            SELECT FROM isthmus.journal AS j WHERE j.sf_id = u.sf_id AND j.step = $1 AND j.outcome = 'skip'
        ) THEN 'left_alone'
    END AS why
FROM unnest($2::text[]) WITH ORDINALITY AS u (sf_id, place)
LEFT JOIN (
    SELECT c.sf_id, bool_and(c.state = 'parked') AS parked, (array_agg(c.code ORDER BY c.id DESC))[1] AS code
    FROM isthmus.change AS c
    WHERE c.sf_id = ANY ($2::text[])
    GROUP BY c.sf_id
) AS s USING (sf_id)
WHERE NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.sf_id = u.sf_id)
ORDER BY u.place

-- name: links_by_state
SELECT state, count(*) AS links FROM isthmus.link WHERE step = $1 GROUP BY state

-- name: unsynced_records
SELECT c.state, count(DISTINCT c.sf_id) AS records
FROM isthmus.change AS c
WHERE c.step = $1 AND c.side = 'salesforce' AND c.sf_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.sf_id = c.sf_id)
GROUP BY c.state

-- name: repaired_pairs
WITH given AS MATERIALIZED (
    SELECT DISTINCT j.sf_id FROM isthmus.journal AS j
    WHERE j.step = $1 AND j.outcome = 'repaired' AND j.at >= $2
)
SELECT l.* FROM isthmus.link AS l
WHERE l.sf_id = ANY (ARRAY(SELECT g.sf_id FROM given AS g)) AND l.step = $1 AND l.state IN ('linked', 'broken') AND l.id > $3
ORDER BY l.id LIMIT $4

-- name: audits
SELECT step, cursor, begun_at, compared, found, ended_at, last_compared, last_found FROM isthmus.audit

-- name: keep_audit
INSERT INTO isthmus.audit (step, cursor, begun_at, compared, found, ended_at, last_compared, last_found)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8::jsonb)
ON CONFLICT (step) DO UPDATE
SET cursor = excluded.cursor, begun_at = excluded.begun_at, compared = excluded.compared, found = excluded.found,
    ended_at = excluded.ended_at, last_compared = excluded.last_compared, last_found = excluded.last_found

-- name: forget_differences_of_step
DELETE FROM isthmus.difference WHERE step = $1

-- name: add_differences
INSERT INTO isthmus.difference (job, step, kind, why, sf_id, key, fields)
SELECT $1, $2, d.kind, d.why, d.sf_id, d.key, ARRAY(SELECT jsonb_array_elements_text(d.fields::jsonb))
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
    AS d (kind, why, sf_id, key, fields, position)
ORDER BY d.position

-- name: differences
SELECT id, kind, why, sf_id, key, fields FROM isthmus.difference
WHERE job = $1 AND id > $2
ORDER BY id LIMIT $3

-- name: difference_counts
SELECT kind, why, count(*) AS records FROM isthmus.difference WHERE job = $1 GROUP BY kind, why

-- name: forget_differences
DELETE FROM isthmus.difference WHERE at < clock_timestamp() - $1::interval

-- name: forget_permits
DELETE FROM isthmus.delete_permit WHERE until < clock_timestamp() - $1::interval

-- name: permit_of_step
SELECT
    p.step, p.amount, p.at, p.until, p.operator,
    (
        SELECT count(*) FROM isthmus.journal AS j
        WHERE j.step = p.step AND j.at >= p.at AND j.operation = 'delete' AND j.outcome = 'apply'
    ) AS used
FROM isthmus.delete_permit AS p
WHERE p.step = $1

-- name: put_permit
INSERT INTO isthmus.delete_permit (step, amount, at, until, operator) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (step) DO UPDATE
SET amount = excluded.amount, at = excluded.at, until = excluded.until, operator = excluded.operator

-- name: take_up_guarded
UPDATE isthmus.change
SET state = 'pending', due = NULL, attempts = 0, since = clock_timestamp()
WHERE step = $1 AND state = 'parked' AND code IN ('delete_guard', 'truncate')

-- name: guards
SELECT
    s.step, coalesce(h.held, 0) AS held, h.since, coalesce(h.truncated, false) AS truncated
FROM (
    SELECT step FROM isthmus.delete_permit
    UNION
    SELECT step FROM isthmus.change WHERE state = 'parked' AND code IN ('delete_guard', 'truncate')
) AS s
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE c.code = 'delete_guard') AS held, min(c.since) AS since,
        bool_or(c.code = 'truncate') AS truncated
    FROM isthmus.change AS c
    WHERE c.step = s.step AND c.state = 'parked' AND c.code IN ('delete_guard', 'truncate')
) AS h ON true

-- name: deletes_waiting
SELECT
    (
        SELECT count(*) FROM (
            SELECT FROM isthmus.change AS c JOIN isthmus.link AS l ON l.pg_key = c.key AND l.pg_table = $2
            WHERE c.step = $1 AND (c.kind = 'delete' OR c.code = 'delete_guard') AND c.kind = 'delete' AND c.side = 'postgres'
                AND c.state IN ('pending', 'sent') AND c.source <> 'operator' AND l.state = 'linked' AND c.id <> ALL ($3::bigint[])
            LIMIT $4
        ) AS ours
    ) + (
        SELECT count(*) FROM (
            SELECT FROM isthmus.change AS c JOIN isthmus.link AS l ON l.sf_id = c.sf_id
            WHERE c.step = $1 AND (c.kind = 'delete' OR c.code = 'delete_guard') AND c.kind = 'delete' AND c.side = 'salesforce'
                AND c.state IN ('pending', 'sent') AND c.source <> 'operator' AND l.state = 'linked' AND c.id <> ALL ($3::bigint[])
            LIMIT $4
        ) AS theirs
    ) AS waiting,
    (
        SELECT count(*) FROM (
            SELECT FROM isthmus.change AS c
            WHERE c.step = $1 AND (c.kind = 'delete' OR c.code = 'delete_guard') AND c.code = 'delete_guard'
                AND c.state = 'parked' AND c.id <> ALL ($3::bigint[])
            LIMIT $4
        ) AS held
    ) AS held
