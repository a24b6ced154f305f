-- role: session
-- pgvector, where the server brings it along: only then can neighbours be looked for by an index. Without it, or
-- without the right to install it, the vectors are kept all the same (0361), and all of them are compared.
-- Locks: catalogue rows only.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'vector') THEN
        CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
        -- Where the logins are apart, nobody may look into it by default (bus/postgres/logins.py).
        GRANT USAGE ON SCHEMA public TO aicore_owner, aicore_projector, aicore_reader;
    END IF;
EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
    RAISE NOTICE 'pgvector is not installed: %', SQLERRM;
END
$$;
