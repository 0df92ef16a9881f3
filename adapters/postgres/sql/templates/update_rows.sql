UPDATE {{table}} AS t SET {{assignments}}
FROM unnest({{arrays}}) WITH ORDINALITY AS i ({{inputs}}, position)
WHERE {{on}}
RETURNING i.position, {{key}} AS key{{columns}}
