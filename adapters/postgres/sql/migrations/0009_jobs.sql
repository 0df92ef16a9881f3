-- Long works in one table. First loads and sweeps begin by themselves: each step has at most one row of each, which is begun anew.
-- What an operator orders is a row of its own, taken up by the leader, one at a time.

ALTER TABLE isthmus.job DROP CONSTRAINT job_pkey, DROP CONSTRAINT job_state_check;
ALTER TABLE isthmus.job
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN operator text,
    ADD COLUMN request jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN place jsonb,
    ADD COLUMN result jsonb,
    ADD COLUMN failure jsonb,
    ADD COLUMN due timestamptz,
    ADD COLUMN interruptions integer NOT NULL DEFAULT 0,
    ADD COLUMN in_vain integer NOT NULL DEFAULT 0,
    ADD COLUMN cancelled_by text,
    ADD COLUMN asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN ended_at timestamptz,
    ALTER COLUMN started_at DROP NOT NULL,
    ADD CONSTRAINT job_state CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled'));
UPDATE isthmus.job SET asked_at = started_at, ended_at = CASE WHEN state = 'done' THEN updated_at END;

COMMENT ON COLUMN isthmus.job.operator IS 'Who ordered it. Null: the daemon by itself';
COMMENT ON COLUMN isthmus.job.place IS 'Where a job that was interrupted goes on. Null: at its beginning';
COMMENT ON COLUMN isthmus.job.failure IS 'Why it failed, or why it waits to be tried again: code, message, advice';
COMMENT ON COLUMN isthmus.job.due IS 'When it is tried again';
COMMENT ON COLUMN isthmus.job.interruptions IS 'How often the daemon ended while it was running';
COMMENT ON COLUMN isthmus.job.in_vain IS 'How many of the last of these without any progress in between';
COMMENT ON COLUMN isthmus.job.cancelled_by IS 'Who asked for it to be cancelled';

CREATE UNIQUE INDEX job_of_step ON isthmus.job (kind, step) WHERE kind IN ('first_load', 'sweep');
CREATE UNIQUE INDEX job_running ON isthmus.job (kind, step) WHERE state = 'running';
CREATE INDEX job_open ON isthmus.job (id) WHERE state IN ('queued', 'running');
CREATE INDEX job_ended ON isthmus.job (ended_at) WHERE ended_at IS NOT NULL;
