-- How many events of each tenant lie at or before the relay's checkpoint (subscription_checkpoint, name `relay`). Moved in
-- one transaction with it, so that an event that is sent again has the number it had before.
CREATE TABLE relay_tenant_sequence (
    tenant   text    NOT NULL PRIMARY KEY,
    sequence integer NOT NULL
) STRICT;
