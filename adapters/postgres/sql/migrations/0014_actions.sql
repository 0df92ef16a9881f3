-- Actions of steps that are still to be done: webhooks, and what failed in its record's transaction.

CREATE TABLE isthmus.action (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step text NOT NULL,
    action text NOT NULL,
    event text NOT NULL CHECK (event IN ('created', 'updated')),
    direction text NOT NULL CHECK (direction IN ('pull', 'push')),
    at timestamptz NOT NULL,
    object text NOT NULL,
    sf_id text NOT NULL,
    table_name text NOT NULL,
    key text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'parked')),
    attempts integer NOT NULL,
    due timestamptz,
    code text,
    message text,
    advice text
);
COMMENT ON COLUMN isthmus.action.at IS 'When the record was synchronised';
COMMENT ON COLUMN isthmus.action.due IS 'When it is tried next. Null: parked, until a person asks for it';
CREATE INDEX action_due ON isthmus.action (step, action, due, id) WHERE state = 'pending';
