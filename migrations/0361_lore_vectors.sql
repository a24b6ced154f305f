-- The vectors of the lore's passages; can be dropped and made anew from the log. Each row says which encoder made it:
-- two of them stand side by side until the new one has as many as there are passages, and then one row switches.
-- Locks: new tables only.
CREATE TABLE lore_vector (
    encoder text COLLATE "C" NOT NULL,      -- digest of the encoder and how it is used
    passage text COLLATE "C" NOT NULL,      -- digest of all that a search goes by: text, prefix, limits
    document text COLLATE "C" NOT NULL,
    known_by text[] NOT NULL,               -- labels: one of them is enough
    narrowed_by text[] NOT NULL,            -- and one of these, if there are any
    stage int NOT NULL,
    from_day int NOT NULL,
    until_day int NOT NULL,
    realms text[] NOT NULL,
    vector bytea NOT NULL,                  -- half floats, little endian
    PRIMARY KEY (encoder, passage)
);
-- One row: the encoder whose vectors searches go by.
CREATE TABLE lore_encoder (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    encoder text NOT NULL,
    passages bigint NOT NULL,               -- counted on both sides when it was switched to
    switched_us bigint NOT NULL
);

-- Nearest neighbours, where there is pgvector 0.8 (half floats, and scans that go on until enough pass the filter).
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
               WHERE e.extname = 'vector' AND n.nspname = 'public' AND has_schema_privilege('public', 'USAGE')
                 AND string_to_array(e.extversion, '.')::int[] >= ARRAY[0, 8]) THEN
        ALTER TABLE lore_vector ADD COLUMN near public.halfvec(384);
        CREATE INDEX lore_vector_near ON lore_vector USING hnsw (near public.halfvec_ip_ops);
    END IF;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON lore_vector, lore_encoder TO aicore_projector;
GRANT SELECT ON lore_vector, lore_encoder TO aicore_reader;
