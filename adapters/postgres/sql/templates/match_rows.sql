SELECT m.value, m.key
FROM (
    SELECT w.value, {{key}} AS key, row_number() OVER (PARTITION BY w.value ORDER BY {{key}}) AS position
    FROM (
        SELECT u.value, {{wanted}} AS wanted
        FROM unnest($1::text[]) AS u (value)
        WHERE {{normalised}} <> ''
    ) AS w
    JOIN {{table}} AS t ON {{found}} = w.wanted
) AS m
WHERE m.position <= 5
ORDER BY m.value, m.position
