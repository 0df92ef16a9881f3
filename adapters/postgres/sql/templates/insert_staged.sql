WITH chosen AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY s.place) AS n, s.sf_id, s.stamp, s.base
    FROM pg_temp.isthmus_staged AS s JOIN unnest($6::integer[]) AS u (place) USING (place)
), made AS (
    INSERT INTO {{table}} AS t ({{targets}})
    SELECT {{values}} FROM pg_temp.isthmus_staged AS s JOIN unnest($6::integer[]) AS u (place) USING (place) ORDER BY s.place
    RETURNING {{key}} AS key
), numbered AS MATERIALIZED (
    SELECT m.key, row_number() OVER () AS n FROM made AS m
), linked AS (
    INSERT INTO isthmus.link (step, object, sf_id, pg_table, pg_key, state, origin, base, seen)
    SELECT $1, $2, c.sf_id, $3, n.key, 'linked', 'created', c.base, c.stamp
    FROM numbered AS n JOIN chosen AS c USING (n)
), released AS (
    UPDATE isthmus.change AS w
    SET state = 'pending', due = NULL, waiting_for = NULL, since = clock_timestamp()
    WHERE w.state = 'held' AND w.waiting_for IS NOT NULL
        AND (
            w.waiting_for IN (SELECT c.sf_id FROM chosen AS c)
            OR w.waiting_for IN (SELECT $1 || ':' || n.key FROM numbered AS n)
        )
    RETURNING 1
), written AS (
    INSERT INTO isthmus.journal (at, step, sf_id, key, source, direction, operation, outcome, detail)
    SELECT
        $4, $1, c.sf_id, n.key, $5, 'pull', 'create', 'apply',
        jsonb_build_object(
            'link', 'create', 'rule', 'only_salesforce',
            'inputs', jsonb_build_object('at', c.stamp, 'presence', 'present')
        )
    FROM numbered AS n JOIN chosen AS c USING (n)
    RETURNING 1
)
SELECT (SELECT count(*) FROM written) AS written, (SELECT count(*) FROM released) AS released
