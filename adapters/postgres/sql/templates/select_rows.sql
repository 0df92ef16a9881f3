SELECT {{key}} AS key{{columns}}, {{eligible}} AS eligible, {{routed}} AS routed
FROM {{table}} AS t JOIN unnest({{arrays}}) AS i ({{inputs}}) ON {{on}}
{{lock}}
