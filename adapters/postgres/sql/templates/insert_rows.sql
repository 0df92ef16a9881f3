INSERT INTO {{table}} AS t ({{targets}})
SELECT {{values}} FROM unnest({{arrays}}) WITH ORDINALITY AS i ({{inputs}}, position) ORDER BY i.position
RETURNING {{key}} AS key{{columns}}
