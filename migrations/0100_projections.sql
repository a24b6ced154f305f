-- Read models of the first slice: the models of each use case, and counts and latencies of inference.
-- Everything here can be dropped and rebuilt from the log at any time; nothing refers to it.
-- Locks: new tables only. Names are unqualified: the runner sets search_path to the realm's schema.

-- How far each projection has come. Its row is locked by whoever applies a batch, so two runners never double.
CREATE TABLE projection_checkpoint (
    name text PRIMARY KEY,
    view_version integer NOT NULL,          -- version of the code that made the rows; another one means rebuild
    position bigint NOT NULL CHECK (position >= 0),
    updated_us bigint NOT NULL,             -- when the last batch was committed, µs since 1970-01-01T00:00Z
    error text NOT NULL DEFAULT ''          -- why it stands still, or ''
);

CREATE TABLE current_models (
    use_case text COLLATE "C" NOT NULL,
    model_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    provider text NOT NULL,
    model_type text NOT NULL,
    tier text NOT NULL,
    status text NOT NULL,                   -- candidate | current | deprecated | retired
    description text NOT NULL,
    configuration json NOT NULL,
    artefacts json NOT NULL,
    licence text NOT NULL,
    card text NOT NULL,
    needs json NOT NULL,
    registered_us bigint NOT NULL,
    changed_us bigint NOT NULL,
    position bigint NOT NULL,               -- of the last event that changed the row
    PRIMARY KEY (use_case, model_id)
);

-- One row per model, tier and hour; percentiles are computed from the histograms when asked for.
CREATE TABLE inference_stats (
    model_id text COLLATE "C" NOT NULL,
    tier text COLLATE "C" NOT NULL,
    hour_us bigint NOT NULL,                -- start of the hour, µs since 1970-01-01T00:00Z
    use_case text NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    cost_micro bigint NOT NULL,
    latency_sum_us bigint NOT NULL,         -- of completed ones
    latency_max_us bigint NOT NULL,
    latency_histogram json NOT NULL,        -- {bucket: count}, see projections/inference/histogram.py
    ttft_histogram json NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (model_id, tier, hour_us)
);

-- DELETE is for a rebuild, which replaces all rows in one transaction while readers go on seeing the old ones.
GRANT SELECT, INSERT, UPDATE, DELETE
    ON projection_checkpoint, current_models, inference_stats TO aicore_projector;
GRANT SELECT ON projection_checkpoint, current_models, inference_stats TO aicore_reader;
