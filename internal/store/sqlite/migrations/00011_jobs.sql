-- What is to be done, beside what has caused it. unique_key is that of one job at a time which has not ended. cron is when a
-- recurring job is due again, or empty. A job that somebody has claimed has a lease until leased_until; attempts have failed,
-- lost ended with their process. priority is -1 for high, 0, and 1 for low.
CREATE TABLE jobs (
    id           TEXT    NOT NULL PRIMARY KEY,
    kind         TEXT    NOT NULL,
    priority     INTEGER NOT NULL CHECK (priority BETWEEN -1 AND 1),
    unique_key   TEXT,
    payload      BLOB    NOT NULL,
    cron         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'running', 'cancelling', 'done', 'dead', 'cancelled')),
    run_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    lost         INTEGER NOT NULL DEFAULT 0,
    error        TEXT,
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    lease        TEXT,
    leased_until INTEGER
) STRICT;

CREATE INDEX jobs_due ON jobs (kind, priority, run_at) WHERE state = 'waiting';
CREATE INDEX jobs_leased ON jobs (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (state, ended_at, id, kind) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND ended_at IS NULL;

-- Kinds of which no job is begun.
CREATE TABLE paused_kinds (
    kind TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
