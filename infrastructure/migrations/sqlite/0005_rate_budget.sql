-- Which node holds which share of a subject's rate limits: one JSON document per subject, changed under the row's lock.
-- A row that nobody changed for longer than a lease and a window says nothing any more and may be deleted.
CREATE TABLE rate_budget (
    subject text   NOT NULL PRIMARY KEY,
    ledger  text   NOT NULL,
    changed integer NOT NULL
) STRICT;
CREATE INDEX rate_budget_changed ON rate_budget (changed);
