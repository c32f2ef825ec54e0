-- Where people talk, who may, how far each has read, what was said, and what became of it.
--
-- In all files times are milliseconds since 1970 in UTC, and texts are compared byte by byte,
-- whatever the database's own order is. The key of a table that grows begins with the
-- conversation or the user whose rows they are, so that a database that spreads its rows over
-- machines can spread them by that. There are no foreign keys, for the same reason.

-- What the servers know of themselves. The epoch is new after a restore: a client that comes with
-- another one has seen what is not there any more, and starts afresh. readable_from is the
-- schema that a program must know at least to work with this one.
CREATE TABLE server (
    one           INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch         TEXT    NOT NULL COLLATE "C",
    readable_from BIGINT  NOT NULL
);
INSERT INTO server (one, epoch, readable_from)
    VALUES (1, substr(replace(gen_random_uuid()::text, '-', ''), 17), 1);

-- Who writes: each process once, from its start to its end. n is the number of its last commit. serves is of the one that
-- serves from the database, and of those before; who is ended may not write any more, because another one does.
CREATE TABLE writers (
    id       BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    n        BIGINT  NOT NULL DEFAULT 0,
    began_at BIGINT  NOT NULL,
    serves   BOOLEAN NOT NULL DEFAULT false,
    ended    BOOLEAN NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- What was committed, numbered for each writer without holes. places is JSON: of each conversation
-- that grew its id, the seq of the first entry of its log and that of the last.
CREATE TABLE commits (
    writer BIGINT NOT NULL,
    n      BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    places TEXT   NOT NULL COLLATE "C",
    PRIMARY KEY (writer, n)
);
CREATE INDEX commits_by_time ON commits (at);

-- What is written to see whether anything can be.
CREATE TABLE probes (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at  BIGINT  NOT NULL
);

-- head_seq is the seq of the last event, first_seq that of the oldest one still kept; last_at is
-- the time of the last event and never goes back.
CREATE TABLE conversations (
    id           TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    kind         TEXT   NOT NULL CHECK (kind IN ('direct', 'room')),
    head_seq     BIGINT NOT NULL,
    first_seq    BIGINT NOT NULL DEFAULT 1,
    member_count BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX conversations_by_time ON conversations (last_at);

-- folded is name and description as a search compares them.
CREATE TABLE rooms (
    id                  TEXT    NOT NULL COLLATE "C" PRIMARY KEY,
    conversation_id     TEXT    NOT NULL COLLATE "C" UNIQUE,
    name                TEXT    NOT NULL COLLATE "C",
    description         TEXT    NOT NULL COLLATE "C",
    folded              TEXT    NOT NULL COLLATE "C",
    type                TEXT    NOT NULL COLLATE "C" CHECK (type IN ('public', 'private', 'direct')),
    max_members         BIGINT  NOT NULL,
    allow_file_upload   BOOLEAN NOT NULL,
    allow_voice_message BOOLEAN NOT NULL,
    retention_ms        BIGINT  NOT NULL,
    created_by          TEXT    NOT NULL COLLATE "C",
    created_at          BIGINT  NOT NULL
);
CREATE INDEX rooms_public ON rooms (id) WHERE type = 'public';
-- What a quota counts.
CREATE INDEX rooms_by_creator ON rooms (created_by);

-- joined_seq is the seq of the event of joining, which is the order of age; the two sides of a
-- direct conversation have 0.
CREATE TABLE members (
    conversation_id TEXT   NOT NULL COLLATE "C",
    user_id         TEXT   NOT NULL COLLATE "C",
    role            TEXT   NOT NULL COLLATE "C" CHECK (role IN ('admin', 'member')),
    joined_seq      BIGINT NOT NULL,
    joined_at       BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, conversation_id);
CREATE INDEX members_by_age ON members (conversation_id, joined_seq, user_id);
CREATE INDEX members_admins ON members (conversation_id) WHERE role = 'admin';
-- What a quota counts: the rooms that a user is in, without direct conversations.
CREATE INDEX members_of_rooms ON members (user_id) WHERE joined_seq > 0;

CREATE TABLE bans (
    conversation_id TEXT   NOT NULL COLLATE "C",
    user_id         TEXT   NOT NULL COLLATE "C",
    banned_by       TEXT   NOT NULL COLLATE "C",
    banned_at       BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);

-- An invitation is used up by joining.
CREATE TABLE invites (
    conversation_id TEXT   NOT NULL COLLATE "C",
    user_id         TEXT   NOT NULL COLLATE "C",
    invited_by      TEXT   NOT NULL COLLATE "C",
    invited_at      BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX invites_by_user ON invites (user_id);

-- Who was kicked and has not come back: to kick again is no error.
CREATE TABLE kicks (
    conversation_id TEXT   NOT NULL COLLATE "C",
    user_id         TEXT   NOT NULL COLLATE "C",
    kicked_at       BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);

-- Marks outlive a membership: who comes back does not find all unread again.
CREATE TABLE read_marks (
    conversation_id TEXT   NOT NULL COLLATE "C",
    user_id         TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    read_at         BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);

-- ordinal orders messages of all conversations as they were stored; seq is a message's place in
-- the log of its conversation. Exactly one of room_id and recipient_id is set; both are kept here
-- so that a message can be read by itself. fingerprint tells contents apart under one
-- client_msg_id and is wiped with the content. thread_id is the root of the replies that a message
-- is one of. attachments and mentions, the ids of those named in the content, are JSON. words are
-- what the message is found by; the program cuts the content into them. What the key includes is
-- for counting what is unread, without a look at the messages.
CREATE TABLE messages (
    conversation_id TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    id              TEXT   NOT NULL COLLATE "C",
    ordinal         BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY,
    room_id         TEXT   COLLATE "C",
    recipient_id    TEXT   COLLATE "C",
    sender_id       TEXT   NOT NULL COLLATE "C",
    sender_name     TEXT   NOT NULL COLLATE "C",
    content         TEXT   NOT NULL COLLATE "C",
    type            TEXT   NOT NULL COLLATE "C",
    client_msg_id   TEXT   COLLATE "C",
    fingerprint     BYTEA,
    reply_to        TEXT   COLLATE "C",
    thread_id       TEXT   COLLATE "C",
    attachments     TEXT   COLLATE "C",
    mentions        TEXT   COLLATE "C",
    created_at      BIGINT NOT NULL,
    edited_at       BIGINT,
    deleted_at      BIGINT,
    pinned_at       BIGINT,
    pinned_by       TEXT   COLLATE "C",
    words           TEXT[] COLLATE "C",
    PRIMARY KEY (conversation_id, seq) INCLUDE (sender_id, deleted_at),
    CHECK ((room_id IS NULL) <> (recipient_id IS NULL))
);
CREATE UNIQUE INDEX messages_by_id ON messages (id, conversation_id);
CREATE INDEX messages_by_word ON messages USING gin (words) WITH (gin_pending_list_limit = 256);
CREATE INDEX messages_by_thread ON messages (conversation_id, thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_pinned ON messages (conversation_id, seq) WHERE pinned_at IS NOT NULL;

-- Under which client_msg_id a user has sent what.
CREATE TABLE sends (
    sender_id       TEXT   NOT NULL COLLATE "C",
    client_msg_id   TEXT   NOT NULL COLLATE "C",
    conversation_id TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    PRIMARY KEY (sender_id, client_msg_id)
);

-- Who is named where, of messages that are not deleted.
CREATE TABLE mentions (
    user_id         TEXT   NOT NULL COLLATE "C",
    conversation_id TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    PRIMARY KEY (user_id, conversation_id, seq)
);
CREATE INDEX mentions_by_message ON mentions (conversation_id, seq);

-- One emoji under one message, with the seq of its first giving. message_seq is the message's.
CREATE TABLE reaction_groups (
    conversation_id TEXT   NOT NULL COLLATE "C",
    message_seq     BIGINT NOT NULL,
    emoji           TEXT   NOT NULL COLLATE "C",
    count           BIGINT NOT NULL,
    first_seq       BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, message_seq, emoji)
);

CREATE TABLE reactions (
    conversation_id TEXT   NOT NULL COLLATE "C",
    message_seq     BIGINT NOT NULL,
    emoji           TEXT   NOT NULL COLLATE "C",
    user_id         TEXT   NOT NULL COLLATE "C",
    PRIMARY KEY (conversation_id, message_seq, emoji, user_id)
);

-- What happened but new messages, and to whom or to which message. detail is what of it is kept
-- nowhere else: an emoji, which a delete wipes; a role; why somebody left; how many were added.
CREATE TABLE changes (
    conversation_id TEXT   NOT NULL COLLATE "C",
    seq             BIGINT NOT NULL,
    kind            TEXT   NOT NULL COLLATE "C" CHECK (kind <> 'message.created'),
    message_id      TEXT   COLLATE "C",
    user_id         TEXT   COLLATE "C",
    actor_id        TEXT   NOT NULL COLLATE "C",
    at              BIGINT NOT NULL,
    detail          TEXT   COLLATE "C",
    PRIMARY KEY (conversation_id, seq)
);
CREATE INDEX changes_of_reactions ON changes (conversation_id, message_id)
    WHERE kind IN ('reaction.added', 'reaction.removed');

-- The log of each conversation, where every seq of it is once. A message is its own entry: most
-- entries are messages, and would be written twice.
CREATE VIEW events AS
    SELECT conversation_id, seq, 'message.created' AS kind, id AS message_id,
        NULL::text AS user_id, sender_id AS actor_id, created_at AS at, NULL::text AS detail
    FROM messages
    UNION ALL
    SELECT conversation_id, seq, kind, message_id, user_id, actor_id, at, detail FROM changes;
