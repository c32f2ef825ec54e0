-- What is to be done, beside what has caused it. unique_key is that of one job at a time which has not ended. cron is when a
-- recurring job is due again, or empty. A job that somebody has claimed has a lease until leased_until, by the database's
-- clock; a lease begins with the id of its server and a colon. attempts have failed, lost ended with their process. priority
-- is -1 for high, 0, and 1 for low.
CREATE TABLE jobs (
    id           TEXT    NOT NULL COLLATE "C" PRIMARY KEY,
    kind         TEXT    NOT NULL COLLATE "C",
    priority     BIGINT  NOT NULL CHECK (priority BETWEEN -1 AND 1),
    unique_key   TEXT    COLLATE "C",
    payload      BYTEA   NOT NULL,
    cron         TEXT    NOT NULL COLLATE "C",
    state        TEXT    NOT NULL COLLATE "C" CHECK (state IN ('waiting', 'running', 'cancelling', 'done', 'dead', 'cancelled')),
    run_at       BIGINT  NOT NULL,
    attempts     BIGINT  NOT NULL DEFAULT 0,
    lost         BIGINT  NOT NULL DEFAULT 0,
    error        TEXT    COLLATE "C",
    created_at   BIGINT  NOT NULL,
    ended_at     BIGINT,
    lease        TEXT    COLLATE "C",
    leased_until BIGINT
);

CREATE INDEX jobs_due ON jobs (kind, priority, run_at) WHERE state = 'waiting';
CREATE INDEX jobs_leased ON jobs (leased_until) WHERE leased_until IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (state, ended_at, id, kind) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND ended_at IS NULL;

-- Kinds of which no job is begun.
CREATE TABLE paused_kinds (
    kind TEXT NOT NULL COLLATE "C" PRIMARY KEY
);
