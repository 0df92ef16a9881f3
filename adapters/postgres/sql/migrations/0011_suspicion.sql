-- What a failed request lets us fear of a change that it carried was read from its code, which every later delay writes over.

ALTER TABLE isthmus.change
    ADD COLUMN suspicion text CHECK (suspicion IN ('unanswered', 'unanswered_alone', 'locked'));
COMMENT ON COLUMN isthmus.change.suspicion IS 'Why it is sent in small company or alone';

UPDATE isthmus.change
SET suspicion = CASE
    WHEN code = 'unanswered_alone' THEN 'unanswered_alone'
    WHEN reason LIKE 'row_lock:%' THEN 'locked'
    ELSE 'unanswered'
END
WHERE side = 'postgres' AND (code IN ('UNKNOWN_OUTCOME', 'unanswered_alone') OR reason LIKE 'row_lock:%');
