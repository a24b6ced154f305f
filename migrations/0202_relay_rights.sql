-- The relay's own tables are the relay's alone: the projector has no business there.
-- Locks: catalogue rows only.
DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO aicore_relay', current_schema());
END
$$;
GRANT SELECT ON event TO aicore_relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON relay_consumer, relay_state, consumer_floor TO aicore_relay;
REVOKE ALL ON relay_consumer, relay_state, consumer_floor FROM aicore_projector;
