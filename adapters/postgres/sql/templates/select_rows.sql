SELECT {{key}} AS key{{columns}}
FROM {{table}} AS t JOIN unnest({{arrays}}) AS i ({{inputs}}) ON {{on}}
{{lock}}
