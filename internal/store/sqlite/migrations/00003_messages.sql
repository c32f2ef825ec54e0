-- +goose Up

-- What was said, what became of it, and the log that tells both in order.

-- seq is that of the event of creation. ordinal is the place of a message among all, in
-- the order of their storing. Exactly one of room_id and recipient_id is set; both are
-- kept here so that a message can be read by itself. fingerprint tells contents apart
-- under one client_msg_id and is wiped with the content. thread_id is the root of the
-- replies that a message is one of. attachments and mentions, the ids of those named in
-- the content, are JSON.
CREATE TABLE messages (
    id              TEXT    NOT NULL PRIMARY KEY,
    ordinal         INTEGER NOT NULL,
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
    thread_id       TEXT,
    attachments     TEXT,
    mentions        TEXT,
    created_at      INTEGER NOT NULL,
    edited_at       INTEGER,
    deleted_at      INTEGER,
    pinned_at       INTEGER,
    pinned_by       TEXT,
    UNIQUE (conversation_id, seq),
    CHECK ((room_id IS NULL) <> (recipient_id IS NULL))
) STRICT;

CREATE UNIQUE INDEX messages_by_ordinal ON messages (ordinal);
CREATE UNIQUE INDEX messages_by_client_msg_id ON messages (sender_id, client_msg_id)
    WHERE client_msg_id IS NOT NULL;
CREATE INDEX messages_by_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_pinned ON messages (conversation_id, seq) WHERE pinned_at IS NOT NULL;
-- What is unread is counted here, without a look at the messages: deleted_at stands
-- in it for that reason alone.
CREATE INDEX messages_unread ON messages (conversation_id, seq, sender_id, deleted_at) WHERE deleted_at IS NULL;

-- Who is named where, of messages that are not deleted.
CREATE TABLE mentions (
    user_id         TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    PRIMARY KEY (user_id, conversation_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX mentions_by_message ON mentions (conversation_id, seq);

-- One emoji under one message, with the seq of its first giving.
CREATE TABLE reaction_groups (
    message_id TEXT    NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji      TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    first_seq  INTEGER NOT NULL,
    PRIMARY KEY (message_id, emoji)
) STRICT, WITHOUT ROWID;

CREATE TABLE reactions (
    message_id TEXT    NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji      TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
) STRICT, WITHOUT ROWID;

-- The log of each conversation: what happened, and to whom or to which message. Bodies
-- are not kept here. detail is what of an event is kept nowhere else: an emoji, which a
-- delete wipes; a role; why somebody left; how many were added.
CREATE TABLE events (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    message_id      TEXT,
    user_id         TEXT,
    actor_id        TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    detail          TEXT,
    PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_of_reactions ON events (message_id) WHERE kind IN ('reaction.added', 'reaction.removed');
