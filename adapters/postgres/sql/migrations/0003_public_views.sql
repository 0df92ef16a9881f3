-- Public interfaces for users' own SQL, and the functions that compare identifiers.

CREATE FUNCTION isthmus.trim(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog.btrim(
    value,
    U&' \0009\000A\000B\000C\000D\001C\001D\001E\001F\0085\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000'
);
COMMENT ON FUNCTION isthmus.trim IS 'Without white space at both ends';

CREATE FUNCTION isthmus.digits(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog.regexp_replace(value, '[^0-9]', '', 'g');
COMMENT ON FUNCTION isthmus.digits IS 'Only 0 to 9';

CREATE FUNCTION isthmus.domain(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN pg_catalog.regexp_replace(
    pg_catalog.regexp_replace(
        pg_catalog.regexp_replace(
            pg_catalog.substring(
                pg_catalog.regexp_replace(pg_catalog.lower(isthmus.trim(value)), '^[a-z][a-z0-9+.-]*://', ''), '^[^/?#]*'
            ),
            '^.*@', ''
        ),
        ':[0-9]*$', ''
    ),
    '^www\.', ''
);
COMMENT ON FUNCTION isthmus.domain IS 'The host of a URL or of an e-mail address, without a leading www.';

CREATE VIEW isthmus.parked AS
SELECT
    id, step,
    CASE side WHEN 'salesforce' THEN 'pull' ELSE 'push' END AS direction,
    sf_id, key, code,
    split_part(reason, ': ', 1) AS reason,
    CASE WHEN strpos(reason, ': ') > 0 THEN substr(reason, strpos(reason, ': ') + 2) END AS message,
    advice, attempts, since, due
FROM isthmus.change
WHERE state = 'parked';
COMMENT ON VIEW isthmus.parked IS 'Records that could not be applied, why, and what to do';

CREATE VIEW isthmus.record_state AS
SELECT
    r.step, r.sf_id, r.pg_table AS "table", r.key, r.state, r.reason, r.next_retry,
    (SELECT s.value || '/' || r.sf_id FROM isthmus.setting AS s WHERE s.name = 'instance_url') AS salesforce_url
FROM (
    SELECT
        l.step, l.sf_id, l.pg_table, l.pg_key AS key,
        CASE
            WHEN c.state = 'parked' THEN 'parked'
            WHEN c.state IS NOT NULL THEN 'waiting'
            WHEN l.state <> 'linked' THEN 'skipped'
            WHEN EXISTS (
                SELECT FROM isthmus.conflict AS x
                WHERE x.sf_id = l.sf_id AND x.winner IS NULL AND x.resolved_at IS NULL
            ) THEN 'conflict'
            ELSE 'synced'
        END AS state,
        coalesce(c.reason, c.waiting_for, CASE WHEN l.state <> 'linked' THEN l.state END) AS reason,
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
COMMENT ON VIEW isthmus.record_state IS 'Each record: synced, waiting, skipped, parked or conflict, and why';

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA isthmus FROM PUBLIC;
