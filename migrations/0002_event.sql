-- The log: one row per event, never changed. There is no mutable head row beside it: the head is the last row.
-- Locks: new table only. Names are unqualified: the runner sets search_path to the realm's schema.
CREATE TABLE event (
    position bigint PRIMARY KEY CHECK (position > 0),
    version bigint NOT NULL CHECK (version > 0),
    recorded_us bigint NOT NULL,            -- µs since 1970-01-01T00:00Z; never decreases along positions
    id uuid NOT NULL,
    schema_version integer NOT NULL CHECK (schema_version > 0),
    stream text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    meta bytea NOT NULL,                    -- msgpack map, exactly as on the wire
    payload bytea NOT NULL,                 -- msgpack map, exactly as on the wire
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    CONSTRAINT event_stream_version UNIQUE (stream, version),
    CONSTRAINT event_id UNIQUE (id)
);
-- msgpack hardly compresses, and trying costs the writer.
ALTER TABLE event ALTER COLUMN payload SET STORAGE EXTERNAL, ALTER COLUMN meta SET STORAGE EXTERNAL;

CREATE FUNCTION event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Append a new event that corrects the old one.';
END
$$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_refuse_change();
-- Row triggers do not see TRUNCATE.
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_refuse_change();

-- For people with psql: times to read, bytes left out.
CREATE VIEW readable_event AS
    SELECT position, stream, version, type, schema_version, id,
           to_timestamp(recorded_us / 1000000.0) AS recorded_at,
           octet_length(payload) AS payload_bytes, encode(hash, 'hex') AS hash
    FROM event;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO aicore_writer, aicore_reader, aicore_projector', current_schema());
END
$$;
GRANT SELECT ON event, readable_event TO aicore_writer, aicore_reader, aicore_projector;
