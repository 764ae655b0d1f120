-- The API nodes that may let validating nodes answer: whoever revokes waits for all of them. An id belongs to one
-- registration and never comes back, so that a node which was evicted cannot be taken for the one that came after it.
-- Times are unix microseconds; status is JSON about the node's own validating nodes.
CREATE TABLE api_node (
    id         text    NOT NULL PRIMARY KEY,
    address    text    NOT NULL,
    version    text    NOT NULL,
    started_at integer NOT NULL,
    suspended  integer NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1)),
    confirmed  integer NOT NULL CHECK (confirmed >= 0),
    read       integer NOT NULL CHECK (read >= 0),
    nodes      integer NOT NULL DEFAULT 0 CHECK (nodes >= 0),
    lapsed     integer NOT NULL DEFAULT 0 CHECK (lapsed >= 0),
    beat       integer NOT NULL DEFAULT 0,
    status     text
) STRICT;

-- The log's own name, so that a validating node does not lay one log's positions over another's.
CREATE TABLE log_identity (
    one integer NOT NULL PRIMARY KEY CHECK (one = 1),
    id  text    NOT NULL
) STRICT;
INSERT INTO log_identity (one, id) VALUES (1, lower(hex(randomblob(16))));
