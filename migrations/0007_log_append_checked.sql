-- log_append that takes its caller's word for nothing. Whoever has a writer's login may append events, and that is
-- all: hashes are computed here, positions and versions count on without a gap, names and sizes are held to
-- protocol/limits.py, and no time is before the log's last or more than a second ahead of this server's clock. Before,
-- hashes, versions and times of a plan whose head was right were stored as they came.
--
-- Callers send no hashes any more, so that the chain is computed once and not by two; and since the versions of all
-- streams of a plan are looked up, a plan needs to name no more of the log's end than its position.
--
-- The lock is one that only the owner can take, by way of these functions. Anybody may take an advisory lock, and a
-- login that may do nothing but read stopped every writer with it.
--
-- The function of 14 arguments stays for programs that were started before, that of 13 (before 0006) goes.
-- Refusals: AC001, the rows are not what they must be; AC002, the caller's clock is ahead.
-- Locks: new objects, and functions' catalogue rows; nothing that holds rows.
CREATE TABLE append_lock ();

-- Whether a name is one (protocol/fields.py). Lengths apart: a pattern with {0,63} costs thirty times as much.
CREATE FUNCTION is_type(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN name ~ '^[a-z][a-z0-9_]*[.][a-z][a-z0-9_]*$' AND position('.' IN name) <= 65
    AND octet_length(name) - position('.' IN name) <= 64;

CREATE FUNCTION is_stream(name text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN name ~ '^[a-z][a-z0-9_]*-[A-Za-z0-9_-]+$' AND position('-' IN name) <= 65
    AND octet_length(name) - position('-' IN name) <= 128;

CREATE FUNCTION are_types(names text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path FROM CURRENT
RETURN (SELECT bool_and(is_type(t.name)) FROM (SELECT DISTINCT unnest(names) AS name) t);

CREATE FUNCTION append_refused(what text) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the append is refused: %', what USING ERRCODE = 'AC001';
END
$$;

-- Waits for the log, which is then the caller's until its transaction ends; returns the log's end, null if empty.
-- SHARE UPDATE EXCLUSIVE is the weakest mode that excludes itself; a stronger one looks through all sessions.
CREATE FUNCTION log_reserve(OUT head_position bigint, OUT head_recorded_us bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    LOCK TABLE append_lock IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT e.position, e.recorded_us INTO head_position, head_recorded_us
        FROM event e ORDER BY e.position DESC LIMIT 1;
END
$$;

DROP FUNCTION log_append(
    bigint, bytea, text[], bigint[], bigint,
    text[], bigint[], uuid[], text[], integer[], bytea[], bytea[], bytea[]
);

-- One group commit: everything or nothing. Arguments and answers as in 0006, without hashes; and unsure_streams are
-- only those that get no rows. stale_* are null where every stream is at the version that it was planned on.
CREATE FUNCTION log_append(
    expected_position bigint,
    unsure_streams text[], unsure_versions bigint[], pinned_streams text[],
    recorded bigint,
    streams text[], versions bigint[], ids uuid[], types text[], schema_versions integer[],
    metas bytea[], payloads bytea[],
    OUT status text, OUT head_position bigint, OUT head_recorded_us bigint,
    OUT stale_streams text[], OUT stale_versions bigint[], OUT tip_recorded_us bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    own CONSTANT integer := cardinality(ids);
    one_stream CONSTANT boolean := cardinality(streams) = 1;
    last_position bigint;
    chain bytea;
    middle bytea;  -- What lies between version and payload in all rows; null where they differ.
    found bigint;
    numbers bigint[] := versions;  -- Null: they count on from `found`.
    stale boolean;
    wrong boolean;
    named boolean;
    hashes bytea[];
BEGIN
    LOCK TABLE append_lock IN SHARE UPDATE EXCLUSIVE MODE;

    SELECT e.position, e.hash, e.recorded_us INTO head_position, chain, head_recorded_us
        FROM event e ORDER BY e.position DESC LIMIT 1;
    last_position := coalesce(head_position, 0);

    -- Is each stream at the version that it is planned on? The quick questions have "yes" for an answer nearly always;
    -- two rows of one stream among others, and all that is unusual, take the long one.
    IF one_stream THEN
        SELECT e.version INTO found FROM event e WHERE e.stream = streams[1] ORDER BY e.version DESC LIMIT 1;
        found := coalesce(found, 0);
        stale := found <> versions[1] - 1;
        named := found > 0 OR is_stream(streams[1]);
        numbers := NULL;
    ELSE
        SELECT NOT bool_and(e.version IS NOT DISTINCT FROM nullif(r.version - 1, 0)),
                bool_and(r.version > 1 OR is_stream(r.stream))
            INTO stale, named
            FROM (SELECT unnest(streams) AS stream, unnest(versions) AS version) r
            LEFT JOIN event e ON e.stream = r.stream AND e.version BETWEEN r.version - 1 AND r.version;
    END IF;
    IF stale OR cardinality(unsure_streams) > 0 THEN
        SELECT array_agg(s.stream), array_agg(s.actual), bool_or(s.actual <> s.planned),
                bool_or(s.actual <> s.planned AND (s.actual = 0 OR s.stream = ANY (pinned_streams))),
                bool_and(s.actual > 0 OR s.rows = 0 OR is_stream(s.stream))
            INTO stale_streams, stale_versions, stale, wrong, named
            FROM (
                SELECT b.stream, b.planned, b.rows, coalesce(l.version, 0) AS actual
                FROM (
                    SELECT coalesce(r.stream, streams[1]) AS stream, min(r.version) - 1 AS planned,
                        sum(r.row) AS rows
                    FROM (
                        SELECT unnest(streams) AS stream, unnest(versions) AS version, 1 AS row
                        UNION ALL SELECT unnest(unsure_streams), unnest(unsure_versions) + 1, 0
                    ) r
                    GROUP BY 1
                ) b
                LEFT JOIN LATERAL (
                    SELECT e.version FROM event e WHERE e.stream = b.stream ORDER BY e.version DESC LIMIT 1
                ) l ON true
            ) s;
        IF wrong THEN
            status := 'moved';
            RETURN;
        END IF;
        numbers := ARRAY(
            SELECT s.actual + row_number() OVER (PARTITION BY s.stream ORDER BY r.n)
            FROM (
                SELECT g.n, coalesce(g.stream, streams[1]) AS stream
                FROM (SELECT generate_series(1, own) AS n, unnest(streams) AS stream) g
            ) r
            JOIN unnest(stale_streams, stale_versions) AS s(stream, actual) USING (stream)
            ORDER BY r.n
        );
    END IF;

    -- Rows are read by subscript here and unfolded there: both must count from one.
    IF own > 0 AND (
        named AND CASE WHEN cardinality(types) = 1 THEN is_type(types[1]) ELSE are_types(types) END
        AND recorded BETWEEN 0 AND greatest(head_recorded_us, date_part('epoch', clock_timestamp()) * 1e6 + 1e6)
        AND array_lower(streams, 1) = 1 AND array_lower(versions, 1) = 1 AND array_lower(ids, 1) = 1
        AND array_lower(types, 1) = 1 AND array_lower(schema_versions, 1) = 1 AND array_lower(metas, 1) = 1
        AND array_lower(payloads, 1) = 1
    ) IS NOT TRUE THEN
        IF recorded > 0 AND recorded > date_part('epoch', clock_timestamp()) * 1e6 THEN
            RAISE EXCEPTION 'the append is refused: its time is more than a second ahead' USING ERRCODE = 'AC002';
        END IF;
        PERFORM append_refused('a name, its time or its arrays');
    END IF;
    tip_recorded_us := greatest(recorded, head_recorded_us);
    status := CASE WHEN stale OR last_position <> expected_position OR recorded < tip_recorded_us
        THEN 'shifted' ELSE 'done' END;

    -- protocol/SPEC.md, "Chain"; the realm is the schema's name behind its first six letters.
    IF chain IS NULL THEN
        chain := sha256('aicore-log/1\000'::bytea || convert_to(substr(current_schema(), 7), 'UTF8'));
    END IF;
    IF one_stream AND cardinality(types) = 1 AND cardinality(schema_versions) = 1 AND cardinality(metas) = 1 THEN
        middle := int4send(schema_versions[1]) || int2send(octet_length(types[1])::smallint)
            || convert_to(types[1], 'UTF8') || int2send(octet_length(streams[1])::smallint)
            || convert_to(streams[1], 'UTF8') || int4send(octet_length(metas[1])) || metas[1];
    END IF;
    FOR i IN 1..own LOOP
        chain := sha256(
            chain || int8send(last_position + i) || uuid_send(ids[i]) || int8send(tip_recorded_us)
            || int8send(coalesce(numbers[i], found + i))
            || CASE WHEN middle IS NULL THEN int4send(coalesce(schema_versions[i], schema_versions[1]))
                || int2send(octet_length(coalesce(types[i], types[1]))::smallint)
                || convert_to(coalesce(types[i], types[1]), 'UTF8')
                || int2send(octet_length(coalesce(streams[i], streams[1]))::smallint)
                || convert_to(coalesce(streams[i], streams[1]), 'UTF8')
                || int4send(octet_length(coalesce(metas[i], metas[1]))) || coalesce(metas[i], metas[1])
                ELSE middle END
            || int4send(octet_length(payloads[i])) || payloads[i]
        );
        hashes[i] := chain;
    END LOOP;

    INSERT INTO event (position, version, recorded_us, id, schema_version, stream, type, meta, payload, hash)
        SELECT last_position + n, coalesce(version, found + n), tip_recorded_us, id,
            coalesce(schema_version, schema_versions[1]), coalesce(stream, streams[1]), coalesce(type, types[1]),
            coalesce(meta, metas[1]), payload,
            CASE WHEN octet_length(payload) BETWEEN 1 AND 524288
                AND octet_length(coalesce(meta, metas[1])) BETWEEN 1 AND 16384
                THEN hash ELSE append_refused('a size') END
        FROM (
            SELECT generate_series(1, own) AS n, unnest(streams) AS stream, unnest(numbers) AS version,
                unnest(ids) AS id, unnest(types) AS type, unnest(schema_versions) AS schema_version,
                unnest(metas) AS meta, unnest(payloads) AS payload, unnest(hashes) AS hash
        ) AS new;
END
$$;

-- For programs that still hash themselves: a tip that is not theirs is told as one that was shifted.
CREATE OR REPLACE FUNCTION log_append(
    expected_position bigint, expected_hash bytea,
    unsure_streams text[], unsure_versions bigint[], pinned_streams text[],
    recorded bigint,
    streams text[], versions bigint[], ids uuid[], types text[], schema_versions integer[],
    metas bytea[], payloads bytea[], hashes bytea[],
    OUT status text, OUT head_position bigint, OUT head_hash bytea, OUT head_recorded_us bigint,
    OUT stale_streams text[], OUT stale_versions bigint[], OUT tip_hash bytea, OUT tip_recorded_us bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    SELECT a.status, a.head_position, a.head_recorded_us, a.stale_streams, a.stale_versions, a.tip_recorded_us
        INTO status, head_position, head_recorded_us, stale_streams, stale_versions, tip_recorded_us
        FROM log_append(expected_position, unsure_streams, unsure_versions, pinned_streams, recorded,
            streams, versions, ids, types, schema_versions, metas, payloads) a;
    SELECT e.hash INTO head_hash FROM event e WHERE e.position = head_position;
    SELECT e.hash INTO tip_hash FROM event e ORDER BY e.position DESC LIMIT 1;
    IF status = 'done' AND tip_hash <> hashes[cardinality(hashes)] THEN
        status := 'shifted';
    END IF;
    IF stale_streams IS NULL THEN
        SELECT array_agg(r.stream), array_agg(r.planned) INTO stale_streams, stale_versions
        FROM (
            SELECT coalesce(g.stream, streams[1]) AS stream, min(g.version) - 1 AS planned
            FROM (SELECT unnest(streams) AS stream, unnest(versions) AS version) g GROUP BY 1
        ) r;
    END IF;
END
$$;

REVOKE ALL ON FUNCTION is_type, are_types, is_stream, append_refused, log_reserve, event_refuse_change,
    log_append(bigint, text[], bigint[], text[], bigint, text[], bigint[], uuid[], text[], integer[], bytea[], bytea[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_reserve,
    log_append(bigint, text[], bigint[], text[], bigint, text[], bigint[], uuid[], text[], integer[], bytea[], bytea[])
    TO aicore_writer;
