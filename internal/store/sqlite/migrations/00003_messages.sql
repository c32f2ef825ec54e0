-- What was said, what became of it, and the log that tells both in order.

-- ordinal is the place of a message among all, in the order of their storing; seq is its
-- place in the log of its conversation. Exactly one of room_id and recipient_id is set;
-- both are kept here so that a message can be read by itself. fingerprint tells contents
-- apart under one client_msg_id and is wiped with the content. thread_id is the root of
-- the replies that a message is one of. attachments and mentions, the ids of those named
-- in the content, are JSON.
CREATE TABLE messages (
    ordinal         INTEGER NOT NULL PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
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
    CHECK ((room_id IS NULL) <> (recipient_id IS NULL))
) STRICT;

-- History is read by this index. What is unread is counted in it, without a look at the
-- messages: the last two columns stand in it for that reason alone.
CREATE INDEX messages_by_seq ON messages (conversation_id, seq, sender_id, deleted_at);
CREATE UNIQUE INDEX messages_by_client_msg_id ON messages (sender_id, client_msg_id)
    WHERE client_msg_id IS NOT NULL;
CREATE INDEX messages_by_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_pinned ON messages (conversation_id, seq) WHERE pinned_at IS NOT NULL;

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

-- What happened but new messages, and to whom or to which message. detail is what of it
-- is kept nowhere else: an emoji, which a delete wipes; a role; why somebody left; how
-- many were added.
CREATE TABLE changes (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq             INTEGER NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind <> 'message.created'),
    message_id      TEXT,
    user_id         TEXT,
    actor_id        TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    detail          TEXT,
    PRIMARY KEY (conversation_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX changes_of_reactions ON changes (message_id) WHERE kind IN ('reaction.added', 'reaction.removed');

-- The log of each conversation, where every seq of it is once. A message is its own
-- entry: most entries are messages, and would be written twice. The casts give both
-- halves the same types, without which SQLite would not use their indexes.
CREATE VIEW events AS
    SELECT conversation_id, seq, CAST('message.created' AS TEXT) AS kind, id AS message_id,
        CAST(NULL AS TEXT) AS user_id, sender_id AS actor_id, created_at AS at, CAST(NULL AS TEXT) AS detail
    FROM messages
    UNION ALL
    SELECT conversation_id, seq, kind, message_id, user_id, actor_id, at, detail FROM changes;
