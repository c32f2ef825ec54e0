-- Whose users the users are: the issuer whose tokens speak for them. NULL is unknown: an
-- external user of before this was kept. Local accounts are the server's own.
ALTER TABLE users ADD COLUMN issuer TEXT;
-- When that was changed last: a server looks now and then, because the operator's commands
-- write beside it.
ALTER TABLE users ADD COLUMN reassigned_at INTEGER;
UPDATE users SET issuer = 'sockeye' WHERE id IN (SELECT user_id FROM local_accounts);
CREATE INDEX users_of_nobody ON users (issuer, id) WHERE issuer IS NULL;
CREATE INDEX users_reassigned ON users (reassigned_at) WHERE reassigned_at IS NOT NULL;

-- What quotas count: the rooms that a user has made, and those that the user is in, without
-- direct conversations.
CREATE INDEX rooms_by_creator ON rooms (created_by);
CREATE INDEX members_of_rooms ON members (user_id) WHERE joined_seq > 0;

-- Lists of contacts are read by pages, the newest first.
CREATE INDEX friends_of_a_by_time ON friends (user_a, created_at, user_b);
CREATE INDEX friends_of_b_by_time ON friends (user_b, created_at, user_a);
CREATE INDEX friend_requests_sent_by_time ON friend_requests (sender_id, created_at, receiver_id);
CREATE INDEX friend_requests_received_by_time ON friend_requests (receiver_id, created_at, sender_id);
CREATE INDEX blocks_by_time ON blocks (blocker_id, created_at, blocked_id);

-- What is written to see whether anything can be.
CREATE TABLE probes (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at  INTEGER NOT NULL
) STRICT;

-- From where somebody who knew the password of an account has come.
CREATE TABLE sign_ins (
    user_id TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

-- What login names look like; the program computes it, also of the accounts that are there.
CREATE TABLE login_skeletons (
    skeleton TEXT NOT NULL,
    user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (skeleton, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_skeletons_by_user ON login_skeletons (user_id);
