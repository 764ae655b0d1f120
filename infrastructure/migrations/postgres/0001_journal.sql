-- The journal: one ordered log of events, whose positions are dense and in commit order, since whoever appends holds the
-- row in log_head until its commit. Times are unix microseconds.

CREATE TABLE log_head (
    id  int    PRIMARY KEY CHECK (id = 1),
    pos bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO log_head VALUES (1, 0);

-- Lets a program that knows only the first seven columns (the crate postgres-es) append in the same order.
CREATE FUNCTION next_position() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ UPDATE log_head SET pos = pos + 1 WHERE id = 1 RETURNING pos $$;

CREATE FUNCTION unix_microseconds() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

CREATE TABLE events (
    aggregate_type text   NOT NULL,
    aggregate_id   text   NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence >= 0),
    event_type     text   NOT NULL,
    event_version  text   NOT NULL,
    payload        jsonb  NOT NULL,
    metadata       jsonb  NOT NULL,
    position       bigint NOT NULL DEFAULT next_position(),
    created_at     bigint NOT NULL DEFAULT unix_microseconds(),
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE UNIQUE INDEX events_position ON events (position);

CREATE TABLE idempotency (
    scope       text   NOT NULL,
    key         text   NOT NULL,
    fingerprint bytea  NOT NULL,
    result      bytea  NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);

CREATE TABLE claim (
    name   text PRIMARY KEY,
    holder text NOT NULL
);

-- A slot without expires_at is held until it is released.
CREATE TABLE slot (
    quota      text NOT NULL,
    holder     text NOT NULL,
    expires_at bigint,
    PRIMARY KEY (quota, holder)
);
CREATE INDEX slot_expires_at ON slot (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE projection (
    name       text   NOT NULL,
    version    bigint NOT NULL,
    live       bigint NOT NULL,
    checkpoint bigint NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE subscription_checkpoint (
    name     text   PRIMARY KEY,
    position bigint NOT NULL
);

-- Appends a batch of commands, in one autocommit statement under READ COMMITTED. Every array whose name starts with the
-- same letter has the same length, and its x_cmd says to which command (0, 1, …) an entry belongs: s streams, e events,
-- k idempotency keys, c claims, q quota slots. No two commands of a batch may name the same stream, key, claim or quota.
--
-- Answers the head before the batch and the rejected commands: reason 1 a stream moved on, 2 the idempotency key is taken,
-- 3 a claim is taken, 4 a quota is full; detail is the entry of c or q, from 1. The accepted commands' events have the
-- positions behind the head, in the order given.
--
-- Each statement below takes a fresh snapshot after the lock, so it sees all that earlier holders committed.
CREATE FUNCTION append_batch(
    s_cmd int[], s_type text[], s_id text[], s_expected bigint[], -- -1: behind whatever is there
    e_cmd int[], e_stream int[], e_offset int[], e_aggregate_type text[], e_aggregate_id text[],
    e_type text[], e_version text[], e_payload jsonb[], e_metadata jsonb[], e_created_at bigint[],
    k_cmd int[], k_scope text[], k_key text[], k_fingerprint bytea[], k_result bytea[], k_now bigint[], k_expires_at bigint[],
    c_cmd int[], c_name text[], c_holder text[], c_take boolean[],
    q_cmd int[], q_quota text[], q_holder text[], q_hold boolean[], q_limit bigint[], q_expires_at bigint[], q_now bigint[]
) RETURNS TABLE (head bigint, rejected int[], reasons int[], details int[])
LANGUAGE plpgsql VOLATILE
-- The plans are made while the tables are empty and kept while they grow.
SET enable_seqscan = off
AS $$
DECLARE
    bases      bigint[];
    taken      int[] := '{}'; -- commands whose key belongs to another command
    found_cmd  int[];
    found_item int[];
    written    bigint;
BEGIN
    SELECT h.pos INTO head FROM log_head h WHERE h.id = 1 FOR UPDATE;
    rejected := '{}'; reasons := '{}'; details := '{}';

    -- Keys first: to a repeated request, its first answer matters more than the stream that this answer moved on.
    IF cardinality(k_cmd) > 0 THEN
        WITH mine AS (
            INSERT INTO idempotency AS i (scope, key, fingerprint, result, created_at, expires_at)
            SELECT u.scope, u.key, u.fingerprint, u.result, u.now, u.expires_at
              FROM unnest(k_scope, k_key, k_fingerprint, k_result, k_now, k_expires_at)
                   u(scope, key, fingerprint, result, now, expires_at)
            ON CONFLICT (scope, key) DO UPDATE
               SET fingerprint = excluded.fingerprint, result = excluded.result,
                   created_at = excluded.created_at, expires_at = excluded.expires_at
             WHERE i.expires_at <= excluded.created_at
            RETURNING i.scope, i.key)
        SELECT coalesce(array_agg(u.cmd), '{}') INTO taken
          FROM unnest(k_cmd, k_scope, k_key) u(cmd, scope, key)
          LEFT JOIN mine m ON m.scope = u.scope AND m.key = u.key
         WHERE m.key IS NULL;
        rejected := taken;
        reasons := array_fill(2, ARRAY[cardinality(taken)]);
        details := array_fill(0, ARRAY[cardinality(taken)]);
    END IF;

    SELECT array_agg(v.last ORDER BY v.o), array_agg(DISTINCT v.cmd) FILTER (
               WHERE v.expected >= 0 AND v.expected <> v.last AND v.cmd <> ALL (rejected))
      INTO bases, found_cmd
      FROM (SELECT u.cmd, u.expected, u.o,
                   coalesce((SELECT e.sequence FROM events e
                              WHERE e.aggregate_type = u.t AND e.aggregate_id = u.i
                              ORDER BY e.sequence DESC LIMIT 1), 0) AS last
              FROM unnest(s_cmd, s_type, s_id, s_expected) WITH ORDINALITY u(cmd, t, i, expected, o)) v;
    IF found_cmd IS NOT NULL THEN
        rejected := rejected || found_cmd;
        reasons := reasons || array_fill(1, ARRAY[cardinality(found_cmd)]);
        details := details || array_fill(0, ARRAY[cardinality(found_cmd)]);
    END IF;

    IF cardinality(c_cmd) > 0 THEN
        SELECT array_agg(x.cmd), array_agg(x.o) INTO found_cmd, found_item
          FROM (SELECT u.cmd, min(u.o)::int AS o
                  FROM unnest(c_cmd, c_name, c_holder, c_take) WITH ORDINALITY u(cmd, name, holder, take, o)
                  JOIN claim c ON c.name = u.name AND c.holder <> u.holder
                 WHERE u.take AND u.cmd <> ALL (rejected)
                   AND NOT EXISTS (SELECT FROM unnest(c_cmd, c_name, c_holder, c_take) r(cmd, name, holder, take)
                                    WHERE r.cmd = u.cmd AND r.name = u.name AND r.holder = c.holder AND NOT r.take)
                 GROUP BY u.cmd) x;
        IF found_cmd IS NOT NULL THEN
            rejected := rejected || found_cmd;
            reasons := reasons || array_fill(3, ARRAY[cardinality(found_cmd)]);
            details := details || found_item;
        END IF;
    END IF;

    -- A quota is judged by what it would hold after the command, and only when the command adds a holder.
    IF cardinality(q_cmd) > 0 THEN
        SELECT array_agg(x.cmd), array_agg(x.o) INTO found_cmd, found_item
          FROM (SELECT g.cmd, min(g.o)::int AS o
                  FROM (SELECT u.cmd, u.quota, u.now, min(u.o) AS o, min(u.lim) AS lim,
                               count(*) AS wanted, count(*) FILTER (WHERE s.holder IS NULL) AS added
                          FROM unnest(q_cmd, q_quota, q_holder, q_hold, q_limit, q_expires_at, q_now) WITH ORDINALITY
                               u(cmd, quota, holder, hold, lim, expires_at, now, o)
                          LEFT JOIN slot s ON s.quota = u.quota AND s.holder = u.holder
                                          AND (s.expires_at IS NULL OR s.expires_at > u.now)
                         WHERE u.hold AND (u.expires_at IS NULL OR u.expires_at > u.now) AND u.cmd <> ALL (rejected)
                         GROUP BY u.cmd, u.quota, u.now) g
                 WHERE g.added > 0
                   AND g.lim < g.wanted + (
                       SELECT count(*) FROM slot s
                        WHERE s.quota = g.quota AND (s.expires_at IS NULL OR s.expires_at > g.now)
                          AND NOT EXISTS (SELECT FROM unnest(q_cmd, q_quota, q_holder) r(cmd, quota, holder)
                                           WHERE r.cmd = g.cmd AND r.quota = s.quota AND r.holder = s.holder))
                 GROUP BY g.cmd) x;
        IF found_cmd IS NOT NULL THEN
            rejected := rejected || found_cmd;
            reasons := reasons || array_fill(4, ARRAY[cardinality(found_cmd)]);
            details := details || found_item;
        END IF;
    END IF;

    IF cardinality(k_cmd) > 0 AND cardinality(rejected) > cardinality(taken) THEN
        DELETE FROM idempotency i USING unnest(k_cmd, k_scope, k_key) u(cmd, scope, key)
         WHERE i.scope = u.scope AND i.key = u.key AND u.cmd = ANY (rejected) AND u.cmd <> ALL (taken);
    END IF;

    IF cardinality(c_cmd) > 0 THEN
        DELETE FROM claim c USING unnest(c_cmd, c_name, c_holder, c_take) u(cmd, name, holder, take)
         WHERE NOT u.take AND c.name = u.name AND c.holder = u.holder AND u.cmd <> ALL (rejected);
        INSERT INTO claim (name, holder)
        SELECT u.name, u.holder FROM unnest(c_cmd, c_name, c_holder, c_take) u(cmd, name, holder, take)
         WHERE u.take AND u.cmd <> ALL (rejected)
        ON CONFLICT (name) DO NOTHING;
    END IF;

    IF cardinality(q_cmd) > 0 THEN
        DELETE FROM slot s USING unnest(q_cmd, q_quota, q_holder, q_hold) u(cmd, quota, holder, hold)
         WHERE NOT u.hold AND s.quota = u.quota AND s.holder = u.holder AND u.cmd <> ALL (rejected);
        INSERT INTO slot (quota, holder, expires_at)
        SELECT u.quota, u.holder, u.expires_at
          FROM unnest(q_cmd, q_quota, q_holder, q_hold, q_expires_at) u(cmd, quota, holder, hold, expires_at)
         WHERE u.hold AND u.cmd <> ALL (rejected)
        ON CONFLICT (quota, holder) DO UPDATE SET expires_at = excluded.expires_at;
    END IF;

    INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, position,
                        created_at)
    SELECT u.t, u.i, bases[u.stream] + u.off, u.x, u.v, u.d, u.m, head + row_number() OVER (ORDER BY u.o),
           coalesce(u.at, unix_microseconds())
      FROM unnest(e_cmd, e_stream, e_offset, e_aggregate_type, e_aggregate_id, e_type, e_version, e_payload, e_metadata,
                  e_created_at) WITH ORDINALITY u(cmd, stream, off, t, i, x, v, d, m, at, o)
     WHERE u.cmd <> ALL (rejected);
    GET DIAGNOSTICS written = ROW_COUNT;

    IF written > 0 THEN
        UPDATE log_head h SET pos = head + written WHERE h.id = 1;
        PERFORM pg_notify('nexus_journal', (head + written)::text);
    END IF;
    RETURN NEXT;
END $$;
