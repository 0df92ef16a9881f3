SELECT {{key}} AS key
FROM {{table}} AS t
WHERE {{eligible}}
    AND NOT EXISTS (
        SELECT FROM isthmus.link AS l WHERE l.pg_key = {{key}} AND l.pg_table = $2 AND l.state <> 'tombstone'
    )
    AND NOT EXISTS (
        SELECT FROM isthmus.change AS c WHERE c.side = 'postgres' AND c.key = {{key}} AND c.step = $1
    )
    AND NOT EXISTS (
        SELECT FROM isthmus.journal AS j WHERE j.key = {{key}} AND j.step = $1 AND j.outcome = 'skip'
    )
LIMIT $3
