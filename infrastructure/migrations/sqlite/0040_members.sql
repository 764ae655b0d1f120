-- Hashes of members' passwords, encrypted. The log names the one that counts by its id and holds none of them: what people
-- choose can be guessed, and the log is never rewritten. A row that no event names is left from a command that failed.
CREATE TABLE member_password (
    password_id text NOT NULL PRIMARY KEY,
    member_id   text NOT NULL,
    sealed      blob NOT NULL
) STRICT;
CREATE INDEX member_password_member ON member_password (member_id);

-- When something was last asked in each session that may still live. Whether it does is decided by the log: a session without
-- a row here is over, and a row proves nothing. Times are unix microseconds; address and user agent are encrypted with the
-- member's key.
CREATE TABLE member_session (
    session_id text    NOT NULL PRIMARY KEY,
    tenant_id  text    NOT NULL,
    member_id  text    NOT NULL,
    began_at   integer NOT NULL,
    seen_at    integer NOT NULL,
    ends_at    integer NOT NULL,
    ip         text,
    user_agent text
) STRICT;
CREATE INDEX member_session_tenant ON member_session (tenant_id, began_at, session_id);
CREATE INDEX member_session_ends_at ON member_session (ends_at);
