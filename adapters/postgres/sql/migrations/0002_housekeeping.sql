-- The journal's partitions: made ahead, dropped by retention.

CREATE FUNCTION isthmus.journal_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $body$
-- Make the partition of one day (in UTC); whether it was made now. Left undone where the default partition already holds
-- rows of that day, for they may stay there.
DECLARE
    partition text := 'journal_' || to_char(day, 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(5283946615);  -- one at a time, or two would wait for each other's partitions
    IF to_regclass('isthmus.' || partition) IS NOT NULL
        OR EXISTS (SELECT FROM isthmus.journal_default WHERE at >= day::timestamptz AND at < (day + 1)::timestamptz)
    THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE isthmus.%I PARTITION OF isthmus.journal FOR VALUES FROM (%L) TO (%L)',
        partition, day::timestamptz, (day + 1)::timestamptz
    );
    RETURN true;
EXCEPTION
    WHEN duplicate_table OR check_violation THEN
        RETURN false;
END
$body$;

CREATE FUNCTION isthmus.journal_forget(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $body$
-- Drop the journal of all days before this one; how many partitions that were.
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(5283946615);
    FOR partition IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'isthmus.journal'::regclass AND c.relname ~ '^journal_[0-9]{8}$'
            AND right(c.relname, 8)::date < before
    LOOP
        EXECUTE format('DROP TABLE isthmus.%I', partition);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM isthmus.journal_default WHERE at < before::timestamptz;
    RETURN dropped;
END
$body$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA isthmus FROM PUBLIC;
