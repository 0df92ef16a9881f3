INSERT INTO isthmus.change (step, side, kind, source, at, key, new_values, complete, external_id)
SELECT $1, 'postgres', 'create', 'load', clock_timestamp(), {{key}}, {{values}}, true, gen_random_uuid()::text
FROM {{table}} AS t
WHERE {{eligible}}
    AND NOT EXISTS (SELECT FROM isthmus.link AS l WHERE l.pg_key = {{key}} AND l.pg_table = $2)
    AND NOT EXISTS (
        SELECT FROM isthmus.change AS c WHERE c.side = 'postgres' AND c.key = {{key}} AND c.step = $1
    )
LIMIT $3
