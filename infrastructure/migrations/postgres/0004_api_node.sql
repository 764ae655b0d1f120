-- The API nodes that may let validating nodes answer: whoever revokes waits for all of them. An id belongs to one
-- registration and never comes back, so that a node which was evicted cannot be taken for the one that came after it.
-- Times are unix microseconds; status is JSON about the node's own validating nodes.
--
-- Rows change with every revocation and every beat: the free space keeps that within the page and out of the index.
CREATE TABLE api_node (
    id         text     PRIMARY KEY,
    address    text     NOT NULL,
    version    text     NOT NULL,
    started_at bigint   NOT NULL,
    suspended  smallint NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
    confirmed  bigint   NOT NULL CHECK (confirmed >= 0),
    read       bigint   NOT NULL CHECK (read >= 0),
    nodes      int      NOT NULL DEFAULT 0 CHECK (nodes >= 0),
    lapsed     int      NOT NULL DEFAULT 0 CHECK (lapsed >= 0),
    beat       bigint   NOT NULL DEFAULT 0,
    status     text
) WITH (fillfactor = 50);

-- The log's own name, so that a validating node does not lay one log's positions over another's.
CREATE TABLE log_identity (
    one smallint PRIMARY KEY CHECK (one = 1),
    id  text     NOT NULL
);
INSERT INTO log_identity (one, id) VALUES (1, replace(gen_random_uuid()::text, '-', ''));
