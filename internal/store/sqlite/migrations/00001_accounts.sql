-- Who there is: users, what they are found by, how they sign in, and what they are to
-- each other.
--
-- In all files times are milliseconds since 1970 in UTC, and ids and names are compared
-- byte by byte, in every dialect. A user id need not be in users: a user can be written
-- to, befriended or revoked before the first sign-in.

-- username is the login name of a local account as it was chosen. indexed_name is the
-- name that user_terms was filled from. last_seen_at is when the last device went.
CREATE TABLE users (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    username     TEXT,
    admin        INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER,
    indexed_name TEXT    NOT NULL DEFAULT ''
) STRICT;

-- What users are found by, folded; looked up by its beginning.
CREATE TABLE user_terms (
    term    TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (term, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_terms_by_user ON user_terms (user_id);

-- username_key is the login name in small letters.
CREATE TABLE local_accounts (
    user_id       TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    username_key  TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL
) STRICT;

-- A friendship is one row, with the smaller id first.
CREATE TABLE friends (
    user_a     TEXT    NOT NULL,
    user_b     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_a, user_b),
    CHECK (user_a < user_b)
) STRICT, WITHOUT ROWID;

CREATE INDEX friends_by_b ON friends (user_b, user_a);

-- A request to somebody who blocks the sender is kept here too, and not shown.
CREATE TABLE friend_requests (
    sender_id   TEXT    NOT NULL,
    receiver_id TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (sender_id, receiver_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX friend_requests_by_receiver ON friend_requests (receiver_id, sender_id);

CREATE TABLE blocks (
    blocker_id TEXT    NOT NULL,
    blocked_id TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX blocks_by_blocked ON blocks (blocked_id, blocker_id);

-- Tokens of the user that were issued by then are revoked.
CREATE TABLE revoked_users (
    user_id   TEXT    NOT NULL PRIMARY KEY,
    issued_by INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- until is when a token can be forgotten, NULL is never.
CREATE TABLE revoked_tokens (
    issuer   TEXT    NOT NULL,
    token_id TEXT    NOT NULL,
    until    INTEGER,
    PRIMARY KEY (issuer, token_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX revoked_tokens_by_until ON revoked_tokens (until) WHERE until IS NOT NULL;

-- hash is the SHA-256 of the key; scopes are separated by spaces.
CREATE TABLE api_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
