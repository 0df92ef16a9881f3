-- What became of the records that a load has read, stored with the place where it stands: whatever holds it up, nothing of it is forgotten.

ALTER TABLE isthmus.job ADD COLUMN outcome jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN isthmus.job.outcome IS 'What became of the records up to the bookmark: in numbers, and the first of them one by one';

-- What a cycle of the audit has given to the road, to be looked at again at its end.
CREATE INDEX journal_repaired ON isthmus.journal (step, at) WHERE outcome = 'repaired';
