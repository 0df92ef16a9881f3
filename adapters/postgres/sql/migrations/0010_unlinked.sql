-- A pair that an operator has parted is remembered, so that no rule pairs its halves again by itself.

ALTER TABLE isthmus.link DROP CONSTRAINT link_state_check;
ALTER TABLE isthmus.link ADD CONSTRAINT link_state_check
    CHECK (state IN ('linked', 'broken', 'blocked', 'unlinked', 'tombstone'));
