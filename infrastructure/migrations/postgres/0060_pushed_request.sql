-- Authorization requests that clients pushed (RFC 9126), under SHA-256 of the reference that each got for it. They are sealed, and
-- go when somebody has decided on them or when they run out. Times are unix microseconds.
CREATE TABLE pushed_request (
    reference  text NOT NULL PRIMARY KEY,
    key_id     text NOT NULL,
    sealed     bytea NOT NULL,
    opened     bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX pushed_request_expires_at ON pushed_request (expires_at);
