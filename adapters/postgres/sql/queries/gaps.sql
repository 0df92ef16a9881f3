-- name: open_gaps
INSERT INTO isthmus.gap (step, cause, since, until, records)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])

-- name: sweep_gaps
UPDATE isthmus.gap AS g
SET swept_at = clock_timestamp(), last_change = coalesce((SELECT max(c.id) FROM isthmus.change AS c), 0)
WHERE g.closed_at IS NULL AND g.swept_at IS NULL AND NOT EXISTS (
    SELECT FROM isthmus.change AS c
    WHERE c.step = g.step AND c.kind = 'reread' AND c.side = 'salesforce' AND c.state <> 'parked' AND c.sf_id IS NULL
)

-- name: close_gaps
UPDATE isthmus.gap AS g
SET closed_at = clock_timestamp()
WHERE g.closed_at IS NULL AND g.swept_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM isthmus.change AS c
    WHERE c.step = g.step AND c.kind = 'reread' AND c.side = 'salesforce' AND c.state <> 'parked' AND c.id <= g.last_change
)
RETURNING step, cause, since, until, records, opened_at, closed_at

-- name: list_gaps
SELECT
    g.id, g.step, g.cause, g.since, g.until, g.records, g.opened_at, g.swept_at, g.closed_at,
    CASE WHEN g.closed_at IS NOT NULL THEN 'closed' WHEN g.swept_at IS NOT NULL THEN 'settling' ELSE 'reading' END AS state,
    (
        SELECT count(*) FROM isthmus.change AS c
        WHERE g.closed_at IS NULL AND c.step = g.step AND c.kind = 'reread' AND c.side = 'salesforce' AND c.state <> 'parked'
            AND c.id <= coalesce(g.last_change, c.id)
    ) AS remaining
FROM isthmus.gap AS g
WHERE ($1::text IS NULL OR g.step = $1) AND (NOT $2::boolean OR g.closed_at IS NULL) AND ($3::bigint IS NULL OR g.id < $3)
ORDER BY g.id DESC LIMIT $4

-- name: forget_gaps
DELETE FROM isthmus.gap WHERE closed_at < clock_timestamp() - $1::interval
