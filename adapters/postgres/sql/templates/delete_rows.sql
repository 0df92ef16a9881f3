DELETE FROM {{table}} AS t
USING unnest({{arrays}}) WITH ORDINALITY AS i ({{inputs}}, position)
WHERE {{on}}
RETURNING i.position, {{key}} AS key
