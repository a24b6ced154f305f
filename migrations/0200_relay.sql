-- What the relay remembers beside consumer_floor: consumers' settings, and its own state for `aicore relay status`.
-- Losing any of it loses no event. Locks: new tables only.

CREATE TABLE relay_consumer (
    name text PRIMARY KEY,
    settings text NOT NULL                  -- the JetStream consumer's configuration, JSON
);

-- One row, written by the leader.
CREATE TABLE relay_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    leader text NOT NULL,                   -- name of the process that leads, or led last
    leads_since_us bigint NOT NULL,
    acknowledged bigint NOT NULL,           -- position up to which JetStream has acknowledged
    verified_us bigint NOT NULL,            -- last comparison of stream and log, µs since 1970-01-01T00:00Z
    verdict text NOT NULL,                  -- equal | behind | missing | ahead | different
    reason text NOT NULL,
    rebuilds bigint NOT NULL,               -- how often the stream was made anew
    updated_us bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON relay_consumer, relay_state, consumer_floor TO aicore_projector;
GRANT SELECT ON relay_consumer, relay_state, consumer_floor TO aicore_reader;
