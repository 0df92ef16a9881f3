CREATE TEMPORARY VIEW isthmus_condition AS SELECT 1 AS one FROM {{table}} AS t WHERE {{eligible}}
