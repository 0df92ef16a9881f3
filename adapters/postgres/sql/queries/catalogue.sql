-- name: server_facts
SELECT
    current_setting('server_version') AS version, current_user::text AS user, current_database()::text AS database,
    clock_timestamp() AS now,
    coalesce((SELECT s.ssl FROM pg_stat_ssl AS s WHERE s.pid = pg_backend_pid()), false) AS tls

-- name: may_read_identity
SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')

-- name: system_identifier
SELECT system_identifier::text FROM pg_control_system()

-- name: database_number
SELECT oid::text FROM pg_database WHERE datname = current_database()

-- name: timeline
SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END

-- name: relation
SELECT
    c.oid, n.nspname::text AS schema, c.relname::text AS name,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' ELSE 'other' END AS kind,
    CASE
        WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN false
        WHEN c.relkind = 'v' AND (pg_relation_is_updatable(c.oid, true) & 8) = 0 THEN false
        ELSE has_table_privilege(c.oid, 'INSERT') OR has_any_column_privilege(c.oid, 'INSERT')
    END AS insertable,
    CASE
        WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN false
        WHEN c.relkind = 'v' AND (pg_relation_is_updatable(c.oid, true) & 16) = 0 THEN false
        ELSE has_table_privilege(c.oid, 'DELETE')
    END AS deletable,
    c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE') AS lockable
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND CASE
    WHEN $1::text IS NULL THEN c.relname = $2::text AND pg_table_is_visible(c.oid)
    ELSE n.nspname = $1::text AND c.relname = $2::text
END

-- name: relation_columns
SELECT
    a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nullable,
    a.atthasdef OR a.attidentity <> '' AS has_default,
    a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
    has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS selectable,
    has_column_privilege(a.attrelid, a.attnum, 'UPDATE') AS updateable
FROM pg_attribute AS a
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- name: relation_keys
SELECT
    i.indisprimary AS is_primary,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (number, position)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.position <= i.indnkeyatts
        ORDER BY k.position
    ) AS columns
FROM pg_index AS i
WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL

-- name: capture_functions
SELECT
    p.proname::text AS name, p.prosrc AS body, obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p
WHERE p.pronamespace = to_regnamespace('isthmus') AND split_part(p.proname::text, '_', 1) IN ('capture', 'guard', 'joined')
    AND p.prorettype = 'trigger'::regtype

-- name: capture_triggers
SELECT
    t.tgname::text AS name, p.proname::text AS function, t.tgenabled::text AS enabled,
    n.nspname::text AS schema, c.relname::text AS table, pg_get_triggerdef(t.oid) AS definition
FROM pg_trigger AS t
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.pronamespace = to_regnamespace('isthmus') AND split_part(p.proname::text, '_', 1) IN ('capture', 'guard', 'joined') AND NOT t.tgisinternal
ORDER BY n.nspname, c.relname, t.tgname

-- name: volatile_functions
SELECT DISTINCT p.proname AS name
FROM pg_rewrite AS r
CROSS JOIN LATERAL regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS m (found)
JOIN pg_proc AS p ON p.oid = m.found[1]::oid
WHERE r.ev_class = 'pg_temp.isthmus_condition'::regclass AND p.provolatile = 'v'
ORDER BY p.proname
