-- Where people talk, who may, and how far each has read.

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

CREATE INDEX conversations_by_time ON conversations (last_at);

-- folded is name and description as a search compares them.
CREATE TABLE rooms (
    id                  TEXT    NOT NULL PRIMARY KEY,
    conversation_id     TEXT    NOT NULL UNIQUE REFERENCES conversations (id) ON DELETE CASCADE,
    name                TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    folded              TEXT    NOT NULL,
    type                TEXT    NOT NULL CHECK (type IN ('public', 'private', 'direct')),
    max_members         INTEGER NOT NULL,
    allow_file_upload   INTEGER NOT NULL,
    allow_voice_message INTEGER NOT NULL,
    retention_ms        INTEGER NOT NULL,
    created_by          TEXT    NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT;

CREATE INDEX rooms_public ON rooms (id) WHERE type = 'public';

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
CREATE INDEX members_by_age ON members (conversation_id, joined_seq, user_id);
CREATE INDEX members_admins ON members (conversation_id) WHERE role = 'admin';

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

CREATE INDEX invites_by_user ON invites (user_id);

-- Who was kicked and has not come back: to kick again is no error.
CREATE TABLE kicks (
    conversation_id TEXT    NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id         TEXT    NOT NULL,
    kicked_at       INTEGER NOT NULL,
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
