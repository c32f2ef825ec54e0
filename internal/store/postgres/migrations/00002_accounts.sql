-- Who there is: users, what they are found by, how they sign in, and what they are to each other.
--
-- A user id need not be in users: a user can be written to, befriended or revoked before the first sign-in. What is kept of
-- a user has the user's id first in its key. What is looked up by something else has that in an index of its own, or is
-- unique by it: local_accounts and login_skeletons by names, api_keys and revoked_tokens, which stay small.

-- username is the login name of a local account as it was chosen. issuer is whose users the user is one of; NULL is
-- unknown. reassigned_at is when that was changed last. last_seen_at is when the last device went: it changes often, and
-- therefore stands in no index.
CREATE TABLE users (
    id            TEXT NOT NULL COLLATE "C" PRIMARY KEY,
    name          TEXT NOT NULL COLLATE "C",
    username      TEXT COLLATE "C",
    issuer        TEXT COLLATE "C",
    admin         BOOLEAN NOT NULL DEFAULT false,
    created_at    BIGINT  NOT NULL,
    last_seen_at  BIGINT,
    reassigned_at BIGINT
);

CREATE INDEX users_admin ON users (id) WHERE admin;
CREATE INDEX users_of_nobody ON users (id) WHERE issuer IS NULL;
CREATE INDEX users_reassigned ON users (reassigned_at, id) WHERE reassigned_at IS NOT NULL;

-- What users are found by, folded; looked up by its beginning.
CREATE TABLE user_terms (
    user_id TEXT NOT NULL COLLATE "C",
    term    TEXT NOT NULL COLLATE "C",
    PRIMARY KEY (user_id, term)
);

CREATE INDEX user_terms_by_term ON user_terms (term, user_id);

-- username_key is the login name in small letters.
CREATE TABLE local_accounts (
    user_id       TEXT NOT NULL COLLATE "C" PRIMARY KEY,
    username_key  TEXT NOT NULL COLLATE "C" UNIQUE,
    password_hash TEXT NOT NULL COLLATE "C"
);

-- What login names look like; the program computes it. One account claims a skeleton, which processes that make accounts at
-- once learn by the unique index. Accounts that looked alike already when they were copied here share it: the others claim
-- nothing.
CREATE TABLE login_skeletons (
    user_id  TEXT NOT NULL COLLATE "C",
    skeleton TEXT NOT NULL COLLATE "C",
    claimed  BOOLEAN NOT NULL DEFAULT true,
    PRIMARY KEY (user_id, skeleton)
);

CREATE INDEX login_skeletons_by_skeleton ON login_skeletons (skeleton);
CREATE UNIQUE INDEX login_skeletons_claimed ON login_skeletons (skeleton) WHERE claimed;

-- From where somebody who knew the password of an account has come.
CREATE TABLE sign_ins (
    user_id TEXT NOT NULL COLLATE "C",
    address TEXT NOT NULL COLLATE "C",
    at      BIGINT NOT NULL,
    PRIMARY KEY (user_id, address)
);

-- A friendship is one row, with the smaller id first.
CREATE TABLE friends (
    user_a     TEXT NOT NULL COLLATE "C",
    user_b     TEXT NOT NULL COLLATE "C",
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_a, user_b),
    CHECK (user_a < user_b)
);

CREATE INDEX friends_by_b ON friends (user_b, user_a);
-- Lists of contacts are read by pages, the newest first.
CREATE INDEX friends_of_a_by_time ON friends (user_a, created_at, user_b);
CREATE INDEX friends_of_b_by_time ON friends (user_b, created_at, user_a);

-- A request to somebody who blocks the sender is kept here too, and not shown.
CREATE TABLE friend_requests (
    sender_id   TEXT NOT NULL COLLATE "C",
    receiver_id TEXT NOT NULL COLLATE "C",
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (sender_id, receiver_id)
);

CREATE INDEX friend_requests_sent_by_time ON friend_requests (sender_id, created_at, receiver_id);
CREATE INDEX friend_requests_received_by_time ON friend_requests (receiver_id, created_at, sender_id);

CREATE TABLE blocks (
    blocker_id TEXT NOT NULL COLLATE "C",
    blocked_id TEXT NOT NULL COLLATE "C",
    created_at BIGINT NOT NULL,
    PRIMARY KEY (blocker_id, blocked_id)
);

CREATE INDEX blocks_by_blocked ON blocks (blocked_id, blocker_id);
CREATE INDEX blocks_by_time ON blocks (blocker_id, created_at, blocked_id);

-- Tokens of the user that were issued by then are revoked. A server looks now and then for the latest, because the
-- operator's commands write beside it.
CREATE TABLE revoked_users (
    user_id   TEXT NOT NULL COLLATE "C" PRIMARY KEY,
    issued_by BIGINT NOT NULL
);

CREATE INDEX revoked_users_by_time ON revoked_users (issued_by, user_id);

-- until is when a token can be forgotten, NULL is never. An id may be any text of up to 8 KiB: it is kept as bytes, for text
-- with a NUL is refused by the database, and compared by its digest, for it may be longer than what an index holds.
CREATE TABLE revoked_tokens (
    issuer   TEXT NOT NULL COLLATE "C",
    digest   BYTEA NOT NULL GENERATED ALWAYS AS (sha256(token_id)) STORED,
    token_id BYTEA NOT NULL,
    until    BIGINT,
    PRIMARY KEY (issuer, digest)
);

CREATE INDEX revoked_tokens_by_until ON revoked_tokens (until) WHERE until IS NOT NULL;

-- hash is the SHA-256 of the key; scopes are separated by spaces.
CREATE TABLE api_keys (
    id         TEXT NOT NULL COLLATE "C" PRIMARY KEY,
    hash       BYTEA NOT NULL UNIQUE,
    name       TEXT NOT NULL COLLATE "C",
    scopes     TEXT NOT NULL COLLATE "C",
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

-- Addresses that are not let in until a time. An IPv6 address stands for its /64.
CREATE TABLE blocked_addresses (
    address    TEXT NOT NULL COLLATE "C" PRIMARY KEY,
    until      BIGINT NOT NULL,
    reason     TEXT NOT NULL COLLATE "C",
    blocked_by TEXT NOT NULL COLLATE "C",
    created_at BIGINT NOT NULL
);

-- What the server's own tokens are signed with: value, or NULL where every server is given it. fingerprint tells one secret
-- from another without saying either.
CREATE TABLE secrets (
    name        TEXT NOT NULL COLLATE "C" PRIMARY KEY,
    value       TEXT COLLATE "C",
    fingerprint BYTEA NOT NULL
);
