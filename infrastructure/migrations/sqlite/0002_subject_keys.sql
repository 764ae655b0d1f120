-- Keys that encrypt personal data in events, one per subject, wrapped by the master key. Erasing a
-- subject deletes its row: what was encrypted with the key can never be read again.
CREATE TABLE subject_key (
    subject TEXT NOT NULL PRIMARY KEY,
    wrapped BLOB NOT NULL
);
