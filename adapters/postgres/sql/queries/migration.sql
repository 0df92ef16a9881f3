-- name: migration_prepare
CREATE SCHEMA IF NOT EXISTS isthmus;
CREATE TABLE IF NOT EXISTS isthmus.schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)

-- name: migration_table
SELECT to_regclass('isthmus.schema_migration') IS NOT NULL

-- name: migration_lock
SELECT pg_advisory_xact_lock(5283946614)

-- name: migrations_applied
SELECT number, name, checksum FROM isthmus.schema_migration ORDER BY number

-- name: migration_record
INSERT INTO isthmus.schema_migration (number, name, checksum) VALUES ($1, $2, $3)
