-- What the application's backend says to many at a time. spec is what, and to whom, in JSON; fingerprint tells specs apart under one
-- key. A broadcast goes on at place, which is its step; failures are the first recipients whom it has not reached.
CREATE TABLE broadcasts (
    id          TEXT    NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    unique_key  TEXT,
    priority    INTEGER NOT NULL,
    spec        BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    send_at     INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    step        INTEGER NOT NULL,
    place       TEXT    NOT NULL,
    reached     INTEGER NOT NULL,
    missed      INTEGER NOT NULL,
    failures    TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER
) STRICT;

CREATE UNIQUE INDEX broadcasts_by_key ON broadcasts (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX broadcasts_by_end ON broadcasts (ended_at) WHERE ended_at IS NOT NULL;

-- The key by which push services know the servers of this database: its public half is in every subscription of a browser.
CREATE TABLE push_keys (
    one        INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    private    BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Devices that get notifications while they are not connected. The id is made of type and address.
CREATE TABLE push_subscriptions (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    public_key BLOB    NOT NULL,
    auth       BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX push_subscriptions_by_user ON push_subscriptions (user_id, created_at, id);
CREATE INDEX push_subscriptions_by_type ON push_subscriptions (type);

-- Of what users want to be told: of all conversations, where conversation_id is empty, or of one. Quiet hours are minutes of the day.
CREATE TABLE push_settings (
    user_id         TEXT    NOT NULL,
    conversation_id TEXT    NOT NULL,
    level           TEXT    NOT NULL,
    muted_until     INTEGER NOT NULL,
    quiet_from      INTEGER NOT NULL,
    quiet_to        INTEGER NOT NULL,
    time_zone       TEXT    NOT NULL,
    without_content INTEGER NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX push_settings_all ON push_settings (conversation_id, user_id) WHERE level = 'all';
