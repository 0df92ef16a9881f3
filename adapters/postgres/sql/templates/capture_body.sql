#variable_conflict use_column
-- Made by Isthmus for the step {{step_comment}}; install it again rather than edit it.
-- Nested loops are off for this function, because nothing is known of the size of a transition table and the planner would
-- compare every row with every other one.
DECLARE
    stored bigint := 0;
    more bigint;
    fault_state text;
    fault_message text;
BEGIN
    -- The daemon's own write. At a greater depth it is the work of a trigger that our write set off: somebody else's.
    IF pg_trigger_depth() = 1 AND current_setting('isthmus.applying', true) = 'on' THEN
        RETURN NULL;
    END IF;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO isthmus.change
                (step, side, kind, source, at, key, new_values, complete, external_id, transaction)
            SELECT
                {{step}}, 'postgres', 'create', 'trigger', clock_timestamp(), {{new_key}},
                {{new_row}}, true, gen_random_uuid()::text, pg_current_xact_id()
            FROM isthmus_new AS n;
            GET DIAGNOSTICS stored = ROW_COUNT;
        ELSIF TG_OP = 'UPDATE' THEN
            IF EXISTS (SELECT {{new_key}} FROM isthmus_new AS n EXCEPT SELECT {{old_key}} FROM isthmus_old AS o) THEN
                -- A key changed. A statement hands its rows over in one order, before and after.
                INSERT INTO isthmus.change
                    (step, side, kind, source, at, key, old_key, new_values, old_values, transaction)
                SELECT
                    {{step}}, 'postgres', 'rekey', 'trigger', clock_timestamp(), {{new_key}}, {{old_key}},
                    {{new_changed}},
                    {{old_changed}},
                    pg_current_xact_id()
                FROM (
                    SELECT n.*, row_number() OVER () AS "isthmus:position" FROM isthmus_new AS n
                    WHERE NOT EXISTS (SELECT FROM isthmus_old AS o WHERE {{same_key}})
                ) AS n
                JOIN (
                    SELECT o.*, row_number() OVER () AS "isthmus:position" FROM isthmus_old AS o
                    WHERE NOT EXISTS (SELECT FROM isthmus_new AS n WHERE {{same_key}})
                ) AS o ON n."isthmus:position" = o."isthmus:position";
                GET DIAGNOSTICS stored = ROW_COUNT;
            END IF;
            INSERT INTO isthmus.change (step, side, kind, source, at, key, new_values, old_values, transaction)
            SELECT
                {{step}}, 'postgres', 'update', 'trigger', clock_timestamp(), {{new_key}},
                {{new_changed}},
                {{old_changed}},
                pg_current_xact_id()
            FROM isthmus_new AS n JOIN isthmus_old AS o ON {{same_key}}
            WHERE {{changed}};
            GET DIAGNOSTICS more = ROW_COUNT;
            stored := stored + more;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO isthmus.change (step, side, kind, source, at, key, old_values, transaction)
            SELECT
                {{step}}, 'postgres', 'delete', 'trigger', clock_timestamp(), {{old_key}},
                {{old_row}}, pg_current_xact_id()
            FROM isthmus_old AS o;
            GET DIAGNOSTICS stored = ROW_COUNT;
        ELSE
            -- TRUNCATE: every row at once. Nothing is deleted across before a person has said so.
            INSERT INTO isthmus.change (step, side, kind, source, at, transaction, state, code, reason, advice)
            VALUES
                ({{step}}, 'postgres', 'delete', 'trigger', clock_timestamp(), pg_current_xact_id(), 'parked', 'truncate',
                'deleted: The table was truncated; its records in Salesforce were kept.',
                'To delete them there as well: isthmus parked retry --code truncate. To bring the rows back: restore them, then retry.');
        END IF;
        {{ending}}
