-- How far each durable consumer has come, as the relay last saw it: where to make it anew if JetStream is lost.
-- Locks: new table only.
CREATE TABLE consumer_floor (
    name text PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0),
    updated_us bigint NOT NULL              -- µs since 1970-01-01T00:00Z
);
