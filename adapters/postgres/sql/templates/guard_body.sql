#variable_conflict use_column
-- Made by Isthmus for the step {{step_comment}}; install it again rather than edit it.
-- What only Salesforce gives is not changed here. What the daemon itself writes, and what your triggers do to it meanwhile, passes.
DECLARE
    edited text;
    touched text;
BEGIN
    IF current_setting('isthmus.applying', true) = 'on' THEN
        RETURN NULL;
    END IF;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            -- A statement hands its rows over in one order, before and after, so a changed key hides nothing.
            SELECT {{new_key}}, concat_ws(', ', {{names}}) INTO edited, touched
            FROM (SELECT n.*, row_number() OVER () AS "isthmus:position" FROM isthmus_new AS n) AS n
            JOIN (SELECT o.*, row_number() OVER () AS "isthmus:position" FROM isthmus_old AS o) AS o
                ON n."isthmus:position" = o."isthmus:position"
            WHERE {{changed}}
            LIMIT 1;
        ELSIF TG_OP = 'INSERT' THEN
            SELECT {{new_key}}, 'a new row' INTO edited, touched FROM isthmus_new AS n LIMIT 1;
        ELSIF TG_OP = 'DELETE' THEN
            SELECT {{old_key}}, 'the row itself' INTO edited, touched FROM isthmus_old AS o LIMIT 1;
        ELSE
            edited := '*';
            touched := 'every row';
        END IF;
    EXCEPTION
        WHEN OTHERS THEN
            -- A guard that does not fit its table any more must not stop the application.
            RAISE WARNING 'isthmus could not guard this change: %', SQLERRM USING ERRCODE = SQLSTATE;
            RETURN NULL;
    END;
    IF edited IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s.%s belongs to Salesforce: %s (key %s) cannot be changed here', TG_TABLE_SCHEMA, TG_TABLE_NAME, touched, edited),
            DETAIL = format('Isthmus only pulls it, in step %s, which says pull: { owned: refuse }.', {{step}}),
            HINT = 'Change it in Salesforce: it arrives here by itself.';
    END IF;
    RETURN NULL;
END
