-- The state of the sync. Everything that Isthmus knows is in this schema; the user's own tables stay as they are.

CREATE FUNCTION isthmus.ring() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
-- A hint to the daemon that there is something to do, at most one for all transactions that are open at the same time:
-- committing a NOTIFY takes a lock on the whole server. Silent where a NOTIFY could make the caller's COMMIT or PREPARE
-- TRANSACTION fail. The daemon polls as well, so a lost ring costs a moment and nothing else.
BEGIN
    IF pg_try_advisory_xact_lock(5283946613) AND pg_notification_queue_usage() < 0.5
        AND current_setting('max_prepared_transactions') = '0'
    THEN
        PERFORM pg_notify('isthmus', '');
    END IF;
END
$body$;

-- Outbox and inbox in one: what happened on one side and is not settled yet. A queue by state, never read by "id > last":
-- ids become visible in the order of commits, not in their own.
CREATE TABLE isthmus.change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step text NOT NULL,
    side text NOT NULL CHECK (side IN ('salesforce', 'postgres')),
    kind text NOT NULL CHECK (kind IN ('create', 'update', 'delete', 'undelete', 'rekey', 'read', 'reread')),
    source text NOT NULL,
    at timestamptz NOT NULL,
    sf_id text,
    key text,
    old_key text,
    new_values jsonb NOT NULL DEFAULT '{}',
    old_values jsonb NOT NULL DEFAULT '{}',
    complete boolean NOT NULL DEFAULT false,
    external_id text,
    transaction xid8,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'held', 'parked')),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    due timestamptz,
    sent jsonb,
    code text,
    reason text,
    advice text,
    waiting_for text
);
COMMENT ON COLUMN isthmus.change.at IS 'Commit time at the source';
COMMENT ON COLUMN isthmus.change.since IS 'When it came into its state';
COMMENT ON COLUMN isthmus.change.due IS
    'Not before this time. Null: at once if pending or sent, not by itself if held or parked';
COMMENT ON COLUMN isthmus.change.sent IS 'The values of a write whose outcome is not known';

CREATE INDEX change_ready ON isthmus.change (id) WHERE due IS NULL AND state IN ('pending', 'sent');
CREATE INDEX change_due ON isthmus.change (due) WHERE due IS NOT NULL;
CREATE INDEX change_row ON isthmus.change (key, step) WHERE side = 'postgres';
CREATE INDEX change_record ON isthmus.change (sf_id) WHERE sf_id IS NOT NULL;
CREATE INDEX change_waiting ON isthmus.change (waiting_for) WHERE waiting_for IS NOT NULL;
CREATE INDEX change_sent ON isthmus.change (step) WHERE state = 'sent';
CREATE INDEX change_parked ON isthmus.change (id) WHERE state = 'parked';
ALTER TABLE isthmus.change SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- The pairs. Both constraints hold over all steps, and are checked at the end of a statement, so that one can swap partners.
CREATE TABLE isthmus.link (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step text NOT NULL,
    object text NOT NULL,
    sf_id text NOT NULL,
    pg_table text NOT NULL,
    pg_key text NOT NULL,
    state text NOT NULL CHECK (state IN ('linked', 'broken', 'blocked', 'tombstone')),
    origin text NOT NULL,
    base jsonb NOT NULL,
    seen timestamptz,
    own timestamptz,
    merged_into text,
    windows jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT link_one_record UNIQUE (sf_id) DEFERRABLE,
    CONSTRAINT link_one_row UNIQUE (pg_key, pg_table) DEFERRABLE
);
COMMENT ON COLUMN isthmus.link.base IS 'The values on which both sides last agreed';
COMMENT ON COLUMN isthmus.link.seen IS 'The Salesforce second up to which the base is complete';
COMMENT ON COLUMN isthmus.link.own IS 'The second of our last acknowledged write; the year 9999 while one is in doubt';

COMMENT ON COLUMN isthmus.link.windows IS 'The seconds in which our writes may have replaced a value that nobody had seen';

CREATE INDEX link_ended ON isthmus.link (updated_at) WHERE state = 'tombstone';

-- How many linked pairs each step has, as differences that are summed: a counter would make writers wait for each other,
-- and counting ten million links takes a second.
CREATE TABLE isthmus.link_tally (step text NOT NULL, linked bigint NOT NULL);

