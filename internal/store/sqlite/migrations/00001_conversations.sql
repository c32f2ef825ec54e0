-- +goose Up

-- Times are milliseconds since 1970 in UTC. Ids and names are compared byte by
-- byte, in every dialect. A user id need not be in users: a user can be written
-- to before the first sign-in.

CREATE TABLE users (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- A friendship is one row, with the smaller id first.
CREATE TABLE friends (
    user_a     TEXT    NOT NULL,
    user_b     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_a, user_b),
    CHECK (user_a < user_b)
) STRICT, WITHOUT ROWID;

-- head_seq is the seq of the last event, first_seq that of the oldest one still
-- kept; last_at is the time of the last event and never goes back.
CREATE TABLE conversations (
    id           TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL CHECK (kind IN ('direct', 'room')),
    head_seq     INTEGER NOT NULL,
    first_seq    INTEGER NOT NULL DEFAULT 1,
    member_count INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE rooms (
    id                  TEXT    NOT NULL PRIMARY KEY,
    conversation_id     TEXT    NOT NULL UNIQUE REFERENCES conversations (id) ON DELETE CASCADE,
    name                TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    type                TEXT    NOT NULL CHECK (type IN ('public', 'private', 'direct')),
    max_members         INTEGER NOT NULL,
    allow_file_upload   INTEGER NOT NULL,
    allow_voice_message INTEGER NOT NULL,
    retention_ms        INTEGER NOT NULL,
    created_by          TEXT    NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT;

-- joined_seq is the seq of the event of joining, which is the order of age; the
-- two sides of a direct conversation have 0.
CREATE TABLE members (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         TEXT    NOT NULL,
    role            TEXT    NOT NULL CHECK (role IN ('admin', 'member')),
    joined_seq      INTEGER NOT NULL,
    joined_at       INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_user ON members (user_id, conversation_id);
CREATE INDEX members_by_age ON members (conversation_id, role, joined_seq);

CREATE TABLE bans (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         TEXT    NOT NULL,
    banned_by       TEXT    NOT NULL,
    banned_at       INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

-- An invitation is used up by joining.
CREATE TABLE invites (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         TEXT    NOT NULL,
    invited_by      TEXT    NOT NULL,
    invited_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

-- Marks outlive a membership: who comes back does not find all unread again.
CREATE TABLE read_marks (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         TEXT    NOT NULL,
    seq             INTEGER NOT NULL,
    read_at         INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

-- seq is that of the event of creation. Exactly one of room_id and recipient_id
-- is set; both are kept here so that a message can be read by itself.
-- fingerprint tells contents apart under one client_msg_id and is wiped with the
-- content.
CREATE TABLE messages (
    id              TEXT    NOT NULL PRIMARY KEY,
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    room_id         TEXT,
    recipient_id    TEXT,
    sender_id       TEXT    NOT NULL,
    sender_name     TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    type            TEXT    NOT NULL,
    client_msg_id   TEXT,
    fingerprint     BLOB,
    reply_to        TEXT,
    attachments     TEXT,
    created_at      INTEGER NOT NULL,
    edited_at       INTEGER,
    deleted_at      INTEGER,
    UNIQUE (conversation_id, seq),
    CHECK ((room_id IS NULL) <> (recipient_id IS NULL))
) STRICT;

CREATE UNIQUE INDEX messages_by_client_msg_id ON messages (sender_id, client_msg_id)
    WHERE client_msg_id IS NOT NULL;

-- The log of each conversation: what happened, and to whom or to which message.
-- Bodies are not kept here.
CREATE TABLE events (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    message_id      TEXT,
    user_id         TEXT,
    actor_id        TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;
