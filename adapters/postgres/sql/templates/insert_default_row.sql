INSERT INTO {{table}} AS t DEFAULT VALUES
RETURNING {{key}} AS key{{columns}}