CREATE FUNCTION isthmus.tally_links() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO isthmus.link_tally
        SELECT step, count(*) FROM came WHERE state = 'linked' GROUP BY step;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO isthmus.link_tally
        SELECT step, -count(*) FROM went WHERE state = 'linked' GROUP BY step;
    ELSE
        INSERT INTO isthmus.link_tally
        SELECT step, sum(difference) FROM (
            SELECT step, 1 AS difference FROM came WHERE state = 'linked'
            UNION ALL
            SELECT step, -1 FROM went WHERE state = 'linked'
        ) AS moved GROUP BY step HAVING sum(difference) <> 0;
    END IF;
    IF FOUND AND random() < 0.01 THEN
        WITH gone AS (
            DELETE FROM isthmus.link_tally WHERE ctid = ANY (ARRAY(SELECT ctid FROM isthmus.link_tally FOR UPDATE SKIP LOCKED))
            RETURNING step, linked
        )
        INSERT INTO isthmus.link_tally SELECT step, sum(linked) FROM gone GROUP BY step;
    END IF;
    RETURN NULL;
END
$body$;

CREATE TRIGGER tally_insert AFTER INSERT ON isthmus.link REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION isthmus.tally_links();
CREATE TRIGGER tally_update AFTER UPDATE ON isthmus.link REFERENCING OLD TABLE AS went NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION isthmus.tally_links();
CREATE TRIGGER tally_delete AFTER DELETE ON isthmus.link REFERENCING OLD TABLE AS went
    FOR EACH STATEMENT EXECUTE FUNCTION isthmus.tally_links();

-- Every decision, append-only, a partition a day. The default partition takes what no other does, so that nothing can fail.
CREATE SEQUENCE isthmus.journal_id;
CREATE TABLE isthmus.journal (
    id bigint NOT NULL DEFAULT nextval('isthmus.journal_id'),
    at timestamptz NOT NULL,
    step text NOT NULL,
    sf_id text,
    key text,
    source text NOT NULL,
    direction text NOT NULL,
    operation text NOT NULL,
    outcome text NOT NULL,
    code text,
    detail jsonb NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE isthmus.journal_default PARTITION OF isthmus.journal DEFAULT;
CREATE INDEX journal_newest ON isthmus.journal (id);
CREATE INDEX journal_record ON isthmus.journal (sf_id, id) WHERE sf_id IS NOT NULL;
CREATE INDEX journal_row ON isthmus.journal (key, id) WHERE key IS NOT NULL;
CREATE INDEX journal_deletes ON isthmus.journal (step, at) WHERE operation = 'delete' AND outcome = 'apply';
CREATE INDEX journal_skips ON isthmus.journal (step, id) WHERE outcome = 'skip';

-- The ledger: outcomes that are not plain success, with the value that lost.
CREATE TABLE isthmus.conflict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step text NOT NULL,
    sf_id text NOT NULL,
    key text NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    field text NOT NULL,
    rule text NOT NULL,
    winner text CHECK (winner IN ('salesforce', 'postgres')),
    base jsonb NOT NULL,
    salesforce jsonb NOT NULL,
    postgres jsonb NOT NULL,
    salesforce_at timestamptz,
    postgres_at timestamptz,
    resolved_at timestamptz,
    resolved_by text
);
COMMENT ON COLUMN isthmus.conflict.winner IS 'Null: nobody has decided yet';
CREATE INDEX conflict_open ON isthmus.conflict (sf_id, field) WHERE winner IS NULL AND resolved_at IS NULL;
CREATE INDEX conflict_pair ON isthmus.conflict (sf_id, id);
CREATE INDEX conflict_at ON isthmus.conflict (at);

CREATE TABLE isthmus.position (
    channel text PRIMARY KEY,
    transport text NOT NULL,
    position text NOT NULL,
    at timestamptz,
    stored_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who may write. A transaction of the daemon holds FOR KEY SHARE on its row, which lets the holder prolong the lease (an
-- update) and makes a successor (FOR UPDATE) wait until the transaction has ended.
CREATE TABLE isthmus.lease (
    name text PRIMARY KEY,
    holder text,
    epoch integer NOT NULL DEFAULT 0,
    acquired_at timestamptz,
    expires_at timestamptz
);

CREATE TABLE isthmus.job (
    kind text NOT NULL,
    step text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done')),
    processed bigint NOT NULL DEFAULT 0,
    expected bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, step)
);

-- What operators did or ordered.
CREATE TABLE isthmus.command (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    operator text NOT NULL,
    action text NOT NULL,
    request jsonb NOT NULL,
    state text NOT NULL DEFAULT 'done' CHECK (state IN ('asked', 'taken', 'done')),
    outcome text
);

CREATE TABLE isthmus.setting (name text PRIMARY KEY, value text NOT NULL);

-- Errors inside a capture trigger, which must never reach the application.
CREATE TABLE isthmus.capture_fault (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    step text NOT NULL,
    operation text NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL
);

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA isthmus FROM PUBLIC;
