-- Reading an object whole: where a read stands, so that another process can go on with it, and which records it has met.

ALTER TABLE isthmus.job ADD COLUMN low timestamptz, ADD COLUMN bookmark text;
COMMENT ON COLUMN isthmus.job.low IS 'A second by Salesforce''s clock before which the read had not begun';
COMMENT ON COLUMN isthmus.job.bookmark IS 'Where to go on. Null: not begun; empty: everything was read';

-- Unlogged, because it can be read again: a load compares its count with its own before it believes it.
CREATE UNLOGGED TABLE isthmus.load_record (kind text NOT NULL, step text NOT NULL, sf_id text NOT NULL);
