-- role: session
-- A role of the relay's own: it shared the projector's, which may write the read models, and each could change what
-- the other goes by.
-- Locks: catalogue rows of pg_authid only.
DO $$
BEGIN
    BEGIN
        CREATE ROLE aicore_relay NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF NOT pg_has_role(current_user, 'aicore_relay', 'SET') THEN
        EXECUTE format('GRANT aicore_relay TO %I', current_user);
    END IF;
END
$$;
