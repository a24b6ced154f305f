-- The whole comparison of log and JetStream: the walk's place, the newest event that was surely published,
-- the stream's settings as the relay wants them, and what was found and mended.
-- Locks: ACCESS EXCLUSIVE on relay_state for the moment of a catalogue change; a new table.
ALTER TABLE relay_state
    ADD COLUMN published bigint NOT NULL DEFAULT 0,      -- newest position that JetStream is known to have had
    ADD COLUMN published_hash bytea,                     -- its hash then; null: none yet
    ADD COLUMN settings text NOT NULL DEFAULT '',        -- the stream's configuration as wanted, JSON
    ADD COLUMN walk_made text NOT NULL DEFAULT '',       -- the stream that is walked: when it was made
    ADD COLUMN walk_from bigint NOT NULL DEFAULT 0,      -- the round under way has compared from here …
    ADD COLUMN walk_at bigint NOT NULL DEFAULT 0,        -- … up to here
    ADD COLUMN walk_began_us bigint NOT NULL DEFAULT 0,  -- when it compared the first of them
    ADD COLUMN walk_us bigint NOT NULL DEFAULT 0,        -- when it compared last, µs since 1970-01-01T00:00Z
    ADD COLUMN round_from bigint NOT NULL DEFAULT 0,     -- the last round that came to its end: from here …
    ADD COLUMN round_to bigint NOT NULL DEFAULT 0,       -- … to here
    ADD COLUMN round_began_us bigint NOT NULL DEFAULT 0, -- it compared the first of them then …
    ADD COLUMN round_us bigint NOT NULL DEFAULT 0;       -- … and the last of them then

CREATE TABLE relay_finding (
    found_us bigint NOT NULL,               -- when it was found, µs since 1970-01-01T00:00Z
    kind text NOT NULL,
    first bigint NOT NULL,                  -- the lowest position concerned; 0: none in particular
    what text NOT NULL,
    mended_us bigint NOT NULL DEFAULT 0,    -- 0: not yet
    PRIMARY KEY (found_us, kind, first)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON relay_finding TO aicore_relay;
GRANT SELECT ON relay_finding TO aicore_reader;
