SELECT {{value}} AS value, s.{{at}} AS at, {{key}} AS key FROM {{table}} AS s WHERE s.{{person}} = {{own}}
