-- name: append_journal
INSERT INTO isthmus.journal (at, step, sf_id, key, source, direction, operation, outcome, code, detail)
SELECT
    j.at, j.step, j.sf_id, j.key, j.source, j.direction, j.operation, j.outcome, j.code, j.detail::jsonb
FROM unnest(
    $1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[]
) WITH ORDINALITY AS j (at, step, sf_id, key, source, direction, operation, outcome, code, detail, position)
ORDER BY j.position

-- name: append_ledger
INSERT INTO isthmus.conflict (
    step, sf_id, key, at, kind, field, rule, winner, base, salesforce, postgres, salesforce_at, postgres_at
)
SELECT
    l.step, l.sf_id, l.key, l.at, l.kind, l.field, l.rule, l.winner, l.base::jsonb, l.salesforce::jsonb,
    l.postgres::jsonb, l.salesforce_at, l.postgres_at
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[]
) WITH ORDINALITY AS l (
    step, sf_id, key, kind, at, field, rule, winner, base, salesforce, postgres, salesforce_at, postgres_at, position
)
WHERE NOT EXISTS (
    SELECT FROM isthmus.conflict AS c
    WHERE c.sf_id = l.sf_id AND c.field = l.field AND c.winner IS NOT DISTINCT FROM l.winner
        AND c.step = l.step AND c.key = l.key AND c.kind = l.kind
        AND c.base = l.base::jsonb AND c.salesforce = l.salesforce::jsonb AND c.postgres = l.postgres::jsonb
        AND CASE
            WHEN l.winner IS NULL THEN c.resolved_at IS NULL
            ELSE c.salesforce_at = l.salesforce_at AND c.postgres_at = l.postgres_at
        END
)
ORDER BY l.position

-- name: decide_conflicts
UPDATE isthmus.conflict
SET winner = $3, resolved_at = clock_timestamp(), resolved_by = $4
WHERE sf_id = $1 AND field = ANY ($2::text[]) AND winner IS NULL AND resolved_at IS NULL

-- name: note_given_back
UPDATE isthmus.conflict SET resolved_at = clock_timestamp(), resolved_by = $2 WHERE id = $1

-- name: save_position
INSERT INTO isthmus.position AS p (channel, transport, position, at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (channel) DO UPDATE
SET transport = excluded.transport, position = excluded.position, at = coalesce(excluded.at, p.at),
    stored_at = clock_timestamp()

-- name: positions
SELECT channel, transport, position, at FROM isthmus.position

-- name: deletes_since
SELECT count(*) FROM isthmus.journal
WHERE step = $1 AND at >= $2 AND operation = 'delete' AND outcome = 'apply'

-- name: first_load
SELECT state FROM isthmus.job WHERE kind = 'first_load' AND step = $1

-- name: set_first_load
INSERT INTO isthmus.job AS j (kind, step, state, processed, expected, outcome, ended_at)
VALUES ('first_load', $1, $2, $3, $4, coalesce($5::jsonb, '{}'), CASE WHEN $2 = 'done' THEN clock_timestamp() END)
ON CONFLICT (kind, step) WHERE kind IN ('first_load', 'sweep') DO UPDATE
SET state = excluded.state, processed = excluded.processed, expected = excluded.expected, outcome = coalesce($5::jsonb, j.outcome),
    failure = NULL, due = NULL, updated_at = clock_timestamp(), ended_at = excluded.ended_at,
    started_at = CASE WHEN j.state = 'done' AND excluded.state = 'running' THEN clock_timestamp() ELSE j.started_at END

-- name: hold_first_load
INSERT INTO isthmus.job (kind, step, state, failure) VALUES ('first_load', $1, 'running', $2::jsonb)
ON CONFLICT (kind, step) WHERE kind IN ('first_load', 'sweep') DO UPDATE
SET failure = excluded.failure, updated_at = clock_timestamp()

-- name: set_setting
INSERT INTO isthmus.setting (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: make_partitions
SELECT isthmus.journal_partition(day::date)
FROM generate_series((clock_timestamp() AT TIME ZONE 'UTC')::date - 1, (clock_timestamp() AT TIME ZONE 'UTC')::date + $1::integer, '1 day')
    AS day

-- name: forget_journal
SELECT isthmus.journal_forget((clock_timestamp() AT TIME ZONE 'UTC')::date - $1::integer)

-- name: forget_tombstones
DELETE FROM isthmus.link WHERE state = 'tombstone' AND updated_at < clock_timestamp() - $1::interval

-- name: forget_ledger
DELETE FROM isthmus.conflict
WHERE at < clock_timestamp() - $1::interval AND (winner IS NOT NULL OR resolved_at IS NOT NULL)

-- name: setting
SELECT value FROM isthmus.setting WHERE name = $1
