WITH lone AS MATERIALIZED (
    SELECT {{key}} AS key, {{eligible}} AS eligible FROM {{table}} AS t
    WHERE NOT EXISTS (
        SELECT FROM isthmus.link AS l WHERE l.pg_key = {{key}} AND l.pg_table = $2 AND l.state = 'linked'
    )
), ended AS MATERIALIZED (
    SELECT l.pg_key AS key, l.state FROM isthmus.link AS l
    WHERE l.pg_table = $2 AND l.state IN ('blocked', 'broken', 'unlinked')
), stored AS MATERIALIZED (
    SELECT c.key, bool_and(c.state = 'parked') AS parked FROM isthmus.change AS c
    WHERE c.side = 'postgres' AND c.step = $1
    GROUP BY c.key
), skipped AS MATERIALIZED (
    SELECT DISTINCT ON (j.key) j.key, j.code FROM isthmus.journal AS j
    WHERE j.step = $1 AND j.outcome = 'skip' AND j.direction = 'push' AND j.key IS NOT NULL
    ORDER BY j.key, j.id DESC
)
SELECT
    coalesce(
        CASE WHEN NOT o.eligible THEN 'outside_filter' END,
        e.state,
        CASE WHEN s.parked THEN 'parked' WHEN NOT s.parked THEN 'waiting' END,
        k.code
    ) AS reason,
    count(*) AS rows
FROM lone AS o LEFT JOIN ended AS e USING (key) LEFT JOIN stored AS s USING (key) LEFT JOIN skipped AS k USING (key)
GROUP BY 1
