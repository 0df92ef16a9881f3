SELECT array_agg(DISTINCT t.value ORDER BY t.value) AS spellings
FROM (SELECT {{column}}::text AS value FROM {{table}}) AS t
WHERE t.value IS NOT NULL
GROUP BY lower(t.value)
HAVING count(DISTINCT t.value) > 1
ORDER BY min(t.value)
LIMIT $1
