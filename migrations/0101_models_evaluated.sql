-- What a deployment and an evaluation say of a model, and where it comes from. The view's version went up, so
-- its rows are made anew from the log.
-- Locks: ACCESS EXCLUSIVE on current_models for the moment of three catalogue changes.
ALTER TABLE current_models ADD COLUMN evaluation text;                       -- passed | failed | undecided, or null
ALTER TABLE current_models ADD COLUMN barred boolean NOT NULL DEFAULT false; -- rolled back and not evaluated since
ALTER TABLE current_models ADD COLUMN lineage json NOT NULL DEFAULT '{}';
