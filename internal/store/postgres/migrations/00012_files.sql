-- Files, from the first byte of their upload on. state is uploading, ready or removed: of the last only the bytes are to go. length is
-- what was announced, received how much of it is durable; metadata and concat are headers of the upload as they came. parts are the
-- blobs of an upload in their order, variants those that were made of a file, details what is known of it: all three JSON. expires_at
-- is when a file goes that nothing holds; none while a message carries it.
CREATE TABLE files (
    id         TEXT    NOT NULL COLLATE "C" PRIMARY KEY,
    owner_id   TEXT    NOT NULL COLLATE "C",
    state      TEXT    NOT NULL COLLATE "C",
    name       TEXT    NOT NULL COLLATE "C",
    metadata   TEXT    NOT NULL COLLATE "C",
    concat     TEXT    NOT NULL COLLATE "C",
    length     BIGINT  NOT NULL,
    received   BIGINT  NOT NULL,
    parts      TEXT    NOT NULL COLLATE "C",
    type       TEXT    NOT NULL COLLATE "C",
    size       BIGINT  NOT NULL,
    blob       TEXT    NOT NULL COLLATE "C",
    processed  BOOLEAN NOT NULL,
    details    TEXT    NOT NULL COLLATE "C",
    variants   TEXT    NOT NULL COLLATE "C",
    created_at BIGINT  NOT NULL,
    expires_at BIGINT
);

CREATE INDEX files_by_owner ON files (owner_id, state, length, size);
CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;

-- Which messages carry which files.
CREATE TABLE file_uses (
    conversation_id TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    file_id         TEXT   NOT NULL COLLATE "C",
    PRIMARY KEY (conversation_id, seq, file_id)
);

CREATE INDEX file_uses_by_file ON file_uses (file_id);
