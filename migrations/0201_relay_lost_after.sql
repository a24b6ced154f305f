-- Where the log ended when its relay first found an empty stream that had counted further: what was recorded
-- since then does not settle that. Null: nothing of the kind.
-- Locks: ACCESS EXCLUSIVE on relay_state for the moment of a catalogue change.
ALTER TABLE relay_state ADD COLUMN lost_after bigint;
