-- log_append that does not refuse a plan because another writer was quicker. If the head is another than the caller
-- believed, what it planned is still right wherever no expectation depends on what happened meanwhile: the rows are
-- then put where the log ends now, with positions, versions, time and hashes computed here (status 'shifted').
-- Before, each lost race cost a writer another wait for the lock, and with ten writers nearly every race was lost.
--
-- pinned_streams: those of which an exact version was expected, or for which the caller found a conflict. The plan is
-- wrong (status 'moved', nothing written) if one of them is not at the version that it was planned on, or if any
-- other was thought to exist and does not. Both statuses come with the head as it was found and with the versions
-- of all streams that the plan touches or judges (stale_*).
--
-- The function of 13 arguments stays for programs that were started before.
-- Locks: one transaction-level advisory lock per realm (the table's oid), then row inserts only.
CREATE FUNCTION log_append(
    expected_position bigint, expected_hash bytea,
    unsure_streams text[], unsure_versions bigint[], pinned_streams text[],
    recorded bigint,
    streams text[], versions bigint[], ids uuid[], types text[], schema_versions integer[],
    metas bytea[], payloads bytea[], hashes bytea[],
    OUT status text, OUT head_position bigint, OUT head_hash bytea, OUT head_recorded_us bigint,
    OUT stale_streams text[], OUT stale_versions bigint[], OUT tip_hash bytea, OUT tip_recorded_us bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    shifted boolean;
    wrong boolean;
    new record;
BEGIN
    PERFORM pg_advisory_xact_lock('event'::regclass::oid::bigint);

    SELECT e.position, e.hash, e.recorded_us INTO head_position, head_hash, head_recorded_us
        FROM event e ORDER BY e.position DESC LIMIT 1;
    shifted := coalesce(head_position, 0) <> expected_position
        OR (head_hash IS NOT NULL AND head_hash <> expected_hash);
    IF NOT shifted AND cardinality(unsure_streams) > 0 THEN
        shifted := EXISTS (
            SELECT FROM unnest(unsure_streams, unsure_versions) AS u(stream, version)
            LEFT JOIN LATERAL (
                SELECT e.version FROM event e WHERE e.stream = u.stream ORDER BY e.version DESC LIMIT 1
            ) l ON true
            WHERE coalesce(l.version, 0) <> u.version
        );
    END IF;

    IF NOT shifted THEN
        INSERT INTO event (position, version, recorded_us, id, schema_version, stream, type, meta, payload, hash)
            SELECT expected_position + n, version, recorded, id, coalesce(schema_version, schema_versions[1]),
                coalesce(stream, streams[1]), coalesce(type, types[1]), coalesce(meta, metas[1]), payload, hash
            FROM (
                SELECT generate_series(1, cardinality(ids)) AS n, unnest(streams) AS stream,
                    unnest(versions) AS version, unnest(ids) AS id, unnest(types) AS type,
                    unnest(schema_versions) AS schema_version, unnest(metas) AS meta,
                    unnest(payloads) AS payload, unnest(hashes) AS hash
            ) AS new;
        status := 'done';
        RETURN;
    END IF;

    SELECT array_agg(t.stream), array_agg(t.actual),
            bool_or(t.actual <> t.planned AND (t.stream = ANY(pinned_streams) OR t.actual = 0))
        INTO stale_streams, stale_versions, wrong
        FROM (
            SELECT b.stream, b.planned, coalesce(l.version, 0) AS actual
            FROM (
                SELECT coalesce(r.stream, streams[1]) AS stream, min(r.version) - 1 AS planned
                    FROM (SELECT unnest(streams) AS stream, unnest(versions) AS version) r GROUP BY 1
                UNION
                SELECT u.stream, u.version FROM unnest(unsure_streams, unsure_versions) AS u(stream, version)
            ) b
            LEFT JOIN LATERAL (
                SELECT e.version FROM event e WHERE e.stream = b.stream ORDER BY e.version DESC LIMIT 1
            ) l ON true
        ) t;
    -- An empty log has the realm's genesis for a hash, which only a caller that expects it empty names.
    IF wrong OR (head_position IS NULL AND expected_position <> 0) THEN
        status := 'moved';
        RETURN;
    END IF;

    tip_hash := coalesce(head_hash, expected_hash);
    tip_recorded_us := greatest(recorded, head_recorded_us);
    FOR new IN
        SELECT coalesce(head_position, 0) + r.n AS position, r.version + t.actual - r.planned AS version, r.id,
            r.schema_version, r.stream, r.type, r.meta, r.payload
        FROM (
            SELECT n, version, id, coalesce(schema_version, schema_versions[1]) AS schema_version,
                coalesce(stream, streams[1]) AS stream, coalesce(type, types[1]) AS type,
                coalesce(meta, metas[1]) AS meta, payload,
                min(version) OVER (PARTITION BY coalesce(stream, streams[1])) - 1 AS planned
            FROM (
                SELECT generate_series(1, cardinality(ids)) AS n, unnest(streams) AS stream,
                    unnest(versions) AS version, unnest(ids) AS id, unnest(types) AS type,
                    unnest(schema_versions) AS schema_version, unnest(metas) AS meta, unnest(payloads) AS payload
            ) AS given
        ) AS r
        JOIN unnest(stale_streams, stale_versions) AS t(stream, actual) ON t.stream = r.stream
        ORDER BY r.n
    LOOP
        -- protocol/SPEC.md, "Chain".
        tip_hash := sha256(
            tip_hash || int8send(new.position) || uuid_send(new.id) || int8send(tip_recorded_us)
            || int8send(new.version) || int4send(new.schema_version)
            || int2send(octet_length(new.type)::smallint) || convert_to(new.type, 'UTF8')
            || int2send(octet_length(new.stream)::smallint) || convert_to(new.stream, 'UTF8')
            || int4send(octet_length(new.meta)) || new.meta
            || int4send(octet_length(new.payload)) || new.payload
        );
        INSERT INTO event (position, version, recorded_us, id, schema_version, stream, type, meta, payload, hash)
            VALUES (new.position, new.version, tip_recorded_us, new.id, new.schema_version, new.stream,
                new.type, new.meta, new.payload, tip_hash);
    END LOOP;
    status := 'shifted';
END
$$;

REVOKE ALL ON FUNCTION log_append(
    bigint, bytea, text[], bigint[], text[], bigint,
    text[], bigint[], uuid[], text[], integer[], bytea[], bytea[], bytea[]
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_append(
    bigint, bytea, text[], bigint[], text[], bigint,
    text[], bigint[], uuid[], text[], integer[], bytea[], bytea[], bytea[]
) TO aicore_writer;
