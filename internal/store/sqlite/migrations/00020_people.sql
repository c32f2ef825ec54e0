-- disabled_at is since when a user is not let in; NULL is that the user is. switched_at is when that was changed last: a server
-- looks now and then, because the operator's commands write beside it.
ALTER TABLE users ADD COLUMN disabled_at INTEGER;
ALTER TABLE users ADD COLUMN switched_at INTEGER;
CREATE INDEX users_disabled ON users (id) WHERE disabled_at IS NOT NULL;
CREATE INDEX users_switched ON users (switched_at, id) WHERE switched_at IS NOT NULL;
