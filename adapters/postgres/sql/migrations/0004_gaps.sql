-- Stretches of time in which changes of Salesforce may have been missed. A gap is filled by `reread` changes that were stored
-- in the transaction that opened it, and by those that their reading stores. So nobody has to report: it is swept when no
-- change of its step that asks for the whole object is left, and closed when no re-read that was stored until then is.
CREATE TABLE isthmus.gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step text NOT NULL,
    cause text NOT NULL,
    since timestamptz,
    until timestamptz NOT NULL,
    records bigint,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    swept_at timestamptz,
    last_change bigint,
    closed_at timestamptz
);
COMMENT ON TABLE isthmus.gap IS 'Changes of Salesforce that may have been missed: why, from when to when, and when they were made good';
COMMENT ON COLUMN isthmus.gap.since IS 'Commit times from here on are concerned. Null: since ever';
COMMENT ON COLUMN isthmus.gap.records IS 'How many records are concerned. Null: the whole object';
COMMENT ON COLUMN isthmus.gap.swept_at IS 'When everything concerned had been read';
COMMENT ON COLUMN isthmus.gap.last_change IS 'The newest stored change at that time';
COMMENT ON COLUMN isthmus.gap.closed_at IS 'When what the reading found had been settled';
CREATE INDEX gap_open ON isthmus.gap (step) WHERE closed_at IS NULL;
CREATE INDEX gap_closed ON isthmus.gap (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX change_rereads ON isthmus.change (step, id) WHERE kind = 'reread' AND side = 'salesforce' AND state <> 'parked';
