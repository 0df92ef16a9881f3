WITH lone AS MATERIALIZED (
    SELECT {{key}} AS key FROM {{table}} AS t
    WHERE {{eligible}}
    AND NOT EXISTS (
        SELECT FROM isthmus.link AS l WHERE l.pg_key = {{key}} AND l.pg_table = $2 AND l.state <> 'tombstone'
    )
), stored AS MATERIALIZED (
    SELECT c.key, bool_and(c.state = 'parked') AS parked, (array_agg(c.code ORDER BY c.id DESC))[1] AS code
    FROM isthmus.change AS c
    WHERE c.side = 'postgres' AND c.step = $1
    GROUP BY c.key
), weighed AS (
    SELECT
        o.key, s.code,
        CASE
            WHEN s.parked THEN 'parked'
            WHEN NOT s.parked THEN 'waiting'
            WHEN EXISTS (
                SELECT FROM isthmus.journal AS j WHERE j.key = o.key AND j.step = $1 AND j.outcome = 'skip'
            ) THEN 'left_alone'
        END AS why
    FROM lone AS o LEFT JOIN stored AS s USING (key)
)
SELECT n.key, n.why, n.code, n.total FROM (
    SELECT w.*, count(*) OVER (PARTITION BY w.why) AS total, row_number() OVER (PARTITION BY w.why) AS place
    FROM weighed AS w
) AS n
WHERE n.place <= $3
ORDER BY n.why NULLS FIRST, n.place
