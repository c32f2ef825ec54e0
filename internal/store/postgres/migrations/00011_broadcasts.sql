-- What the application's backend says to many at a time. spec is what, and to whom, in JSON; fingerprint tells specs apart under one
-- key. A broadcast goes on at place, which is its step; failures are the first recipients whom it has not reached.
CREATE TABLE broadcasts (
    id          TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    kind        TEXT   NOT NULL COLLATE "C",
    unique_key  TEXT COLLATE "C",
    priority    BIGINT NOT NULL,
    spec        BYTEA  NOT NULL,
    fingerprint BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    send_at     BIGINT NOT NULL,
    state       TEXT   NOT NULL COLLATE "C",
    step        BIGINT NOT NULL,
    place       TEXT   NOT NULL COLLATE "C",
    reached     BIGINT NOT NULL,
    missed      BIGINT NOT NULL,
    failures    TEXT   NOT NULL COLLATE "C",
    error       TEXT   NOT NULL COLLATE "C",
    started_at  BIGINT,
    ended_at    BIGINT
);

CREATE UNIQUE INDEX broadcasts_by_key ON broadcasts (unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX broadcasts_by_end ON broadcasts (ended_at) WHERE ended_at IS NOT NULL;

-- The key by which push services know the servers of this database: its public half is in every subscription of a browser.
CREATE TABLE push_keys (
    one        BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    private    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

-- Devices that get notifications while they are not connected. The id is made of type and address.
CREATE TABLE push_subscriptions (
    id         TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    user_id    TEXT   NOT NULL COLLATE "C",
    type       TEXT   NOT NULL COLLATE "C",
    address    TEXT   NOT NULL COLLATE "C",
    public_key BYTEA  NOT NULL,
    auth       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX push_subscriptions_by_user ON push_subscriptions (user_id, created_at, id);
CREATE INDEX push_subscriptions_by_type ON push_subscriptions (type);

-- Of what users want to be told: of all conversations, where conversation_id is empty, or of one. Quiet hours are minutes of the day.
CREATE TABLE push_settings (
    user_id         TEXT   NOT NULL COLLATE "C",
    conversation_id TEXT   NOT NULL COLLATE "C",
    level           TEXT   NOT NULL COLLATE "C",
    muted_until     BIGINT NOT NULL,
    quiet_from      BIGINT NOT NULL,
    quiet_to        BIGINT NOT NULL,
    time_zone       TEXT   NOT NULL COLLATE "C",
    without_content BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
);

CREATE INDEX push_settings_all ON push_settings (conversation_id, user_id) WHERE level = 'all';
