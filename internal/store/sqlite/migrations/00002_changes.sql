-- +goose Up

-- ordinal is the place of a message among all, in the order of their storing.
-- thread_id is the root of the replies that a message is one of. mentions are the
-- ids of those named in the content, as JSON like attachments.
ALTER TABLE messages ADD COLUMN ordinal INTEGER;
ALTER TABLE messages ADD COLUMN thread_id TEXT;
ALTER TABLE messages ADD COLUMN mentions TEXT;
ALTER TABLE messages ADD COLUMN pinned_at INTEGER;
ALTER TABLE messages ADD COLUMN pinned_by TEXT;

UPDATE messages SET ordinal = rowid;
CREATE UNIQUE INDEX messages_by_ordinal ON messages (ordinal);

CREATE INDEX messages_by_reply ON messages (reply_to);
WITH RECURSIVE thread (id, root) AS (
    SELECT id, id FROM messages WHERE reply_to IS NULL
    UNION ALL
    SELECT m.id, t.root FROM messages m JOIN thread t ON m.reply_to = t.id)
UPDATE messages SET thread_id = (SELECT root FROM thread t WHERE t.id = messages.id) WHERE reply_to IS NOT NULL;
DROP INDEX messages_by_reply;

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

-- detail is what of an event is kept nowhere else: an emoji, which a delete wipes;
-- a role; why somebody left; how many were added.
ALTER TABLE events ADD COLUMN detail TEXT;
CREATE INDEX events_of_reactions ON events (message_id) WHERE kind IN ('reaction.added', 'reaction.removed');

CREATE INDEX conversations_by_time ON conversations (last_at);

-- Who was kicked and has not come back: to kick again is no error.
CREATE TABLE kicks (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         TEXT    NOT NULL,
    kicked_at       INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX invites_by_user ON invites (user_id);

-- folded is name and description as a search compares them, NULL until the program
-- has made it.
ALTER TABLE rooms ADD COLUMN folded TEXT;
CREATE INDEX rooms_public ON rooms (id) WHERE type = 'public';
CREATE INDEX rooms_unfolded ON rooms (id) WHERE folded IS NULL;
