-- Pairs that a filter leaves out say so.

ALTER TABLE isthmus.link ADD COLUMN outside boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN isthmus.link.outside IS 'One half is left out by a filter of the step: what the filter is for stands still';

CREATE OR REPLACE VIEW isthmus.record_state AS
SELECT
    r.step, r.sf_id, r.pg_table AS "table", r.key, r.state, r.reason, r.next_retry,
    (SELECT s.value || '/' || r.sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS salesforce_url
FROM (
    SELECT
        l.step, l.sf_id, l.pg_table, l.pg_key AS key,
        CASE
            WHEN c.state = 'parked' THEN 'parked'
            WHEN c.state IS NOT NULL THEN 'waiting'
            WHEN l.state <> 'linked' OR l.outside THEN 'skipped'
            WHEN EXISTS (
                SELECT FROM isthmus.conflict AS x
                WHERE x.sf_id = l.sf_id AND x.winner IS NULL AND x.resolved_at IS NULL
            ) THEN 'conflict'
            ELSE 'synced'
        END AS state,
        coalesce(
            c.reason, c.waiting_for,
            CASE WHEN l.state <> 'linked' THEN l.state WHEN l.outside THEN 'outside_filter' END
        ) AS reason,
        c.due AS next_retry
    FROM isthmus.link AS l
    LEFT JOIN LATERAL (
        SELECT w.state, w.reason, w.waiting_for, w.due FROM (
            SELECT a.id, a.state, a.reason, a.waiting_for, a.due FROM isthmus.change AS a
            WHERE a.side = 'postgres' AND a.key = l.pg_key AND a.step = l.step
            UNION ALL
            SELECT b.id, b.state, b.reason, b.waiting_for, b.due FROM isthmus.change AS b WHERE b.sf_id = l.sf_id
        ) AS w
        ORDER BY w.state = 'parked' DESC, w.id LIMIT 1
    ) AS c ON true
    WHERE l.state <> 'tombstone'
    UNION ALL
    SELECT
        c.step, c.sf_id, NULL, c.key,
        CASE c.state WHEN 'parked' THEN 'parked' ELSE 'waiting' END,
        coalesce(c.reason, c.waiting_for), c.due
    FROM isthmus.change AS c
    WHERE NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.sf_id = c.sf_id)
        AND NOT EXISTS (
            SELECT FROM isthmus.link AS l WHERE c.side = 'postgres' AND l.pg_key = c.key AND l.step = c.step
        )
    UNION ALL
    SELECT DISTINCT ON (j.step, j.sf_id, j.key) j.step, j.sf_id, NULL, j.key, 'skipped', j.code, NULL::timestamptz
    FROM isthmus.journal AS j
    WHERE j.outcome = 'skip'
        AND NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.sf_id = j.sf_id)
        AND NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.pg_key = j.key AND l.step = j.step)
        AND NOT EXISTS (SELECT FROM isthmus.change AS c WHERE c.sf_id = j.sf_id)
        AND NOT EXISTS (
            SELECT FROM isthmus.change AS c WHERE c.side = 'postgres' AND c.key = j.key AND c.step = j.step
        )
) AS r;
