-- Files, from the first byte of their upload on. state is uploading, ready or removed: of the last only the bytes are to go. length is
-- what was announced, received how much of it is durable; metadata and concat are headers of the upload as they came. parts are the
-- blobs of an upload in their order, variants those that were made of a file, details what is known of it: all three JSON. expires_at
-- is when a file goes that nothing holds; none while a message carries it.
CREATE TABLE files (
    id         TEXT    NOT NULL PRIMARY KEY,
    owner_id   TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    concat     TEXT    NOT NULL,
    length     INTEGER NOT NULL,
    received   INTEGER NOT NULL,
    parts      TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    blob       TEXT    NOT NULL,
    processed  INTEGER NOT NULL,
    details    TEXT    NOT NULL,
    variants   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

CREATE INDEX files_by_owner ON files (owner_id, state, length, size);
CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;

-- Which messages carry which files.
CREATE TABLE file_uses (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    file_id         TEXT    NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    PRIMARY KEY (conversation_id, seq, file_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX file_uses_by_file ON file_uses (file_id);
