SELECT
    count(*) AS total, count(t.value) AS filled,
    count(*) FILTER (WHERE t.value <> lower(t.value) AND t.value <> upper(t.value)) AS mixed
FROM (SELECT {{column}}::text AS value FROM {{table}}) AS t
