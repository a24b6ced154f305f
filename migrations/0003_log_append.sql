-- The only way into the log. One call is one group commit: everything or nothing, in one statement, so that no
-- client can stop between the reservation of positions and the commit while it holds the lock.
--
-- Positions become visible in order because the lock is held until the commit is: whoever gets it next sees it.
-- The caller has computed positions, versions and hashes from the head that it names; if the head is another
-- (status 'moved') or a stream of which it was unsure is not as assumed ('stale'), nothing is written and it is
-- told the truth. An id that is in the log already ends in a unique violation of event_id.
--
-- Locks: one transaction-level advisory lock per realm (the table's oid), then row inserts only.
CREATE FUNCTION log_append(
    expected_position bigint, expected_hash bytea,
    unsure_streams text[], unsure_versions bigint[],
    recorded bigint,
    streams text[], versions bigint[], ids uuid[], types text[], schema_versions integer[],
    metas bytea[], payloads bytea[], hashes bytea[],
    OUT status text, OUT head_position bigint, OUT head_hash bytea, OUT head_recorded_us bigint,
    OUT stale_streams text[], OUT stale_versions bigint[]
) LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_advisory_xact_lock('event'::regclass::oid::bigint);

    SELECT e.position, e.hash, e.recorded_us INTO head_position, head_hash, head_recorded_us
        FROM event e ORDER BY e.position DESC LIMIT 1;
    IF coalesce(head_position, 0) <> expected_position
        OR (head_hash IS NOT NULL AND head_hash <> expected_hash) THEN
        status := 'moved';
        RETURN;
    END IF;

    IF cardinality(unsure_streams) > 0 THEN
        SELECT array_agg(u.stream), array_agg(coalesce(l.version, 0)) INTO stale_streams, stale_versions
            FROM unnest(unsure_streams, unsure_versions) AS u(stream, version)
            LEFT JOIN LATERAL (
                SELECT e.version FROM event e WHERE e.stream = u.stream ORDER BY e.version DESC LIMIT 1
            ) l ON true
            WHERE coalesce(l.version, 0) <> u.version;
        IF stale_streams IS NOT NULL THEN
            status := 'stale';
            RETURN;
        END IF;
    END IF;

    INSERT INTO event (position, version, recorded_us, id, schema_version, stream, type, meta, payload, hash)
        SELECT expected_position + n, version, recorded, id, schema_version, stream, type, meta, payload, hash
        FROM unnest(streams, versions, ids, types, schema_versions, metas, payloads, hashes)
            WITH ORDINALITY AS new(stream, version, id, type, schema_version, meta, payload, hash, n);
    status := 'done';
END
$$;

-- Without a pinned search_path a caller could make a definer's function see other tables.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION log_append SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE ALL ON FUNCTION log_append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log_append TO aicore_writer;
