-- Stored changes of a key are found by either end, in whatever state: the link of a row that was renamed goes before any newer change
-- of another row under its old key. They are few, and so are the entries of these.

CREATE INDEX change_renamed_from ON isthmus.change (old_key, step) WHERE kind = 'rekey';
CREATE INDEX change_renamed_to ON isthmus.change (key, step) WHERE kind = 'rekey';
CREATE INDEX change_renames ON isthmus.change (step, id) WHERE kind = 'rekey';
