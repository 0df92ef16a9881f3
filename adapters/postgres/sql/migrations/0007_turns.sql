-- Turns: a transaction of a million rows must not keep everybody else waiting, so what is due is taken up from many transactions.

ALTER TABLE isthmus.change ALTER COLUMN transaction SET DEFAULT pg_catalog.pg_current_xact_id();
UPDATE isthmus.change SET transaction = pg_catalog.pg_current_xact_id() WHERE transaction IS NULL;
ALTER TABLE isthmus.change ALTER COLUMN transaction SET NOT NULL;
COMMENT ON COLUMN isthmus.change.transaction IS 'The transaction that stored it: changes are taken up by turns among these';

CREATE INDEX change_turn ON isthmus.change (transaction, id) WHERE due IS NULL AND state IN ('pending', 'sent');

-- What is due, at most `amount` of it, shared out: half for turns, in which each transaction that waits gives a hundredth of the amount, the
-- rest for the oldest and for what was put off until now. A turn never overtakes an older change of its own record. The settings keep each
-- part on its index: right after a million rows were stored, the planner knows nothing of them yet.
CREATE FUNCTION isthmus.due_changes(amount integer) RETURNS TABLE (id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $body$
BEGIN
    RETURN QUERY
    WITH RECURSIVE turn (transaction, number) AS (
        (
            SELECT c.transaction, 1 FROM isthmus.change AS c
            WHERE c.due IS NULL AND c.state IN ('pending', 'sent')
            ORDER BY c.transaction LIMIT 1
        )
        UNION ALL
        SELECT next.transaction, turn.number + 1
        FROM turn CROSS JOIN LATERAL (
            SELECT c.transaction FROM isthmus.change AS c
            WHERE c.due IS NULL AND c.state IN ('pending', 'sent') AND c.transaction > turn.transaction
            ORDER BY c.transaction LIMIT 1
        ) AS next
        WHERE turn.number < amount
    ),
    by_turn AS (
        SELECT mine.id FROM turn CROSS JOIN LATERAL (
            SELECT c.id, c.step, c.key, c.old_key, c.sf_id FROM isthmus.change AS c
            WHERE c.due IS NULL AND c.state IN ('pending', 'sent') AND c.transaction = turn.transaction
            ORDER BY c.id LIMIT greatest(1, amount / 100)
        ) AS mine
        WHERE (
            SELECT true FROM (
                SELECT o.due, o.state FROM isthmus.change AS o
                WHERE o.side = 'postgres' AND o.key IN (mine.key, mine.old_key) AND o.step = mine.step AND o.id < mine.id
                OFFSET 0
            ) AS older
            WHERE older.due IS NULL AND older.state IN ('pending', 'sent') LIMIT 1
        ) IS NULL AND (
            SELECT true FROM (
                SELECT o.due, o.state FROM isthmus.change AS o
                WHERE o.side = 'salesforce' AND o.sf_id = mine.sf_id AND o.id < mine.id
                OFFSET 0
            ) AS older
            WHERE older.due IS NULL AND older.state IN ('pending', 'sent') LIMIT 1
        ) IS NULL
        LIMIT greatest(1, amount / 2)
    ),
    oldest AS (
        SELECT c.id FROM isthmus.change AS c
        WHERE c.due IS NULL AND c.state IN ('pending', 'sent')
        ORDER BY c.id LIMIT amount
    ),
    overdue AS (
        SELECT c.id FROM isthmus.change AS c
        WHERE c.due <= clock_timestamp()
        ORDER BY c.due LIMIT amount
    ),
    share (id, place) AS (
        SELECT by_turn.id, row_number() OVER () FROM by_turn
        UNION ALL
        SELECT oldest.id, 2 * row_number() OVER () FROM oldest
        UNION ALL
        SELECT overdue.id, 3 * row_number() OVER () FROM overdue
    )
    SELECT share.id FROM share GROUP BY share.id ORDER BY min(share.place), share.id LIMIT amount;
END
$body$;

REVOKE EXECUTE ON FUNCTION isthmus.due_changes(integer) FROM PUBLIC;
