-- The journal on SQLite: the same contract as on PostgreSQL, kept by one writer at a time. Times are unix microseconds.

-- Exactly the columns and the key of the crate sqlite-es, which recognises a conflict on the primary key alone; this is
-- why positions stand in a table of their own.
CREATE TABLE events (
    aggregate_type text                          NOT NULL,
    aggregate_id   text                          NOT NULL,
    sequence       integer CHECK (sequence >= 0) NOT NULL,
    event_type     text                          NOT NULL,
    event_version  text                          NOT NULL,
    payload        text                          NOT NULL,
    metadata       text                          NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
) STRICT;

CREATE TABLE event_log (
    position       integer PRIMARY KEY,
    aggregate_type text    NOT NULL,
    aggregate_id   text    NOT NULL,
    sequence       integer NOT NULL,
    created_at     integer NOT NULL
) STRICT;

CREATE TRIGGER events_position AFTER INSERT ON events
BEGIN
    INSERT INTO event_log (position, aggregate_type, aggregate_id, sequence, created_at)
    VALUES ((SELECT coalesce(max(position), 0) + 1 FROM event_log),
            new.aggregate_type, new.aggregate_id, new.sequence, CAST(unixepoch('subsec') * 1000000 AS integer));
END;

CREATE TABLE idempotency (
    scope       text    NOT NULL,
    key         text    NOT NULL,
    fingerprint blob    NOT NULL,
    result      blob    NOT NULL,
    created_at  integer NOT NULL,
    expires_at  integer NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);

CREATE TABLE claim (
    name   text NOT NULL PRIMARY KEY,
    holder text NOT NULL
) STRICT;

-- A slot without expires_at is held until it is released.
CREATE TABLE slot (
    quota      text NOT NULL,
    holder     text NOT NULL,
    expires_at integer,
    PRIMARY KEY (quota, holder)
) STRICT;
CREATE INDEX slot_expires_at ON slot (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE projection (
    name       text    NOT NULL,
    version    integer NOT NULL,
    live       integer NOT NULL,
    checkpoint integer NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;

CREATE TABLE subscription_checkpoint (
    name     text    NOT NULL PRIMARY KEY,
    position integer NOT NULL
) STRICT;
