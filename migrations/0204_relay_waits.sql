-- Which consumers are to be made again: written before a rebuild, so that a new leader goes on with it.
-- Locks: ACCESS EXCLUSIVE on relay_consumer for the moment of a catalogue change.
ALTER TABLE relay_consumer
    ADD COLUMN waits boolean NOT NULL DEFAULT false;    -- it is made again once the stream has reached its place
