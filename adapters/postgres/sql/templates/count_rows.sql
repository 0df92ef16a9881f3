SELECT count(*) FROM {{table}} AS t
