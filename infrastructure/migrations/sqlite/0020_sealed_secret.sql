-- Secrets that must be had again to be used: the private halves of signing keys, and tenants' secrets for service JWTs. Each is
-- sealed under a key out of the master key and bound to its context, and goes when nothing needs it any more.
CREATE TABLE sealed_secret (
    context text NOT NULL PRIMARY KEY,
    sealed  text NOT NULL
) STRICT;
