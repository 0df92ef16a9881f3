SELECT count(*) FROM (
    SELECT FROM {{table}} AS t
    JOIN isthmus.link AS l ON l.pg_key = {{key}} AND l.pg_table = $2
    WHERE l.step = $1 AND l.state = 'linked' AND ({{eligible}}) IS NOT TRUE
    LIMIT $3
) AS leaving
