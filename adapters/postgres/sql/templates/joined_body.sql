#variable_conflict use_column
-- Made by Isthmus for rows that speak for records of the step {{step_comment}}; install it again rather than edit it.
DECLARE
    stored bigint := 0;
    fault_state text;
    fault_message text;
BEGIN
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO isthmus.change (step, side, kind, source, at, key, new_values, transaction)
            SELECT DISTINCT ON (whose) {{step}}, 'postgres', 'update', 'trigger', clock_timestamp(), c.whose, c.said, pg_current_xact_id()
            FROM (SELECT {{whose}} AS whose, {{said}} AS said FROM isthmus_new AS x WHERE {{person}} IS NOT NULL) AS c;
            GET DIAGNOSTICS stored = ROW_COUNT;
        ELSIF TG_OP = 'UPDATE' THEN
            -- What a row said before and what it says now: whoever it is about may have changed as well.
            INSERT INTO isthmus.change (step, side, kind, source, at, key, new_values, transaction)
            SELECT DISTINCT ON (whose) {{step}}, 'postgres', 'update', 'trigger', clock_timestamp(), c.whose, c.said, pg_current_xact_id()
            FROM (
                SELECT n.*, true AS fresh FROM (
                    SELECT {{whose}} AS whose, {{said}} AS said, {{word}} AS word FROM isthmus_new AS x WHERE {{person}} IS NOT NULL
                    EXCEPT
                    SELECT {{whose}} AS whose, {{said}} AS said, {{word}} AS word FROM isthmus_old AS x WHERE {{person}} IS NOT NULL
                ) AS n
                UNION ALL
                SELECT o.*, false AS fresh FROM (
                    SELECT {{whose}} AS whose, {{said}} AS said, {{word}} AS word FROM isthmus_old AS x WHERE {{person}} IS NOT NULL
                    EXCEPT
                    SELECT {{whose}} AS whose, {{said}} AS said, {{word}} AS word FROM isthmus_new AS x WHERE {{person}} IS NOT NULL
                ) AS o
            ) AS c
            ORDER BY c.whose, c.fresh DESC;
            GET DIAGNOSTICS stored = ROW_COUNT;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO isthmus.change (step, side, kind, source, at, key, new_values, transaction)
            SELECT DISTINCT ON (whose) {{step}}, 'postgres', 'update', 'trigger', clock_timestamp(), c.whose, c.said, pg_current_xact_id()
            FROM (SELECT {{whose}} AS whose, {{said}} AS said FROM isthmus_old AS x WHERE {{person}} IS NOT NULL) AS c;
            GET DIAGNOSTICS stored = ROW_COUNT;
        ELSE
            -- TRUNCATE names no row: every linked row of the step is compared with what was agreed.
            INSERT INTO isthmus.capture_fault (step, operation, sqlstate, message)
            VALUES ({{step}}, TG_OP, '00000', 'A table that speaks for rows of this step was truncated.');
        END IF;
        {{ending}}
