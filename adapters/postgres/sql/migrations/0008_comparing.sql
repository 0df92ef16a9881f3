-- Comparing both sides: how far the rolling audit has come, what comparisons found, and deletes that an operator lets pass.

CREATE TABLE isthmus.audit (
    step text PRIMARY KEY,
    cursor bigint NOT NULL DEFAULT 0,
    begun_at timestamptz NOT NULL,
    compared bigint NOT NULL DEFAULT 0,
    found jsonb NOT NULL DEFAULT '{}',
    ended_at timestamptz,
    last_compared bigint NOT NULL DEFAULT 0,
    last_found jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE isthmus.audit IS 'The rolling comparison of every pair of a step: the cycle that is under way, and the one before';
COMMENT ON COLUMN isthmus.audit.cursor IS 'The link up to which this cycle has compared';
COMMENT ON COLUMN isthmus.audit.found IS 'How many differences this cycle has found, by kind';
COMMENT ON COLUMN isthmus.audit.ended_at IS 'When the last cycle that was completed ended';

CREATE TABLE isthmus.difference (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    step text NOT NULL,
    kind text NOT NULL,
    why text,
    sf_id text,
    key text,
    fields text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE isthmus.difference IS 'What the last comparison that an operator ordered found, record by record';
COMMENT ON COLUMN isthmus.difference.why IS 'What explains it. Null: nothing does';
CREATE INDEX difference_of_job ON isthmus.difference (job, id);
CREATE INDEX difference_of_step ON isthmus.difference (step, job);

CREATE TABLE isthmus.delete_permit (
    step text PRIMARY KEY,
    amount integer NOT NULL CHECK (amount > 0),
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    operator text NOT NULL
);
COMMENT ON TABLE isthmus.delete_permit IS 'Deletes that an operator lets pass the guard of a step';
COMMENT ON COLUMN isthmus.delete_permit.amount IS 'At most so many, counted in the journal from `at` on';

-- What the delete guard counts: deletes that are stored, and those that it has stopped.
CREATE INDEX change_deletes ON isthmus.change (step) WHERE kind = 'delete' OR code = 'delete_guard';
