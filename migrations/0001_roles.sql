-- role: session
-- The four roles of every realm. Roles belong to the whole cluster, so another realm may have made them already.
-- They cannot log in: a component logs in as itself and takes the one role that it needs.
-- Locks: catalogue rows of pg_authid only.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['aicore_owner', 'aicore_writer', 'aicore_reader', 'aicore_projector'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF NOT pg_has_role(current_user, wanted, 'SET') THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;

-- A projection is rebuilt in a temporary table beside the rows that readers see.
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO aicore_projector', current_database());
END
$$;
