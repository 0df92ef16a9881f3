-- name: open_job
INSERT INTO isthmus.job (kind, step, state, request, operator, started_at)
SELECT $1, $2, 'queued', $3::jsonb, $4, NULL
WHERE (SELECT count(*) FROM isthmus.job WHERE state = 'queued') < $5
RETURNING *

-- name: take_job
UPDATE isthmus.job AS j
SET state = 'running', started_at = coalesce(j.started_at, clock_timestamp()), updated_at = clock_timestamp(),
    interruptions = j.interruptions + CASE WHEN j.state = 'running' THEN 1 ELSE 0 END,
    in_vain = j.in_vain + CASE WHEN j.state = 'running' THEN 1 ELSE 0 END
WHERE j.id = (
    SELECT o.id FROM isthmus.job AS o
    WHERE o.state IN ('queued', 'running') AND o.kind = ANY ($1::text[])
    ORDER BY o.state = 'running' DESC, o.id LIMIT 1
)
RETURNING j.*

-- name: note_job
UPDATE isthmus.job
SET processed = $2, expected = $3, place = coalesce($4::jsonb, place), in_vain = CASE WHEN processed = $2 THEN in_vain ELSE 0 END,
    failure = NULL, due = NULL, updated_at = clock_timestamp()
WHERE id = $1

-- name: delay_job
UPDATE isthmus.job SET failure = $2::jsonb, due = $3, updated_at = clock_timestamp() WHERE id = $1

-- name: end_job
UPDATE isthmus.job
SET state = $2, result = $3::jsonb, failure = $4::jsonb, due = NULL, ended_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = $1 AND state = 'running'

-- name: cancel_job
UPDATE isthmus.job
SET cancelled_by = $2,
    state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END,
    ended_at = CASE WHEN state = 'queued' THEN clock_timestamp() END
WHERE id = $1 AND state IN ('queued', 'running') AND kind NOT IN ('first_load', 'sweep')
RETURNING *

-- name: job_cancelled
SELECT cancelled_by IS NOT NULL AS cancelled FROM isthmus.job WHERE id = $1

-- name: one_job
SELECT * FROM isthmus.job WHERE id = $1

-- name: list_jobs
SELECT * FROM isthmus.job
WHERE ($1::text IS NULL OR step = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR state = $3)
    AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5

-- name: forget_jobs
DELETE FROM isthmus.job
WHERE ended_at < clock_timestamp() - $1::interval AND kind NOT IN ('first_load', 'sweep')
