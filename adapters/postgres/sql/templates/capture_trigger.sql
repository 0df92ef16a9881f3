CREATE TRIGGER {{trigger}} AFTER {{event}} ON {{table}}
{{referencing}}FOR EACH STATEMENT EXECUTE FUNCTION {{function}}()
